import { config, Subject, Subscription } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import {
  boundedBuffer,
  OverflowError,
  pool,
  ReturnError,
  type BoundedBufferOptions,
  type Drop,
  type MonitoredStage,
} from '../../../src/index.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../../src/testing/index.js';

function setUp<T = number>(options: BoundedBufferOptions<T>) {
  const time = new VirtualTime();
  const drops: Drop[] = [];
  const source = new ManualSource<T>();
  const onDrop = (drop: Drop): void => void drops.push(drop);
  const operator = boundedBuffer<T>({ onDrop, scheduler: time.scheduler, ...options });
  const consumer = new ManualConsumer(source.pipe(operator));
  return { time, drops, source, consumer };
}

const dropped = (drops: Drop[]): unknown[] => drops.map(({ value, reason }) => [value, reason]);

describe('boundedBuffer', () => {
  test('passes straight through when downstream has room, and holds when it has not', () => {
    const { source, consumer } = setUp({ capacity: 2 });
    consumer.request(1);
    source.send(1);
    expect(consumer.values).toEqual([1]);
    expect(source.requested).toBe(2);
    source.send(2);
    expect(source.requested).toBe(1);
    consumer.request(1);
    expect(consumer.values).toEqual([1, 2]);
  });

  test('with nobody limiting downstream it is transparent: marbles', () => {
    new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(
      ({ hot, expectObservable, expectSubscriptions }) => {
        const source = hot('--a-(bc)-d|');
        expectObservable(source.pipe(boundedBuffer({ capacity: 1 }))).toBe('--a-(bc)-d|');
        expectSubscriptions(source.subscriptions).toBe('^---------!');
      },
    );
  });

  test('error: what is held comes first, then OverflowError; the source is let go at once', () => {
    const { source, consumer, drops } = setUp({ capacity: 2, name: 'inbox' });
    for (const value of [1, 2, 3, 4]) source.send(value);
    expect(source.open).toBe(0);
    expect(dropped(drops)).toEqual([[3, 'overflow']]);
    expect(consumer.end).toBeUndefined();
    consumer.request(2);
    expect(consumer.values).toEqual([1, 2]);
    const { error } = consumer.end as { error: OverflowError };
    expect(error).toBeInstanceOf(OverflowError);
    expect(error).toMatchObject({ stage: 'inbox', capacity: 2, code: 'SLUICE_OVERFLOW' });
    expect(error.message).toMatch(/`inbox` is full \(capacity 2\) and its source ignores demand/);
  });

  test.each([
    [
      'drop-oldest',
      [3, 4],
      [
        [1, 'evicted'],
        [2, 'evicted'],
      ],
    ],
    [
      'drop-newest',
      [1, 2],
      [
        [3, 'overflow'],
        [4, 'overflow'],
      ],
    ],
  ] as const)('%s', (overflow, kept, gone) => {
    const { source, consumer, drops } = setUp({ capacity: 2, overflow });
    for (const value of [1, 2, 3, 4]) source.send(value);
    expect(dropped(drops)).toEqual(gone);
    consumer.request(9);
    expect(consumer.values).toEqual(kept);
  });

  test('merge puts what overflows into the newest held', () => {
    const { source, consumer, drops } = setUp({
      capacity: 2,
      overflow: { merge: (held, incoming) => held + incoming },
    });
    for (const value of [1, 2, 3, 4]) source.send(value);
    consumer.request(9);
    expect(consumer.values).toEqual([1, 9]);
    expect(drops).toEqual([]);
  });

  test('cost bounds by weight: a value is taken while less than the capacity is used', () => {
    const { source, consumer } = setUp<string>({ capacity: 10, cost: (text) => text.length });
    expect(source.requested).toBe(1);
    source.send('123456789');
    expect(source.requested).toBe(1);
    source.send('abcdef');
    expect(source.requested).toBe(0);
    consumer.request(1);
    expect(source.requested).toBe(1);
    source.send('');
    consumer.request(9);
    expect(consumer.values).toEqual(['123456789', 'abcdef', '']);
  });

  test('values of cost 0 are charged 1, so they are bounded too', () => {
    const { source } = setUp<string>({ capacity: 2, cost: (text) => text.length });
    source.send('');
    source.send('');
    expect(source.requested).toBe(0);
  });

  test.each([-1, NaN, Infinity, 'heavy', undefined])('a cost of %s is a ReturnError', (cost) => {
    const { source, consumer, drops } = setUp({ capacity: 2, cost: (value) => (value === 1 ? 1 : (cost as number)) });
    source.send(1);
    source.send(2);
    expect((consumer.end as { error: unknown }).error).toBeInstanceOf(ReturnError);
    expect(dropped(drops)).toEqual([
      [1, 'cancelled'],
      [2, 'cancelled'],
    ]);
  });

  test('a function that throws goes to the error channel', () => {
    const failure = new Error('mine');
    const throwing = (): never => {
      throw failure;
    };
    let calls = 0;
    const throwingOnce = (): void => {
      if (calls++ === 0) throw failure;
    };
    const cases: Partial<BoundedBufferOptions<number>>[] = [
      { cost: throwing },
      { overflow: { merge: throwing } },
      { overflow: 'drop-newest', onDrop: throwingOnce },
    ];
    for (const options of cases) {
      const { source, consumer } = setUp({ capacity: 1, ...options });
      source.send(1);
      source.send(2);
      expect(consumer.end).toEqual({ error: failure });
      expect(source.open).toBe(0);
    }
  });

  test('onDrop that throws when the stream has ended is reported as unhandled', async () => {
    const failure = new Error('mine');
    const reported = new Promise<unknown>((resolve) => (config.onUnhandledError = resolve));
    const { source, consumer } = setUp({
      capacity: 1,
      onDrop: () => {
        throw failure;
      },
    });
    source.send(1);
    consumer.unsubscribe();
    expect(await reported).toBe(failure);
    config.onUnhandledError = null;
  });

  test('maxAge drops what is stale when its turn comes, by the clock, without a timer', () => {
    const { source, consumer, drops, time } = setUp({ capacity: 9, maxAge: 100 });
    source.send(1);
    time.advanceBy(60);
    source.send(2);
    time.advanceBy(41);
    expect(time.pending).toBe(0);
    consumer.request(1);
    expect(consumer.values).toEqual([2]);
    expect(drops).toEqual([{ value: 1, reason: 'expired', stage: 'boundedBuffer', age: 101 }]);
  });

  test('maxAge makes room before anything overflows', () => {
    const { source, consumer, drops, time } = setUp({ capacity: 2, maxAge: 100 });
    source.send(1);
    source.send(2);
    time.advanceBy(101);
    source.send(3);
    expect(consumer.end).toBeUndefined();
    expect(dropped(drops)).toEqual([[1, 'expired']]);
    consumer.request(9);
    expect(consumer.values).toEqual([3]);
  });

  test('a source that sleeps is woken when half is free', () => {
    const { source, consumer } = setUp({ capacity: 4 });
    for (let i = 1; i <= 6; i++) source.sendOnDemand(i);
    expect(source.unsent).toBe(2);
    consumer.request(1);
    expect(source.unsent).toBe(2);
    consumer.request(1);
    expect(source.unsent).toBe(0);
  });

  test('completion and errors come after what is held; next after complete is ignored', () => {
    const { source, consumer } = setUp({ capacity: 2 });
    source.send(1);
    source.error('broken');
    expect(consumer.end).toBeUndefined();
    consumer.request(1);
    expect(consumer.values).toEqual([1]);
    expect(consumer.end).toEqual({ error: 'broken' });
  });

  test('unsubscribe inside next: nothing more comes, what is held is cancelled', () => {
    const drops: Drop[] = [];
    const source = new Subject<number>();
    const seen: number[] = [];
    const subscription = source
      .pipe(
        boundedBuffer({ capacity: 9, onDrop: (drop) => drops.push(drop) }),
        pool((value) => [value], { concurrency: 1 }),
      )
      .subscribe((value) => {
        seen.push(value);
        if (value === 1) for (const more of [2, 3]) source.next(more);
        subscription.unsubscribe();
      });
    source.next(1);
    source.next(4);
    expect(seen).toEqual([1]);
    expect(source.observed).toBe(false);
  });

  test('{ merge } goes without `cost`: what a merged value costs has no bound', () => {
    const options = {
      capacity: 9,
      cost: (text: string) => text.length,
      overflow: { merge: (a: string, b: string) => a + b },
    };
    expect(() => boundedBuffer(options)).toThrow('Expected `cost` to be left out with { merge }');
  });

  test('a merged value is as old as the last that was merged into it', () => {
    const { source, consumer, drops, time } = setUp<string>({
      capacity: 1,
      maxAge: 30,
      overflow: { merge: (held, incoming) => held + incoming },
    });
    for (const value of ['a', 'b', 'c']) {
      source.send(value);
      time.advanceBy(20);
    }
    consumer.request(1);
    expect([consumer.values, drops]).toEqual([['abc'], []]);
  });

  test.each<[string, (end: () => void) => BoundedBufferOptions<number>]>([
    ['cost', (end) => ({ capacity: 2, cost: (value) => (value === 2 && end(), 1) })],
    ['merge', (end) => ({ capacity: 1, overflow: { merge: (held) => (end(), held) } })],
    [
      'onDrop',
      (end) => ({ capacity: 1, overflow: 'drop-oldest', onDrop: ({ reason }) => reason === 'evicted' && end() }),
    ],
  ])('`%s` that unsubscribes leaves nothing behind', (_name, options) => {
    const source = new Subject<number>();
    let stage: MonitoredStage | undefined;
    const subscription = new Subscription();
    const monitor = { add: (added: MonitoredStage) => (stage = added) };
    const buffer = boundedBuffer({ monitor, ...options(() => subscription.unsubscribe()) });
    const consumer = new ManualConsumer(source.pipe(buffer));
    subscription.add(() => consumer.unsubscribe());
    source.next(1);
    source.next(2);
    expect(stage!.held).toBe(0);
    expect(stage!.ledger).toMatchObject({ in: 2, dropped: 2, held: 0 });
  });

  test('a merged value has the deadline that `deadline` gives it', () => {
    const { source, consumer, drops, time } = setUp({
      capacity: 1,
      deadline: (value) => value,
      overflow: { merge: (held, incoming) => held + incoming },
    });
    for (const value of [30, 20]) source.send(value);
    time.advanceBy(45);
    source.send(100);
    expect(drops).toEqual([]);
    time.advanceBy(106);
    source.send(200);
    consumer.request(1);
    expect([consumer.values, dropped(drops)]).toEqual([[200], [[150, 'expired']]]);
  });

  test('deadline: when it comes, when its turn comes, and when room is needed, wherever it waits', () => {
    const { source, consumer, drops, time } = setUp({
      capacity: 3,
      overflow: 'drop-oldest',
      deadline: (value) => (value % 10 === 0 ? Infinity : value),
    });
    time.advanceBy(5);
    consumer.request(1);
    source.send(4); // past it already, so it is not passed straight through
    source.send(5); // "past" it is, not "at" it
    for (const value of [10, 12, 11]) source.send(value);
    time.advanceBy(7); // 12
    source.send(20);
    expect(dropped(drops)).toEqual([
      [4, 'expired'],
      [11, 'expired'],
    ]);
    source.send(30);
    expect(dropped(drops).slice(2)).toEqual([[10, 'evicted']]);
    time.advanceBy(1);
    consumer.request(9);
    expect(consumer.values).toEqual([5, 20, 30]);
    expect(drops.slice(3)).toEqual([{ value: 12, reason: 'expired', stage: 'boundedBuffer', age: 8 }]);
    expect(time.pending).toBe(0);
  });

  test.each(['error', 'drop-newest'] as const)('%s: one past its deadline goes first', (overflow) => {
    const { source, consumer, drops, time } = setUp({ capacity: 2, overflow, deadline: (value) => value });
    for (const value of [100, 5]) source.send(value);
    time.advanceBy(6);
    source.send(200);
    expect([consumer.end, dropped(drops)]).toEqual([undefined, [[5, 'expired']]]);
    source.send(300);
    expect(dropped(drops).slice(1)).toEqual([[300, 'overflow']]);
  });

  test('deadlines out of order: as many expire as have to, and nothing is lost', () => {
    const { source, consumer, drops, time } = setUp({ capacity: 100, deadline: (value) => value });
    for (let i = 0; i < 10_000; i++) {
      source.send(time.now + ((i * 7) % 97));
      time.advanceBy(1);
      if (i % 3 === 0) consumer.request(1);
    }
    source.complete();
    consumer.request(100);
    expect([consumer.end, consumer.values.length + drops.length]).toEqual(['complete', 10_000]);
    expect(drops.every(({ reason }) => reason === 'expired')).toBe(true);
  });

  test.each([NaN, '1', undefined, new Date(0)])('a deadline of %s is a ReturnError', (deadline) => {
    const { source, consumer } = setUp({ capacity: 1, deadline: () => deadline as number });
    source.send(1);
    const { error } = consumer.end as { error: ReturnError };
    expect(error).toBeInstanceOf(ReturnError);
    expect(error.message).toMatch(/`deadline` returned .*, expected a time in milliseconds$/);
  });

  test('the ledger adds up inside cost, deadline and onDrop, also when they send another value', () => {
    const stages: MonitoredStage[] = [];
    const source = new ManualSource<number>();
    let left = 60;
    let calls = 0;
    const look = (): void => {
      const { in: arrived, out, dropped, held } = stages[0]!.ledger;
      expect([arrived, stages[0]!.held <= 3]).toEqual([out + dropped + held, true]);
      calls++;
      if (left-- > 0) source.send(left);
    };
    const operator = boundedBuffer({
      capacity: 3,
      overflow: 'drop-oldest',
      cost: () => (look(), 1),
      deadline: () => (look(), Infinity),
      onDrop: look,
      monitor: { add: (stage) => void stages.push(stage) },
    });
    const consumer = new ManualConsumer(source.pipe(operator), look);
    for (let i = 0; i < 10; i++) {
      source.send(i);
      consumer.request(i % 2);
    }
    consumer.request(9);
    expect(calls).toBeGreaterThan(100);
    expect(stages[0]!.ledger).toMatchObject({ in: 70, held: 0 });
    expect(consumer.end).toBeUndefined();
  });

  test('cost, deadline, merge or onDrop that unsubscribes leaves nothing behind', () => {
    for (const name of ['cost', 'deadline', 'merge', 'onDrop']) {
      const stages: MonitoredStage[] = [];
      const drops: unknown[] = [];
      const source = new ManualSource<number>();
      const leave = (from: string, value: number): void => {
        if (from === name && value === 3) consumer.unsubscribe();
      };
      const operator = boundedBuffer<number>({
        capacity: 2,
        ...(name === 'cost' && { cost: (value) => (leave('cost', value), 1) }),
        deadline: (value) => (leave('deadline', value), Infinity),
        overflow: name === 'merge' ? { merge: (a, b) => (leave('merge', b), a + b) } : 'drop-newest',
        onDrop: ({ value, reason }) => {
          drops.push([value, reason]);
          leave('onDrop', value);
        },
        monitor: { add: (stage) => void stages.push(stage) },
      });
      const consumer = new ManualConsumer(source.pipe(operator));
      for (const value of [1, 2, 3, 4]) source.send(value);
      expect([source.open, stages[0]!.held, drops.length]).toEqual([0, 0, 3]);
      expect(stages[0]!.ledger).toMatchObject({ in: 3, out: 0, dropped: 3 });
    }
  });

  test('a value whose deadline unsubscribes is not emitted', () => {
    const stages: MonitoredStage[] = [];
    const source = new Subject<number>();
    const deadline = (): number => (subscription.unsubscribe(), Infinity);
    const monitor = { add: (stage: MonitoredStage) => void stages.push(stage) };
    const subscription = source.pipe(boundedBuffer({ capacity: 1, deadline, monitor })).subscribe();
    source.next(1);
    expect(stages[0]!.ledger).toMatchObject({ in: 1, out: 0, reasons: { cancelled: 1 }, held: 0 });
  });

  test('values sent from inside next come after, without a stage downstream', () => {
    const source = new Subject<number>();
    const seen: number[] = [];
    source.pipe(boundedBuffer({ capacity: 9 })).subscribe((value) => {
      seen.push(value);
      if (value === 1) for (const more of [2, 3]) source.next(more);
    });
    source.next(1);
    expect(seen).toEqual([1, 2, 3]);
  });

  test('nothing overflows while downstream has room that it has not called for yet', () => {
    const work: Subject<number>[] = [];
    const source = new Subject<number>();
    const drops: Drop[] = [];
    const subscription = source
      .pipe(
        boundedBuffer({ capacity: 2, onDrop: (drop) => drops.push(drop) }),
        pool(() => (work.push(new Subject()), work.at(-1)!), { concurrency: 1, waiting: 8 }),
      )
      .subscribe();
    for (let i = 0; i < 11; i++) source.next(i);
    work[0]!.complete(); // the pool has a place again, and calls when it has four
    source.next(11);
    expect(drops).toEqual([]);
    subscription.unsubscribe();
  });
});
