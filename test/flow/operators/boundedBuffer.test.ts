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
    expect(dropped(drops)).toEqual([
      [1, 'expired'],
      [2, 'expired'],
    ]);
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
});
