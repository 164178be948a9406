/** A queue in virtual time, and a consumer that takes what the test asks for. */
import { queue, type Queue, type QueueOptions, type Store } from '../../src/queue/index.js';
import { memoryStore } from '../../src/stores/memory/index.js';
import type { Delivery } from '../../src/delivery/delivery.js';
import { ManualConsumer, VirtualTime } from '../../src/testing/index.js';

/** Lets all that can happen without time passing happen. */
export const settled = async (): Promise<void> => {
  // The store answers in the next turn of the event loop where it has answered enough in this one.
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
};

const TURNS = 20;

export interface Rig<T> {
  readonly time: VirtualTime;
  readonly store: Store;
  readonly orders: Queue<T>;
  readonly consumer: (maxInFlight?: number) => ManualConsumer<Delivery<T>>;
  /** Moves the clock, and lets happen what comes of it, step by step. */
  readonly pass: (ms: number, step?: number) => Promise<void>;
}

export function rig<T = number>(options: QueueOptions<T> = {}, wrap = (store: Store): Store => store): Rig<T> {
  const time = new VirtualTime();
  const { scheduler } = time;
  const store = wrap(memoryStore({ scheduler }));
  const orders = queue<T>(store, 'orders', { scheduler, ...options });
  return {
    time,
    store,
    orders,
    consumer: (maxInFlight) => new ManualConsumer(orders.deliveries({ maxInFlight })),
    pass: async (ms, step = ms) => {
      await settled();
      for (let passed = 0; passed < ms; passed += step) {
        time.advanceBy(Math.min(step, ms - passed));
        await settled();
      }
    },
  };
}

export interface Watched<T> {
  state: 'waiting' | 'done' | 'failed';
  value: T | undefined;
  error: unknown;
}

/** What became of a promise, as far as can be known now. */
export function watch<T>(promise: Promise<T>): Watched<T> {
  const watched: Watched<T> = { state: 'waiting', value: undefined, error: undefined };
  promise.then(
    (value) => Object.assign(watched, { state: 'done', value }),
    (error: unknown) => Object.assign(watched, { state: 'failed', error }),
  );
  return watched;
}

export function valuesOf<T>(consumer: ManualConsumer<Delivery<T>>): T[] {
  return consumer.values.map(({ value }) => value);
}

/** All that an iterable gives. */
export async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}
