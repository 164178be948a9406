import {
  EMPTY,
  lastValueFrom,
  NEVER,
  Observable,
  of,
  type ObservableInput,
  range,
  type SchedulerLike,
  Subject,
  throwError,
  toArray,
} from 'rxjs';
import { describe, expect, test } from 'vitest';
import {
  OverflowError,
  pool,
  pull,
  ReturnError,
  WorkerTimeoutError,
  type Drop,
  type PoolOptions,
} from '../../../src/index.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../../src/testing/index.js';

/** Work that ends when the test says so. */
class Work {
  readonly running: { value: number; answer: Subject<string>; signal: () => AbortSignal }[] = [];

  readonly worker = (value: number, context: { signal: AbortSignal }): Observable<string> => {
    const call = { value, answer: new Subject<string>(), signal: () => context.signal };
    this.running.push(call);
    return call.answer;
  };

  get values(): number[] {
    return this.running.map(({ value }) => value);
  }

  finish(value: number): void {
    const index = this.values.indexOf(value);
    const [call] = this.running.splice(index, 1);
    call!.answer.next(`done ${value}`);
    call!.answer.complete();
  }
}

function setUp(options: PoolOptions<number>) {
  const time = new VirtualTime();
  const work = new Work();
  const drops: Drop[] = [];
  const source = new ManualSource<number>();
  const onDrop = (drop: Drop): void => void drops.push(drop);
  const consumer = new ManualConsumer(
    source.pipe(pool(work.worker, { onDrop, scheduler: time.scheduler, ...options })),
  );
  return { time, work, drops, source, consumer };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('pool', () => {
  test('runs `concurrency` calls, holds `waiting` values, and asks for no more', () => {
    const { source, work, consumer } = setUp({ concurrency: 2, waiting: 1 });
    consumer.request(9);
    expect(source.requested).toBe(3);
    for (const value of [1, 2, 3]) source.send(value);
    expect(source.requested).toBe(0);
    expect(work.values).toEqual([1, 2]);
    work.finish(2);
    expect(consumer.values).toEqual(['done 2']);
    expect(work.values).toEqual([1, 3]);
    expect(source.requested).toBe(1);
  });

  test('a result there is no room for is held in its slot, and no new work starts there', () => {
    const { source, work, consumer } = setUp({ concurrency: 2 });
    for (const value of [1, 2, 3, 4]) source.send(value);
    work.finish(1);
    work.finish(2);
    expect(work.values).toEqual([]);
    expect(consumer.values).toEqual([]);
    consumer.request(1);
    expect(consumer.values).toEqual(['done 1']);
    expect(work.values).toEqual([3]);
  });

  test('source order: one slow value does not stop the other slots until the window is full', () => {
    const { source, work, consumer } = setUp({ concurrency: 2, waiting: 0, order: 'source', window: 5 });
    consumer.request(9);
    source.send(0);
    for (let value = 1; source.requested > 0; value++) {
      source.send(value);
      work.finish(value);
    }
    expect(work.values).toEqual([0]);
    expect(consumer.values).toEqual([]);
    work.finish(0);
    expect(consumer.values).toEqual([0, 1, 2, 3, 4].map((value) => `done ${value}`));
  });

  test('by key: one at a time and in order per key, other keys go on', () => {
    const { source, work, consumer } = setUp({ concurrency: 2, waiting: 4, key: (value) => value % 2 });
    consumer.request(9);
    for (const value of [1, 3, 5, 2, 4]) source.send(value);
    expect(work.values).toEqual([1, 2]);
    work.finish(2);
    expect(work.values).toEqual([1, 4]);
    work.finish(1);
    work.finish(3);
    expect(work.values).toEqual([4, 5]);
  });

  test('by key: keys that wait are served in turn', () => {
    const { source, work, consumer } = setUp({ concurrency: 1, waiting: 9, key: (value) => Math.floor(value / 10) });
    consumer.request(9);
    for (const value of [10, 11, 12, 20, 21, 30]) source.send(value);
    const order: number[] = [];
    while (work.running.length > 0) {
      order.push(work.values[0]!);
      work.finish(work.values[0]!);
    }
    expect(order).toEqual([10, 20, 30, 11, 21, 12]);
  });

  test('a million keys leave nothing behind', () => {
    let count = 0;
    pull({
      *[Symbol.iterator]() {
        for (let i = 0; i < 1_000_000; i++) yield i;
      },
    })
      .pipe(pool((value) => of(value), { concurrency: 4, key: (value) => value }))
      .subscribe(() => count++);
    expect(count).toBe(1_000_000);
  });

  test('a million synchronous completions, one at a time, on a flat stack (where concatMap stops)', () => {
    let count = 0;
    let done = false;
    pull(range0(1_000_000))
      .pipe(pool((value) => (value === 0 ? of(value) : EMPTY), { concurrency: 1 }))
      .subscribe({ next: () => count++, complete: () => (done = true) });
    expect([count, done]).toEqual([1, true]);
  });

  test('promises, arrays, iterables, async iterables and Observables are all results', async () => {
    const results: unknown[] = [
      Promise.resolve('promise'),
      ['array', 'array'],
      new Set(['set']),
      (async function* () {
        yield 'async';
      })(),
      of('of', 'of'),
      { then: (resolve: (value: string) => void) => resolve('thenable') },
      [],
    ];
    const all = pull(results).pipe(
      pool((result) => result as string[], { concurrency: 1 }),
      toArray(),
    );
    expect(await lastValueFrom(all)).toEqual(['promise', 'array', 'array', 'set', 'async', 'of', 'of', 'thenable']);
  });

  test('inner sources of ours see the demand downstream', () => {
    let read = 0;
    const numbers = {
      *[Symbol.iterator]() {
        for (;;) yield read++;
      },
    };
    const consumer = new ManualConsumer(pull([1]).pipe(pool(() => pull(numbers), { concurrency: 1 })));
    expect(read).toBe(0);
    consumer.request(3);
    expect(consumer.values).toEqual([0, 1, 2]);
    expect(read).toBe(3);
    consumer.unsubscribe();
  });

  test('inner sources share the demand in turn', () => {
    const letters = (letter: string) =>
      pull({
        *[Symbol.iterator]() {
          for (;;) yield letter;
        },
      });
    const consumer = new ManualConsumer(pull('ab').pipe(pool(letters, { concurrency: 2 })));
    for (let i = 0; i < 6; i++) consumer.request(1);
    expect(consumer.values.join('')).toBe('ababab');
    consumer.unsubscribe();
  });

  test('an inner Observable that ignores demand is held up to `window`, then overflows', () => {
    const held = new ManualConsumer(pull([1]).pipe(pool(() => range(0, 4), { concurrency: 1, window: 4 })));
    held.request(9);
    expect(held.values).toEqual([0, 1, 2, 3]);
    const flooded = new ManualConsumer(pull([1]).pipe(pool(() => range(0, 5), { concurrency: 1, window: 4 })));
    expect((flooded.end as { error: unknown }).error).toBeInstanceOf(OverflowError);
  });

  test('a hot source that overruns `waiting` is an OverflowError, after what was accepted', () => {
    const { source, work, consumer, drops } = setUp({ concurrency: 1, waiting: 1, name: 'mail' });
    consumer.request(9);
    for (const value of [1, 2, 3]) source.send(value);
    expect(drops.map(({ value, reason }) => [value, reason])).toEqual([[3, 'overflow']]);
    expect(source.open).toBe(0);
    work.finish(1);
    work.finish(2);
    expect(consumer.values).toEqual(['done 1', 'done 2']);
    expect((consumer.end as { error: unknown }).error).toMatchObject({ stage: 'mail', capacity: 2 });
  });

  test('a worker that fails ends the stream at once, and what was in the pool is reported', () => {
    const { source, work, consumer, drops } = setUp({ concurrency: 2, waiting: 1 });
    for (const value of [1, 2, 3]) source.send(value);
    const { signal } = work.running[1]!;
    const failure = new Error('no mail today');
    work.running[0]!.answer.error(failure);
    expect(consumer.end).toEqual({ error: failure });
    expect(drops.map(({ value, reason }) => [value, reason])).toEqual([
      [1, 'cancelled'],
      [2, 'cancelled'],
      [3, 'cancelled'],
    ]);
    expect(signal().aborted).toBe(true);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('sync');
      },
      'sync',
    ],
    ['rejects', () => Promise.reject(new Error('async')), 'async'],
    ['returns a failing Observable', () => throwError(() => new Error('inner')), 'inner'],
  ])('a worker that %s goes to the error channel', async (_, worker, message) => {
    await expect(
      lastValueFrom(pull([1]).pipe(pool<number, ObservableInput<never>>(worker, { concurrency: 1 }))),
    ).rejects.toThrow(message);
  });

  test.each([undefined, null, 7, {}])('a worker that returns %s is a ReturnError', async (result) => {
    const stream = pull([1]).pipe(pool(() => result as never, { concurrency: 1, name: 'mail' }));
    await expect(lastValueFrom(stream)).rejects.toBeInstanceOf(ReturnError);
  });

  test('a key function that throws goes to the error channel', () => {
    const failure = new Error('no key');
    const { source, consumer } = setUp({
      concurrency: 1,
      key: () => {
        throw failure;
      },
    });
    source.send(1);
    expect(consumer.end).toEqual({ error: failure });
  });

  test('the signal is made when it is looked at, and aborts on unsubscribe; a late look sees it aborted', async () => {
    const { source, work, consumer } = setUp({ concurrency: 2 });
    source.send(1);
    source.send(2);
    const early = work.running[0]!.signal();
    expect(early).toBe(work.running[0]!.signal());
    expect(early.aborted).toBe(false);
    consumer.unsubscribe();
    expect(early.aborted).toBe(true);
    expect(work.running[1]!.signal().aborted).toBe(true);
    await settled();
  });

  test('a call that takes too long is aborted and fails the stream, with one timer', () => {
    const { source, work, consumer, time } = setUp({ concurrency: 2, timeout: 100, name: 'mail' });
    consumer.request(9);
    expect(time.pending).toBe(0);
    source.send(1);
    time.advanceBy(60);
    source.send(2);
    expect(time.pending).toBe(1);
    work.finish(1);
    time.advanceBy(99);
    expect(consumer.end).toBeUndefined();
    const signal = work.running[0]!.signal();
    time.advanceBy(1);
    const { error } = consumer.end as { error: WorkerTimeoutError };
    expect(error).toBeInstanceOf(WorkerTimeoutError);
    expect(error.message).toBe('`mail`: the worker did not finish value number 1 within 100 ms');
    expect(signal.reason).toBe(error);
    expect(time.pending).toBe(0);
  });

  test('no timer when idle', () => {
    const { source, work, consumer, time } = setUp({ concurrency: 1, timeout: 100 });
    consumer.request(9);
    source.send(1);
    work.finish(1);
    expect(time.pending).toBe(0);
  });

  test('a slow consumer is not blamed on the call: results that wait do not time out', () => {
    const time = new VirtualTime();
    const source = new ManualSource<number>();
    const options = { concurrency: 1, timeout: 20, scheduler: time.scheduler };
    const consumer = new ManualConsumer(source.pipe(pool((value) => [value, value + 1], options)));
    source.send(1);
    time.advanceBy(100);
    consumer.request(1);
    time.advanceBy(100);
    consumer.request(1);
    expect([consumer.values, consumer.end]).toEqual([[1, 2], undefined]);
    expect(time.pending).toBe(0);
    consumer.unsubscribe();
  });

  test('a timeout longer than timers can be is waited for, without polling', () => {
    const time = new VirtualTime();
    const delays: number[] = [];
    const scheduler: SchedulerLike = {
      now: () => time.now,
      schedule: (work, delay, state) => {
        delays.push(delay!);
        return time.scheduler.schedule(work as never, delay ?? 0, state);
      },
    };
    const consumer = new ManualConsumer(of(1).pipe(pool(() => NEVER, { concurrency: 1, timeout: 2 ** 32, scheduler })));
    consumer.request(1);
    time.advanceBy(2 ** 32);
    expect(consumer.end).toMatchObject({ error: { code: 'SLUICE_WORKER_TIMEOUT' } });
    expect(delays).toEqual([2 ** 31 - 1, 2 ** 31 - 1, 2]);
  });

  test('completion waits for the work in flight', () => {
    const { source, work, consumer } = setUp({ concurrency: 1 });
    consumer.request(9);
    source.send(1);
    source.send(2);
    source.complete();
    work.finish(1);
    expect(consumer.end).toBeUndefined();
    work.finish(2);
    expect(consumer.values).toEqual(['done 1', 'done 2']);
    expect(consumer.end).toBe('complete');
  });

  test('a promise that settles after unsubscribe is ignored', async () => {
    let resolve: (value: string) => void = () => undefined;
    const consumer = new ManualConsumer(
      pull([1]).pipe(pool(() => new Promise<string>((done) => (resolve = done)), { concurrency: 1 })),
    );
    consumer.request(1);
    consumer.unsubscribe();
    resolve('late');
    await settled();
    expect(consumer.values).toEqual([]);
  });

  test('index counts the values', async () => {
    const indices = pull('abc').pipe(
      pool((_, { index }) => [index], { concurrency: 1 }),
      toArray(),
    );
    expect(await lastValueFrom(indices)).toEqual([0, 1, 2]);
  });

  test('two subscriptions have pools of their own', () => {
    const operator = pool(() => NEVER, { concurrency: 1, waiting: 0 });
    const [a, b] = [new ManualSource<number>(), new ManualSource<number>()];
    const subscriptions = [a, b].map((source) => source.pipe(operator).subscribe());
    a.send(1);
    expect([a.requested, b.requested]).toEqual([0, 1]);
    for (const subscription of subscriptions) subscription.unsubscribe();
  });
});

function* range0(n: number): Generator<number> {
  for (let i = 0; i < n; i++) yield i;
}
