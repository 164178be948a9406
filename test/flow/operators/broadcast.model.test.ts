/** Several subscribers of one broadcast, at random: against a model, and with callbacks that do anything. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  broadcast,
  OverflowError,
  SlowSubscriberError,
  type Drop,
  type MonitoredStage,
  type SlowPolicy,
  type SubscriberOptions,
} from '../../../src/index.js';
import { ManualConsumer, ManualSource } from '../../../src/testing/index.js';

const runs = Number(process.env['SLUICE_RUNS'] ?? 1_000);
const FAILURE = new Error('the source failed');

const policy = fc.oneof(
  fc.constant<SubscriberOptions>({}),
  fc.constant<SubscriberOptions>({ slow: 'latest' }),
  fc.record({ slow: fc.constantFrom<SlowPolicy>('drop-oldest', 'evict'), maxLag: fc.integer({ min: 1, max: 4 }) }),
);
const overflow = fc.constantFrom('error' as const, 'drop-oldest' as const, 'drop-newest' as const);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ send: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ offer: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ join: policy }) },
  { weight: 6, arbitrary: fc.record({ request: fc.nat(5), values: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ leave: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ end: fc.constantFrom('complete' as const, 'error' as const) }) },
);
const CAPACITY = 4;
/** Callbacks that still react: some answer each other for ever. */
const MOST = 300;

/** One subscriber, as plain as can be. */
interface ModelSubscriber {
  readonly limit: number;
  readonly slow: SlowPolicy;
  queue: number[];
  credit: number;
  readonly got: number[];
  readonly skipped: number[];
  readonly cancelled: number[];
  end: unknown;
}

/** What `broadcast` promises, without a ring: each subscriber has a queue of its own. */
class Model {
  readonly subscribers: ModelSubscriber[] = [];
  readonly refused: number[] = [];
  /** The last values, for newcomers. */
  private recent: number[] = [];
  private over: unknown;

  constructor(
    private readonly replay: number,
    private readonly overflow: 'error' | 'drop-oldest' | 'drop-newest',
  ) {}

  get open(): ModelSubscriber[] {
    return this.subscribers.filter(({ end }) => end === undefined);
  }

  get requested(): number {
    if (this.over !== undefined || this.open.length === 0) return 0;
    const lags = this.open.filter(({ slow }) => slow === 'block').map(({ queue }) => queue.length);
    return CAPACITY - Math.max(0, ...lags);
  }

  join({ slow = 'block', maxLag = CAPACITY }: SubscriberOptions): void {
    const limit = slow === 'block' ? Infinity : slow === 'latest' ? 1 : maxLag;
    const queue = this.recent.slice(Math.max(0, this.recent.length - Math.min(this.replay, limit)));
    const subscriber = { slow, limit, queue, credit: 0, got: [], skipped: [], cancelled: [], end: undefined };
    this.subscribers.push(subscriber);
    this.settle(subscriber);
  }

  send(value: number): void {
    if (this.over !== undefined || this.open.length === 0) return;
    const blocked = this.open.filter(({ slow, queue }) => slow === 'block' && queue.length >= CAPACITY);
    if (blocked.length > 0 && this.overflow !== 'drop-oldest') {
      this.refused.push(value);
      if (this.overflow === 'error') this.endWith('overflow');
      return;
    }
    for (const one of this.open) {
      if (one.slow === 'evict' && one.queue.length >= CAPACITY) this.leave(one, 'evicted');
    }
    if (this.open.length === 0) return;
    for (const { queue, skipped } of blocked) skipped.push(queue.shift()!);
    this.recent.push(value);
    for (const subscriber of this.open) {
      subscriber.queue.push(value);
      this.settle(subscriber);
    }
  }

  request(subscriber: ModelSubscriber, values: number): void {
    if (subscriber.end !== undefined) return;
    subscriber.credit += values;
    this.settle(subscriber);
  }

  leave(subscriber: ModelSubscriber, end: unknown = 'left'): void {
    if (subscriber.end !== undefined) return;
    (end === 'evicted' ? subscriber.skipped : subscriber.cancelled).push(...subscriber.queue.splice(0));
    subscriber.end = end;
    if (this.open.length === 0 && this.over === undefined) this.recent = []; // the connection is given up
  }

  endWith(end: unknown): void {
    if (this.over !== undefined || this.open.length === 0) return;
    this.over = end;
    for (const subscriber of this.open) this.settle(subscriber);
  }

  private settle(subscriber: ModelSubscriber): void {
    const { queue, got, skipped, limit, slow } = subscriber;
    for (; subscriber.credit > 0 && queue.length > 0; subscriber.credit--) got.push(queue.shift()!);
    if (queue.length > limit && slow === 'evict') return this.leave(subscriber, 'evicted');
    while (queue.length > limit) skipped.push(queue.shift()!);
    if (this.over !== undefined && queue.length === 0) subscriber.end = this.over;
  }
}

const endOf = (consumer: ManualConsumer<number>, left: boolean): unknown => {
  if (left) return 'left';
  if (typeof consumer.end !== 'object') return consumer.end;
  const { error } = consumer.end;
  if (error instanceof SlowSubscriberError) return 'evicted';
  return error instanceof OverflowError ? 'overflow' : error === FAILURE ? 'error' : error;
};

describe('broadcast', () => {
  test('each subscriber gets what it would get from a queue of its own', () => {
    const replays = fc.nat(CAPACITY);
    const property = fc.property(fc.array(step, { maxLength: 50 }), replays, overflow, (script, replay, policy) => {
      const source = new ManualSource<number>();
      const drops: Drop[] = [];
      const shared = broadcast(source, {
        capacity: CAPACITY,
        replay,
        overflow: policy,
        resetOnComplete: false,
        resetOnError: false,
        onDrop: (drop) => void drops.push(drop),
      });
      const model = new Model(replay, policy);
      const consumers: ManualConsumer<number>[] = [];
      const left = new Set<number>();
      let value = 0;
      const send = (): void => {
        model.send(value);
        source.send(value++);
      };
      for (const act of script) {
        if ('send' in act) for (let i = 0; i <= act.send; i++) send();
        if ('offer' in act) for (let i = 0; i <= act.offer && model.requested > 0; i++) send();
        if ('end' in act) {
          model.endWith(act.end);
          if (act.end === 'complete') source.complete();
          else source.error(FAILURE);
        }
        if ('join' in act) {
          model.join(act.join);
          consumers.push(new ManualConsumer(shared.with({ ...act.join, name: String(consumers.length) })));
        }
        if ('request' in act && consumers[act.request]) {
          model.request(model.subscribers[act.request]!, act.values);
          consumers[act.request]!.request(act.values);
        }
        if ('leave' in act && consumers[act.leave]) {
          if (model.subscribers[act.leave]!.end === undefined) left.add(act.leave);
          model.leave(model.subscribers[act.leave]!);
          consumers[act.leave]!.unsubscribe();
        }
        expect(source.requested).toBe(model.requested);
        const dropped = (stage: string, reason: string): unknown[] =>
          drops.filter((drop) => drop.stage === stage && drop.reason === reason).map(({ value }) => value);
        expect(dropped('broadcast', 'overflow')).toEqual(model.refused);
        model.subscribers.forEach((expected, i) => {
          const consumer = consumers[i]!;
          expect(consumer.values).toEqual(expected.got);
          expect(endOf(consumer, left.has(i))).toBe(expected.end);
          expect(dropped(String(i), 'evicted')).toEqual(expected.skipped);
          expect(dropped(String(i), 'cancelled')).toEqual(expected.cancelled);
        });
      }
    });
    fc.assert(property, { numRuns: runs });
  }, 60_000);

  test('callbacks that ask, send, leave, throw others out and bring others in break no promise', () => {
    const reaction = fc.constantFrom('ask', 'ask', 'ask', 'send', 'sendMany', 'leave', 'oust', 'join', 'nothing');
    const reactions = fc.array(reaction, { minLength: 1, maxLength: 8 });
    const property = fc.property(fc.array(step, { maxLength: 40 }), reactions, policy, (script, reacts, late) => {
      const source = new ManualSource<number>();
      const stages: MonitoredStage[] = [];
      const drops: Drop[] = [];
      const consumers: { consumer: ManualConsumer<number>; stage: MonitoredStage; blocks: boolean }[] = [];
      let value = 0;
      let calls = 0;
      let wrong: string | undefined;

      const look = (): void => {
        for (const { name, ledger, held } of stages) {
          const sum = ledger.out + ledger.dropped + ledger.held;
          const limit = name === 'broadcast' ? CAPACITY : ledger.held; // a subscriber that the ring replays to may be behind it
          if (ledger.in !== sum || ledger.held !== held || held < 0 || held > limit) {
            wrong ??= `${name}: ${JSON.stringify(ledger)}, held ${held}`;
          }
        }
      };
      const send = (): void => {
        if (source.open > 0 && source.requested > 0) source.send(value++);
      };
      const react = (own: () => ManualConsumer<number>): void => {
        look();
        if (++calls > MOST) return;
        const act = reacts[calls % reacts.length];
        if (act === 'ask') own().request(1);
        if (act === 'send') send();
        if (act === 'sendMany') for (let i = 0; i < 3; i++) send();
        if (act === 'leave') own().unsubscribe();
        if (act === 'oust') consumers[calls % consumers.length]?.consumer.unsubscribe();
        if (act === 'join' && consumers.length < 8) join(late);
      };
      const shared = broadcast(source, {
        capacity: CAPACITY,
        replay: 2,
        onDrop: (drop) => {
          drops.push(drop);
          if (++calls < MOST && calls % 3 === 0) send();
        },
        monitor: { add: (stage) => void stages.push(stage) },
      });
      const join = (options: SubscriberOptions): void => {
        const name = `subscriber ${consumers.length}`;
        const entry = { consumer: undefined as never as ManualConsumer<number>, blocks: !options.slow };
        consumers.push({ ...entry, stage: undefined as never });
        const mine = consumers.at(-1)!;
        mine.consumer = new ManualConsumer(shared.with({ ...options, name }), () => react(() => mine.consumer));
        mine.stage = stages.find((stage) => stage.name === name)!;
      };
      for (const act of script) {
        if ('send' in act) for (let i = 0; i <= act.send; i++) send();
        if ('offer' in act) for (let i = 0; i <= act.offer; i++) send();
        if ('join' in act && consumers.length < 8) join(act.join);
        if ('request' in act) consumers[act.request]?.consumer.request(act.values);
        if ('leave' in act) consumers[act.leave]?.consumer.unsubscribe();
        if ('end' in act) source.complete();
        look();
      }
      for (const { consumer } of consumers) consumer.unsubscribe();
      look();
      expect(wrong).toBeUndefined();
      expect(source.open).toBe(0);
      for (const { consumer, stage, blocks } of consumers) {
        const mine = drops.filter((drop) => drop.stage === stage.name);
        expect(stage.ledger).toMatchObject({ out: consumer.values.length, dropped: mine.length, held: 0 });
        if (blocks) expect(mine.filter(({ reason }) => reason !== 'cancelled')).toEqual([]);
        // Nothing twice, nothing between the first and the last that was neither taken nor reported.
        const all = [...consumer.values, ...mine.map((drop) => drop.value as number)].sort((a, b) => a - b);
        const [first = 0] = all;
        expect(all).toEqual(all.map((_, i) => first + i));
        expect(consumer.values).toEqual([...consumer.values].sort((a, b) => a - b));
      }
    });
    fc.assert(property, { numRuns: runs });
  }, 60_000);
});
