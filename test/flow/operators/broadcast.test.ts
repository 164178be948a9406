import { config, map, Observable, repeat, Subject, take } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import {
  boundedBuffer,
  broadcast,
  drain,
  OptionError,
  OverflowError,
  pull,
  Sink,
  SlowSubscriberError,
  type BroadcastOptions,
  type Drop,
  type MonitoredStage,
  type SubscriberOptions,
} from '../../../src/index.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../../src/testing/index.js';

function setUp(options: Partial<BroadcastOptions<number>> = {}) {
  const time = new VirtualTime();
  const drops: Drop[] = [];
  const stages: MonitoredStage[] = [];
  const source = new ManualSource<number>();
  const shared = broadcast(source, {
    capacity: 3,
    onDrop: (drop) => void drops.push(drop),
    scheduler: time.scheduler,
    monitor: { add: (stage) => void stages.push(stage) },
    ...options,
  });
  const subscribe = (policy: SubscriberOptions = {}, asked = 0): ManualConsumer<number> => {
    const consumer = new ManualConsumer(shared.with(policy));
    if (asked > 0) consumer.request(asked);
    return consumer;
  };
  const send = (...values: number[]): void => values.forEach((value) => source.send(value));
  return { time, drops, stages, source, shared, subscribe, send };
}

const dropped = (drops: Drop[]): unknown[] => drops.map(({ value, reason, stage }) => [value, reason, stage]);
const errorOf = (consumer: ManualConsumer<number>): unknown => (consumer.end as { error: unknown }).error;

describe('broadcast', () => {
  test('one subscription of the source, values round by round, as fast as the slowest that blocks', () => {
    const { source, subscribe } = setUp();
    const slow = subscribe();
    const fast = subscribe({}, 9);
    expect([source.subscriptions, source.requested]).toEqual([1, 3]);
    for (let i = 1; i <= 5; i++) source.sendOnDemand(i);
    expect([fast.values, slow.values, source.unsent]).toEqual([[1, 2, 3], [], 2]);
    slow.request(2);
    expect([fast.values, slow.values, source.unsent]).toEqual([[1, 2, 3, 4, 5], [1, 2], 0]);
  });

  test('with nobody limiting downstream it is `share`: marbles', () => {
    new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(
      ({ hot, expectObservable, expectSubscriptions }) => {
        const source = hot('--a-(bc)-d|');
        const shared = broadcast(source, { capacity: 1 });
        expectObservable(shared).toBe('--a-(bc)-d|');
        expectObservable(shared.with({ slow: 'latest' }), '---^--!').toBe('----(bc)');
        expectSubscriptions(source.subscriptions).toBe('^---------!');
      },
    );
  });

  test('one that is slow by any policy but block delays nobody', () => {
    const { subscribe, send } = setUp();
    const fast = subscribe({}, 99);
    for (const slow of ['drop-oldest', 'latest', 'evict'] as const) subscribe({ slow });
    send(1, 2, 3, 4, 5, 6, 7);
    expect(fast.values).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('drop-oldest and latest: what is skipped is reported with the name of the subscriber', () => {
    const { subscribe, send, drops, stages } = setUp();
    const some = subscribe({ slow: 'drop-oldest', maxLag: 2, name: 'some' });
    const newest = subscribe({ slow: 'latest' });
    send(1, 2, 3);
    expect(dropped(drops)).toEqual([
      [1, 'evicted', 'broadcast/latest'],
      [1, 'evicted', 'some'],
      [2, 'evicted', 'broadcast/latest'],
    ]);
    some.request(9);
    newest.request(9);
    expect([some.values, newest.values]).toEqual([[2, 3], [3]]);
    expect(stages.map(({ ledger }) => ledger)).toEqual([
      { stage: 'broadcast', in: 3, out: 3, dropped: 0, reasons: {}, held: 0 },
      { stage: 'some', in: 3, out: 2, dropped: 1, reasons: { evicted: 1 }, held: 0 },
      { stage: 'broadcast/latest', in: 3, out: 1, dropped: 2, reasons: { evicted: 2 }, held: 0 },
    ]);
  });

  test('evict: a SlowSubscriberError for one that is too far behind; what waited for it is reported', () => {
    const { subscribe, send, drops, stages } = setUp({ name: 'prices' });
    const other = subscribe({}, 9);
    const slow = subscribe({ slow: 'evict', maxLag: 2 });
    send(1, 2);
    expect(slow.end).toBeUndefined();
    send(3, 4);
    expect(errorOf(slow)).toBeInstanceOf(SlowSubscriberError);
    expect(errorOf(slow)).toMatchObject({ stage: 'prices/evict', lag: 3, code: 'SLUICE_SLOW_SUBSCRIBER' });
    expect((errorOf(slow) as Error).message).toBe(
      '`prices/evict` was too slow and was unsubscribed: it was more than 2 values behind (`maxLag`)',
    );
    expect(dropped(drops)).toEqual([1, 2, 3].map((value) => [value, 'evicted', 'prices/evict']));
    expect([other.values, stages[0]!.held, stages[2]!.ledger.dropped]).toEqual([[1, 2, 3, 4], 0, 3]);
  });

  test('evict by age: by the clock, with one timer, which is off when nobody is behind', () => {
    const { subscribe, send, time, drops } = setUp();
    const slow = subscribe({ slow: 'evict', maxAge: 100 });
    const other = subscribe({ slow: 'evict', maxAge: 150 });
    expect(time.pending).toBe(0);
    send(1);
    time.advanceBy(60);
    send(2);
    expect(time.pending).toBe(1);
    slow.request(1);
    time.advanceBy(89);
    expect([slow.end, other.end]).toEqual([undefined, undefined]);
    time.advanceBy(1);
    expect((errorOf(other) as Error).message).toContain('a value waited for it for more than 150 ms (`maxAge`)');
    slow.request(1);
    expect([slow.values, time.pending]).toEqual([[1, 2], 0]);
    send(3);
    time.advanceBy(100);
    expect(errorOf(slow)).toMatchObject({ lag: 1 });
    expect(drops.map(({ value, age }) => [value, age])).toEqual([
      [1, 150],
      [2, 90],
      [3, 100],
    ]);
    expect(time.pending).toBe(0);
  });

  test('one that is late by the clock is evicted also when it asks before the timer has gone off', () => {
    const { time, shared, source } = setUp();
    let late = 0;
    const scheduler = { now: () => time.now + late, schedule: time.scheduler.schedule.bind(time.scheduler) };
    const hub = broadcast(source, { capacity: 3, scheduler });
    const slow = new ManualConsumer(hub.with({ slow: 'evict', maxAge: 100 }));
    source.send(1);
    late = 100;
    slow.request(1);
    expect([slow.values, errorOf(slow) instanceof SlowSubscriberError]).toEqual([[], true]);
    expect([time.pending, shared]).toEqual([0, shared]);
  });

  test('a source that overruns one that blocks: OverflowError for all, each after what waits for it', () => {
    const { subscribe, send, source, drops } = setUp({ name: 'prices' });
    const [slow, fast] = [subscribe(), subscribe({}, 9)];
    send(1, 2, 3, 4, 5);
    expect([source.open, dropped(drops)]).toEqual([0, [[4, 'overflow', 'prices']]]);
    expect([fast.values, slow.end]).toEqual([[1, 2, 3], undefined]);
    expect(errorOf(fast)).toMatchObject({ stage: 'prices', capacity: 3, code: 'SLUICE_OVERFLOW' });
    slow.request(3);
    expect([slow.values, errorOf(slow) instanceof OverflowError]).toEqual([[1, 2, 3], true]);
  });

  test.each([
    ['drop-newest', [1, 2, 3], [1, 2, 3], [4, 'overflow', 'broadcast']],
    ['drop-oldest', [2, 3, 4], [1, 2, 3, 4], [1, 'evicted', 'broadcast/block']],
  ] as const)('overflow %s', (overflow, kept, passed, drop) => {
    const { subscribe, send, drops } = setUp({ overflow });
    const [slow, fast] = [subscribe(), subscribe({}, 9)];
    send(1, 2, 3, 4);
    slow.request(9);
    expect([slow.values, fast.values, dropped(drops)]).toEqual([kept, passed, [drop]]);
  });

  test('late joiners start now, or with the last values that were sent', () => {
    for (const [replay, expected] of [
      [0, [4]],
      [2, [2, 3, 4]],
      [3, [1, 2, 3, 4]],
    ] as const) {
      const { subscribe, send } = setUp({ replay });
      subscribe({}, 9);
      send(1, 2, 3);
      const late = subscribe({}, 9);
      send(4);
      expect(late.values).toEqual(expected);
    }
  });

  test('a replay is bounded as everything is: the source waits for the one that is replayed to', () => {
    const { subscribe, send, source } = setUp({ replay: 2 });
    subscribe({}, 9);
    send(1, 2, 3);
    expect(source.requested).toBe(3);
    const late = subscribe();
    expect(source.requested).toBe(1);
    late.request(1);
    expect([late.values, source.requested]).toEqual([[2], 2]);
  });

  test('what is replayed makes no newcomer too slow', () => {
    const { subscribe, send, time } = setUp({ replay: 3 });
    subscribe({}, 9);
    send(1, 2, 3);
    time.advanceBy(1_000);
    const [latest, behind, late] = [
      subscribe({ slow: 'latest' }),
      subscribe({ slow: 'evict', maxLag: 2 }),
      subscribe({ slow: 'evict', maxAge: 100 }),
    ];
    time.advanceBy(99);
    for (const consumer of [latest, behind, late]) consumer.request(9);
    expect([latest.values, behind.values, late.values]).toEqual([[3], [2, 3], [1, 2, 3]]);
  });

  test('completion reaches each subscriber when it has taken what waits for it', () => {
    const { subscribe, send, source } = setUp();
    const [slow, fast, latest] = [subscribe(), subscribe({}, 9), subscribe({ slow: 'latest' })];
    send(1, 2);
    source.complete();
    expect([fast.end, slow.end, latest.end]).toEqual(['complete', undefined, undefined]);
    latest.request(1);
    expect([latest.values, latest.end]).toEqual([[2], 'complete']);
    slow.request(2);
    expect([slow.values, slow.end]).toEqual([[1, 2], 'complete']);
  });

  test.each(['complete', 'error'] as const)('resets on %s: who comes later has the source subscribed anew', (how) => {
    const { subscribe, send, source } = setUp({ replay: 1 });
    const first = subscribe();
    send(1);
    if (how === 'complete') source.complete();
    else source.error(how);
    const second = subscribe({}, 9);
    send(2);
    first.request(9);
    expect([source.subscriptions, first.values, second.values]).toEqual([2, [1], [2]]);
  });

  test.each(['complete', 'error'] as const)(
    'no reset on %s: who comes later is replayed to, and told the end',
    (how) => {
      const { subscribe, send, source, drops } = setUp({ replay: 2, resetOnComplete: false, resetOnError: false });
      subscribe({}, 9);
      send(1, 2, 3);
      if (how === 'complete') source.complete();
      else source.error(how);
      const late = subscribe();
      late.request(1);
      expect([late.values, late.end]).toEqual([[2], undefined]);
      const gone = subscribe();
      gone.unsubscribe();
      late.request(1);
      expect([late.values, late.end]).toEqual([[2, 3], how === 'complete' ? 'complete' : { error: 'error' }]);
      expect([source.subscriptions, drops.map(({ value }) => value)]).toEqual([1, [2, 3]]);
    },
  );

  test('the source is unsubscribed with the last subscriber, and subscribed anew by the next', () => {
    const { subscribe, source, send, drops, stages } = setUp({ replay: 3 });
    const [one, two] = [subscribe(), subscribe()];
    send(1, 2);
    one.request(1);
    one.unsubscribe();
    expect([source.open, stages[0]!.held]).toEqual([1, 2]);
    two.unsubscribe();
    expect([source.open, stages[0]!.held]).toEqual([0, 0]);
    expect(dropped(drops)).toEqual([
      [2, 'cancelled', 'broadcast/block'],
      [1, 'cancelled', 'broadcast/block 2'],
      [2, 'cancelled', 'broadcast/block 2'],
    ]);
    expect(subscribe({}, 9).values).toEqual([]);
    expect(source.subscriptions).toBe(2);
  });

  test('resetOnRefCountZero: false keeps the source, which is not asked while nobody is there', () => {
    const { subscribe, source, send, stages } = setUp({ replay: 1, resetOnRefCountZero: false });
    const first = subscribe();
    first.unsubscribe();
    source.sendOnDemand(1);
    expect([source.open, source.requested, source.unsent]).toEqual([1, 0, 1]);
    send(2); // by a source that can not wait
    const second = subscribe({}, 9);
    expect([second.values, source.unsent, source.subscriptions]).toEqual([[2, 1], 0, 1]);
    expect(stages[0]!.ledger).toMatchObject({ in: 2, out: 2, held: 0 });
    second.unsubscribe();
    source.complete();
  });

  test('with nobody who blocks the source is not slowed', () => {
    const { subscribe, source } = setUp();
    const latest = subscribe({ slow: 'latest' });
    for (let i = 0; i < 100; i++) source.sendOnDemand(i);
    expect([source.unsent, source.requested]).toEqual([0, 3]);
    latest.request(1);
    expect(latest.values).toEqual([99]);
  });

  test('a subscriber that throws is told so, and harms nobody else', () => {
    class Throwing extends Sink<number> {
      protected override _next(): void {
        throw new Error('mine');
      }
    }
    const { shared, subscribe, send } = setUp();
    let seen: unknown;
    const throwing = new Throwing({
      next: () => undefined,
      error: (error) => void (seen = error),
      complete: () => undefined,
    });
    throwing.request(9);
    shared.subscribe(throwing);
    const other = subscribe({}, 9);
    send(1, 2);
    expect([seen, other.values]).toEqual([new Error('mine'), [1, 2]]);
  });

  test('an observer that throws is reported by RxJS, and goes on', async () => {
    const reported = new Promise<unknown>((resolve) => (config.onUnhandledError = resolve));
    const { shared, subscribe, send } = setUp();
    const seen: number[] = [];
    shared.subscribe((value) => {
      seen.push(value);
      if (value === 1) throw new Error('mine');
    });
    const other = subscribe({}, 9);
    send(1, 2);
    expect(await reported).toMatchObject({ message: 'mine' });
    expect([seen, other.values]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    config.onUnhandledError = null;
  });

  test('onDrop that throws ends the stream for all; when one has left, it is reported as unhandled', async () => {
    const failure = new Error('mine');
    const onDrop = (): never => {
      throw failure;
    };
    const { subscribe, send, source } = setUp({ onDrop });
    const [block, latest] = [subscribe(), subscribe({ slow: 'latest' })];
    const reports: unknown[] = [];
    const reported = new Promise<void>((resolve) => {
      config.onUnhandledError = (error) => {
        if (reports.push(error) === 3) resolve();
      };
    });
    send(1, 2);
    expect([errorOf(block), errorOf(latest), source.open]).toEqual([failure, failure, 0]);
    await reported; // 1 and 2 waited for `block`, 2 for `latest`: they are cancelled
    expect(reports).toEqual([failure, failure, failure]);
    config.onUnhandledError = null;
  });

  test('inside next: one leaves, throws the next one out, brings one in and sends; order holds for each', () => {
    const source = new Subject<number>();
    const shared = broadcast(source, { capacity: 8 });
    const log: string[] = [];
    const late: string[] = [];
    shared.subscribe((value) => {
      log.push(`a${value}`);
      if (value !== 1) return;
      victim.unsubscribe();
      shared.subscribe((value) => late.push(`d${value}`));
      source.next(2);
      source.next(3);
    });
    const victim = shared.subscribe((value) => log.push(`b${value}`));
    shared.pipe(take(2)).subscribe((value) => log.push(`c${value}`));
    source.next(1);
    source.next(4);
    expect(log).toEqual(['a1', 'c1', 'a2', 'c2', 'a3', 'a4']);
    expect(late).toEqual(['d2', 'd3', 'd4']);
  });

  test('one that has taken a value is thrown out by another, while a third is behind: the third is still waited for', () => {
    const source = new ManualSource<number>();
    const shared = broadcast(source, { capacity: 1 });
    const first = shared.subscribe();
    shared.subscribe(() => first.unsubscribe());
    const behind = new ManualConsumer(shared);
    source.send(1);
    expect(source.requested).toBe(0);
    behind.request(1);
    expect(behind.values).toEqual([1]);
  });

  test('one that completes inside next, or is evicted, lets the source go when it was the last', () => {
    const source = new Subject<number>();
    const shared = broadcast(source, { capacity: 8 });
    shared.pipe(take(1)).subscribe();
    source.next(1);
    expect(source.observed).toBe(false);

    const { subscribe, send, source: other, drops } = setUp({ capacity: 1 });
    const slow = subscribe({ slow: 'evict' });
    send(1, 2);
    expect([errorOf(slow) instanceof SlowSubscriberError, other.open]).toEqual([true, 0]);
    expect(dropped(drops)).toEqual([
      [1, 'evicted', 'broadcast/evict'],
      [2, 'cancelled', 'broadcast'], // it came when nobody was left
    ]);
  });

  describe('drain', () => {
    const draining = (consumer: ManualConsumer<number>) => drain(consumer.subscription, { within: Infinity });

    test('of the only subscriber: the source ends, what was read and what waits goes through', async () => {
      const { subscribe, source, send, drops } = setUp({ replay: 2, resetOnRefCountZero: false });
      const consumer = subscribe();
      send(1, 2);
      const receipt = draining(consumer);
      expect([source.open, consumer.end]).toEqual([0, undefined]);
      consumer.request(9);
      expect([consumer.values, consumer.end, drops]).toEqual([[1, 2], 'complete', []]);
      expect(await receipt).toMatchObject({ done: 2, released: 0, ended: 'complete' });
    });

    test('of one of two: it gets what waits for it and completes; the other goes on, and the source with it', async () => {
      const { subscribe, source, send, drops } = setUp();
      const [one, other] = [subscribe({ name: 'one' }), subscribe({}, 9)];
      send(1, 2);
      const receipt = draining(one);
      source.sendOnDemand(3);
      expect([one.values, other.values, source.open]).toEqual([[], [1, 2, 3], 1]);
      expect(source.requested).toBe(0); // it is waited for
      one.request(9);
      expect([one.values, one.end, source.requested]).toEqual([[1, 2], 'complete', 3]);
      expect(await receipt).toMatchObject({ done: 2, stages: [{ stage: 'one', held: 2, in: 0, out: 2 }] });
      source.sendOnDemand(4);
      const last = draining(other);
      expect([other.values, other.end, source.open, drops]).toEqual([[1, 2, 3, 4], 'complete', 0, []]);
      expect(await last).toMatchObject({ done: 0, ended: 'complete' });
    });

    test('what a source reads already still comes', async () => {
      let answer: (result: IteratorResult<number>) => void = () => undefined;
      const next = () => new Promise<IteratorResult<number>>((resolve) => (answer = resolve));
      const numbers: AsyncIterable<number> = { [Symbol.asyncIterator]: () => ({ next }) };
      const consumer = new ManualConsumer(broadcast(pull(numbers), { capacity: 2 }));
      const receipt = draining(consumer);
      answer({ done: false, value: 1 });
      consumer.request(1);
      await receipt;
      expect([consumer.values, consumer.end]).toEqual([[1], 'complete']);
    });

    test('when the other leaves meanwhile, the source is let go, and what waits goes through', () => {
      for (const resetOnRefCountZero of [true, false]) {
        const { subscribe, source, send } = setUp({ resetOnRefCountZero });
        const [one, other] = [subscribe(), subscribe({}, 9)];
        send(1, 2);
        void draining(one);
        other.unsubscribe();
        expect([source.open, source.requested]).toEqual([resetOnRefCountZero ? 0 : 1, 0]);
        one.request(1);
        expect([one.values, one.end]).toEqual([[1], undefined]);
        one.request(1);
        expect([one.values, one.end]).toEqual([[1, 2], 'complete']);
        if (!resetOnRefCountZero) source.complete();
      }
    });

    test('from inside next, in the middle of a round: what came by then is for it, and nothing after', () => {
      const source = new Subject<number>();
      const shared = broadcast(source, { capacity: 8 });
      const seen: number[] = [];
      const first = shared.subscribe((value) => {
        if (value !== 1) return;
        source.next(2);
        void drain(second, { within: Infinity });
        source.next(3);
      });
      const second = shared.subscribe((value) => seen.push(value));
      source.next(1);
      expect([seen, second.closed, first.closed]).toEqual([[1, 2], true, false]);
      first.unsubscribe();
    });

    test('by its policy: what is skipped meanwhile is no value that came after', () => {
      const { subscribe, send, drops } = setUp({ overflow: 'drop-oldest', capacity: 2 });
      const [slow, blocking] = [subscribe({ slow: 'drop-oldest', name: 'slow' }), subscribe({ name: 'blocking' })];
      const other = subscribe({}, 99);
      send(1);
      for (const one of [slow, blocking]) void draining(one);
      send(2, 3, 4);
      expect([slow.end, blocking.end, other.values]).toEqual(['complete', 'complete', [1, 2, 3, 4]]);
      expect(dropped(drops)).toEqual([
        [1, 'evicted', 'slow'],
        [1, 'evicted', 'blocking'],
      ]);
      other.unsubscribe();
    });

    test('what is subscribed anew while draining holds nobody up', () => {
      const { shared, source, send, subscribe } = setUp({ capacity: 1 });
      const other = subscribe({}, 99);
      const again = new ManualConsumer(shared.pipe(take(1), repeat()));
      again.request(9);
      send(1);
      void draining(again);
      send(2, 3);
      expect([other.values, source.requested]).toEqual([[1, 2, 3], 1]);
      other.unsubscribe();
    });
  });

  test('those of one name get numbers, which come again', () => {
    const { subscribe, stages } = setUp({ resetOnComplete: true });
    const [one, two] = [subscribe(), subscribe()];
    subscribe({ slow: 'latest' });
    one.unsubscribe();
    subscribe();
    two.unsubscribe();
    expect(stages.map(({ name }) => name)).toEqual([
      'broadcast',
      'broadcast/block',
      'broadcast/block 2',
      'broadcast/latest',
      'broadcast/block',
    ]);
  });

  test('a monitor that throws fails the one subscriber, and the source is not subscribed for it', () => {
    for (const resetOnRefCountZero of [true, false]) {
      for (const failing of ['broadcast', 'broadcast/block']) {
        let throws = true;
        const add = ({ name }: MonitoredStage): void => {
          if (throws && name === failing) throw new Error('mine');
        };
        const { subscribe, source } = setUp({ resetOnRefCountZero, monitor: { add } });
        expect([errorOf(subscribe()), source.subscriptions]).toEqual([new Error('mine'), 0]);
        throws = false;
        const next = subscribe({}, 1);
        source.sendOnDemand(1);
        expect([next.values, source.subscriptions]).toEqual([[1], 1]);
        next.unsubscribe();
        source.complete();
      }
    }
  });

  test('a subscriber that is closed already has no source subscribed', () => {
    const { source, shared } = setUp();
    const closed = new Sink<number>({ next: () => undefined, error: () => undefined, complete: () => undefined });
    closed.unsubscribe();
    shared.subscribe(closed);
    expect(source.subscriptions).toBe(0);
  });

  test('after the end nothing is kept for nobody', () => {
    const { source, shared, send, subscribe } = setUp({ replay: 3 });
    const slow = subscribe();
    send(1, 2);
    source.complete();
    slow.request(9);
    expect((shared as unknown as { stage: unknown }).stage).toBeUndefined();
  });

  test('one that nobody limits takes values without being asked how many it can take', () => {
    const { shared, stages } = setUp();
    const subscription = shared.subscribe();
    expect((stages[1] as unknown as { free: boolean }).free).toBe(true);
    subscription.unsubscribe();
  });

  test('demand goes through it, past operators, to a pull source and stops there', () => {
    let read = 0;
    function* numbers(): Generator<number> {
      for (;;) yield ++read;
    }
    const shared = broadcast(pull(numbers()).pipe(map((value) => value * 10)), { capacity: 4 });
    const consumer = new ManualConsumer(shared.pipe(boundedBuffer({ capacity: 2 })));
    expect(read).toBe(6);
    consumer.request(3);
    expect(read).toBeLessThanOrEqual(9);
    consumer.unsubscribe();
  });

  test('100,000 values to two subscribers on a flat stack, also when each is asked for inside next', () => {
    const values = Array.from({ length: 100_000 }, (_, i) => i);
    const shared = broadcast(pull(values), { capacity: 4, replay: 4 });
    const consumers: ManualConsumer<number>[] = [];
    for (let i = 0; i < 2; i++) consumers.push(new ManualConsumer(shared, () => consumers[i]!.request(1)));
    for (const consumer of consumers) consumer.request(1);
    expect(consumers.map(({ values, end }) => [values.length, end])).toEqual([
      [100_000, 'complete'],
      [100_000, 'complete'],
    ]);
  });

  test('what left the ring is not kept alive', () => {
    const source = new Subject<{ text: string }>();
    const stages: MonitoredStage[] = [];
    const monitor = { add: (stage: MonitoredStage) => void stages.push(stage) };
    const shared = broadcast(source, { capacity: 4, monitor });
    shared.subscribe();
    for (const text of ['one', 'two', 'three']) source.next({ text });
    const { ring } = stages[0] as unknown as { ring: { values: unknown } };
    expect(JSON.stringify(ring.values)).not.toMatch(/one|two|three/);
  });

  test.each<[string, unknown, RegExp]>([
    ['capacity', {}, /`capacity` to be a positive integer or Infinity, got undefined/],
    ['capacity', { capacity: 0 }, /`capacity`/],
    ['capacity', { capacity: 1.5 }, /`capacity`/],
    ['replay', { capacity: 2, replay: -1 }, /`replay` to be an integer of at least 0/],
    ['replay', { capacity: 2, replay: 3 }, /`replay` to be at most `capacity`, which is 2, got 3/],
    ['overflow', { capacity: 2, overflow: 'drop' }, /`overflow` to be 'error', 'drop-oldest' or 'drop-newest'/],
    ['resetOnComplete', { capacity: 2, resetOnComplete: 1 }, /`resetOnComplete` to be true or false/],
    ['resetOnError', { capacity: 2, resetOnError: 'no' }, /`resetOnError`/],
    ['resetOnRefCountZero', { capacity: 2, resetOnRefCountZero: null }, /`resetOnRefCountZero`/],
    ['slow', { capacity: 2, slow: 'latest' }, /`broadcast` has no option `slow`/],
    ['onDrop', { capacity: 2, onDrop: 1 }, /`onDrop`/],
    ['options', undefined, /`options` to be an object/],
  ])('a wrong `%s` throws at the call', (option, options, message) => {
    const call = (): unknown => broadcast(new Observable<number>(), options as never);
    expect(call).toThrow(OptionError);
    expect(call).toThrow(message);
    expect(call).toThrow(expect.objectContaining({ option }));
  });

  test('a source that is none throws at the call', () => {
    expect(() => broadcast([1] as never, { capacity: 1 })).toThrow(
      'Expected `source` to be an Observable, got an array',
    );
  });

  test.each<[string, unknown, RegExp]>([
    ['slow', { slow: 'drop' }, /`slow` to be 'block', 'drop-oldest', 'latest' or 'evict', got 'drop' \(string\)/],
    ['maxLag', { slow: 'evict', maxLag: 0 }, /`maxLag` to be a positive integer/],
    ['maxLag', { slow: 'evict', maxLag: 3 }, /`maxLag` to be at most `capacity`, which is 2/],
    ['maxLag', { slow: 'latest', maxLag: 1 }, /`maxLag` to be left out without 'drop-oldest' or 'evict'/],
    ['maxAge', { slow: 'drop-oldest', maxAge: 5 }, /`maxAge` to be left out without 'evict'/],
    ['maxAge', { slow: 'evict', maxAge: 0 }, /`maxAge` to be a number of milliseconds above 0/],
    ['name', { name: 7 }, /`name` to be a string/],
    ['replay', { replay: 1 }, /`with` has no option `replay`/],
  ])('a wrong `%s` of a subscriber throws at the call', (option, options, message) => {
    const call = (): unknown => broadcast(new Observable<number>(), { capacity: 2 }).with(options as never);
    expect(call).toThrow(message);
    expect(call).toThrow(expect.objectContaining({ option }));
  });
});
