/** `handle` at the end of a real queue: what it says of a message is what the queue makes of it. */
import { filter, NEVER, of, retry, tap } from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import {
  adaptive,
  batchDeliveries,
  handle,
  mergeDeliveries,
  splitDelivery,
  type BreakerCounts,
  type HandleOptions,
  type Handled,
  type Handler,
} from '../../src/index.js';
import { memoryStore } from '../../src/stores/memory/index.js';
import { queue, type Queue } from '../../src/queue/index.js';
import { VirtualTime } from '../../src/testing/index.js';
import { rig } from '../queue/rig.js';
import { settled } from './messages.js';

const fails = (): never => {
  throw new Error('no');
};

const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

function setUp(maxAttempts: number): { numbers: Queue<number>; time: VirtualTime } {
  const time = new VirtualTime();
  const { scheduler } = time;
  const options = { maxAttempts, backoff: () => 1_000, scheduler };
  return { numbers: queue<number>(memoryStore({ scheduler }), 'numbers', options), time };
}

function failing(numbers: Queue<number>, options: Partial<HandleOptions<number>>): Handled[] {
  const seen: Handled[] = [];
  const work = numbers.deliveries().pipe(handle<number>(fails, { concurrency: 1, ...options }));
  const subscription = work.subscribe((handled) => seen.push(handled));
  ends.push(() => subscription.unsubscribe());
  return seen;
}

describe('a message whose attempts are over for the queue', () => {
  test('is dead to who listens, and to the breaker', async () => {
    const { numbers, time } = setUp(2);
    await numbers.publishMany(Array.from({ length: 100 }, (_, i) => i));
    const trips: BreakerCounts[] = [];
    const onTrip = (counts: BreakerCounts): void => void trips.push(counts);
    const seen = failing(numbers, { deadLetterBreaker: { run: 5, onTrip }, scheduler: time.scheduler });
    while (seen.length < 100) await settled();
    expect([seen.length, new Set(seen.map(({ outcome }) => outcome))]).toEqual([100, new Set(['nack'])]);
    time.advanceBy(1_000);
    while (seen.length < 105) await settled();
    await settled();
    expect(trips.map(({ run }) => run)).toEqual([5]);
    const last = seen.slice(100).map(({ outcome, reason, error }) => [outcome, reason, (error as Error).message]);
    expect(last).toEqual(new Array(5).fill(['dead', 'attempts', 'no']));
    expect((await numbers.stats()).dead).toBe(5);
  });

  test.each([
    ['a batch of it', batchDeliveries<number>({ size: 1, within: 1_000 })],
    ['a part of it', splitDelivery((value: number) => [value, value])],
  ])('%s is dead too', async (_, stage) => {
    const { numbers } = setUp(1);
    await numbers.publish(1);
    const seen: Handled[] = [];
    const deliveries = numbers.deliveries().pipe(stage as ReturnType<typeof batchDeliveries<number>>);
    const subscription = deliveries.pipe(handle(fails, { concurrency: 1 })).subscribe((handled) => seen.push(handled));
    ends.push(() => subscription.unsubscribe());
    await settled();
    expect(new Set(seen.map(({ outcome, reason }) => `${outcome} ${reason}`))).toEqual(new Set(['dead attempts']));
  });
});

test('of parts that fail, one with a delay of its own, the longer of that and the backoff of the queue counts', async () => {
  for (const [delay, least] of [
    [0, 1_000],
    [5_000, 5_000],
  ] as const) {
    const { numbers, time } = setUp(9);
    const attempts: number[] = [];
    const subscription = numbers.deliveries().subscribe((delivery) => {
      attempts.push(delivery.attempt);
      const [one, other] = delivery.split('ab');
      void one!.nack({ delay });
      void other!.nack();
    });
    ends.push(() => subscription.unsubscribe());
    await numbers.publish(1);
    await settled();
    time.advanceBy(least - 1);
    await settled();
    expect(attempts).toEqual([1]);
    time.advanceBy(1);
    await settled();
    expect(attempts).toEqual([1, 2]);
  }
});

describe('the lease of a message that was split', () => {
  test.each<[string, Handler<string>]>([
    ['splits it, and settles that', (_value, { delivery }) => delivery.split([1]).forEach((part) => void part.ack())],
    ['merges it, and settles that', (_value, { delivery }) => void mergeDeliveries([delivery]).ack()],
    ['splits it, and forgets that', (_value, { delivery }) => void delivery.split([1])],
  ])('is kept for one part while the handler of another %s', async (_, handler) => {
    const { orders, pass, time } = rig<string>({ visibilityTimeout: 1_000 });
    await orders.publish('ab');
    const log: string[] = [];
    const work: Handler<string> = (value, context) => {
      log.push(`${value} ${context.attempt}`);
      if (value === 'a') return handler(value, context);
      context.signal.addEventListener('abort', () => log.push('lost'));
      return new Promise(() => undefined);
    };
    const subscription = orders
      .deliveries()
      .pipe(
        splitDelivery<string, string>((text) => text),
        handle(work, { concurrency: 2, scheduler: time.scheduler }),
      )
      .subscribe();
    ends.push(() => subscription.unsubscribe());
    await pass(3_000, 100);
    expect(log).toEqual(['a 1', 'b 1']);
  });

  test('ends where one part was settled before it came to be handled, and the other is forgotten', async () => {
    const { orders, pass, time } = rig<string>({ visibilityTimeout: 1_000 });
    await orders.publish('ab');
    const attempts: number[] = [];
    const subscription = orders
      .deliveries()
      .pipe(
        splitDelivery<string, string>((text) => text),
        filter(({ value }) => value === 'a'),
        tap((part) => {
          attempts.push(part.attempt);
          void part.ack();
        }),
        handle(() => undefined, { concurrency: 1, scheduler: time.scheduler }),
      )
      .subscribe();
    ends.push(() => subscription.unsubscribe());
    await pass(3_000, 100);
    expect(attempts.slice(0, 2)).toEqual([1, 2]);
  });
});

test.each<[string, Handler<string>, Partial<HandleOptions<string>>]>([
  ['a `retry` that throws', fails, { retry: fails }],
  ['a `retry` that says no delay', fails, { retry: () => NaN }],
  ['a handler that returns an Observable', () => of(1), {}],
  ['an `isOverload` that throws for what failed', fails, { concurrency: adaptive({ max: 2, isOverload: fails }) }],
])('behind %s stands a stream that ends for each message until that is dead', async (_, handler, options) => {
  const { orders, pass, time } = rig<string>({ maxAttempts: 3, backoff: () => 10 });
  await orders.publish('a');
  const attempts: number[] = [];
  const log: Handler<string> = (value, context) => {
    attempts.push(context.attempt);
    return handler(value, context);
  };
  const settings = { concurrency: 1, scheduler: time.scheduler, ...options };
  let failures = 0;
  const subscription = orders
    .deliveries()
    .pipe(handle(log, settings), retry({ delay: () => (++failures < 50 ? of(0) : NEVER) }))
    .subscribe();
  ends.push(() => subscription.unsubscribe());
  await pass(50, 10);
  expect([attempts, failures]).toEqual([[1, 2, 3], 3]);
  expect(await orders.stats()).toMatchObject({ ready: 0, inFlight: 0, dead: 1 });
});
