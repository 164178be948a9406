/** Pools by a clock that jumps, numbers at the edge, and deadlines that pass while a call waits to be tried again. */
import { BehaviorSubject, NEVER, Subject, type ObservableInput } from 'rxjs';
import { describe, expect, test } from 'vitest';
import {
  boundedBuffer,
  elastic,
  fixed,
  pool,
  pull,
  retryBudget,
  type Drop,
  type PoolOptions,
} from '../../../src/index.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../../src/testing/index.js';
import { JumpingClock } from '../control/jumpingClock.js';

const HOUR = 3_600_000;

function run(worker: (value: number) => ObservableInput<unknown>, options: PoolOptions<number>) {
  const time = new VirtualTime();
  const clock = new JumpingClock(time);
  const drops: Drop[] = [];
  const source = new ManualSource<number>();
  const onDrop = (drop: Drop): void => void drops.push(drop);
  const consumer = new ManualConsumer(source.pipe(pool(worker, { scheduler: clock, onDrop, ...options })));
  consumer.request(100);
  return { time, clock, drops, source, consumer };
}

const failing = (): never => {
  throw new Error('no');
};

describe('a clock that is set back an hour', () => {
  test('a retry is made all the same', () => {
    let attempts = 0;
    const worker = (): ObservableInput<number> => (++attempts === 1 ? failing() : pull([1]));
    const { time, clock, source, consumer } = run(worker, {
      concurrency: 1,
      retry: { attempts: 2, backoff: fixed(100) },
    });
    source.send(1);
    clock.by -= HOUR;
    time.advanceBy(250);
    expect(consumer.values).toEqual([1]);
  });

  test('a call times out all the same', () => {
    const { time, clock, source, consumer } = run(() => NEVER, { concurrency: 1, timeout: 100 });
    source.send(1);
    clock.by -= HOUR;
    time.advanceBy(250);
    expect(consumer.end).toMatchObject({ error: { code: 'SLUICE_WORKER_TIMEOUT' } });
  });

  test('what a buffer holds grows old all the same', () => {
    const time = new VirtualTime();
    const clock = new JumpingClock(time);
    const source = new Subject<string>();
    const consumer = new ManualConsumer(source.pipe(boundedBuffer({ capacity: 4, maxAge: 100, scheduler: clock })));
    source.next('old');
    time.advanceBy(50);
    source.next('younger');
    clock.by -= HOUR;
    time.advanceBy(80);
    source.next('young');
    time.advanceBy(80);
    consumer.request(3);
    expect(consumer.values).not.toContain('old');
    expect(consumer.values).toContain('young');
  });

  test('a deadline is as far away as it was', () => {
    const { time, clock, source, drops } = run(() => NEVER, {
      concurrency: 1,
      deadline: () => clock.now() + 50,
      retry: { attempts: 9, backoff: fixed(20) },
    });
    clock.by -= HOUR;
    source.send(1);
    source.send(2);
    time.advanceBy(10);
    expect(drops).toEqual([]);
  });

  test('an idle elastic pool shrinks all the same', () => {
    const work = new Subject<number>();
    const { time, clock, source } = run(() => work.asObservable(), {
      concurrency: elastic({ min: 1, max: 20, stabilise: 1_000 }),
    });
    for (let i = 0; i < 10; i++) {
      if (source.requested > 0) source.send(i);
      time.advanceBy(500);
    }
    work.complete();
    clock.by -= HOUR;
    time.advanceBy(60_000);
    expect(source.requested).toBeLessThanOrEqual(2); // one that runs, one that waits
    expect(time.pending).toBe(0);
  });
});

describe('a deadline that passes before the next attempt', () => {
  test('drops the value at once, and spends no budget', () => {
    const budget = retryBudget({ ratio: 0, minPerSecond: 0.1 });
    let fail = true;
    const worker = (value: number): ObservableInput<number> => (fail ? failing() : pull([value]));
    const { time, source, drops, consumer } = run(worker, {
      concurrency: 1,
      order: 'source',
      deadline: (value) => (value === 1 ? 20 : Infinity),
      retry: { attempts: 9, backoff: fixed(60_000), budget },
    });
    source.send(1);
    expect(drops).toMatchObject([{ value: 1, reason: 'expired' }]);
    source.send(2);
    fail = false;
    time.advanceBy(60_000);
    expect(consumer.values).toEqual([2]);
  });

  test('an `onDrop` that throws then ends the stream with its error', async () => {
    const failure = new Error('mine');
    const { source, consumer, time } = run(() => Promise.reject(new Error('no')), {
      concurrency: 1,
      deadline: () => 20,
      retry: { attempts: 9, backoff: fixed(60_000) },
      onDrop: () => {
        throw failure;
      },
    });
    source.send(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(consumer.end).toEqual({ error: failure });
    expect([source.open, time.pending]).toEqual([0, 0]);
  });
});

describe('numbers at the edge', () => {
  test.each([Number.MAX_SAFE_INTEGER, 2 ** 31, Infinity])('waiting: %d', (waiting) => {
    const concurrency = new BehaviorSubject(0);
    const seen: number[] = [];
    const subscription = pull([1, 2, 3])
      .pipe(pool((value) => [value], { concurrency, waiting }))
      .subscribe((value) => seen.push(value));
    concurrency.next(2);
    expect(seen).toEqual([1, 2, 3]);
    subscription.unsubscribe();
  });

  test('a backoff of Infinity is a ReturnError', () => {
    const { source, consumer } = run(failing, { concurrency: 1, retry: { attempts: 2, backoff: () => Infinity } });
    source.send(1);
    expect(consumer.end).toMatchObject({ error: { code: 'SLUICE_RETURN', received: Infinity } });
  });

  test.each([undefined, null, 0, ''])('`when` that returns %j: not worth another attempt', (answer) => {
    let attempts = 0;
    const { source, consumer, time } = run(() => (attempts++, failing()), {
      concurrency: 1,
      retry: { attempts: 5, backoff: fixed(1), when: () => answer as never },
    });
    source.send(1);
    time.advanceBy(10);
    expect([attempts, consumer.end]).toEqual([1, { error: new Error('no') }]);
  });

  test('a rule that begins with one call at once holds no more than that', () => {
    const { source, drops } = run(() => NEVER, { concurrency: elastic({ min: 1, max: 100 }), waiting: 0 });
    source.send(1);
    source.send(2);
    expect(drops).toMatchObject([{ value: 2, reason: 'overflow' }]);
  });

  test('what was asked for before the concurrency fell is taken, and no more', () => {
    const concurrency = new BehaviorSubject(10);
    const { source, drops } = run(() => NEVER, { concurrency, waiting: 0 });
    source.send(0);
    expect(source.requested).toBe(9);
    concurrency.next(1);
    for (let value = 1; value <= 10; value++) source.send(value);
    expect(drops).toMatchObject([{ value: 10, reason: 'overflow' }]);
  });

  test('`requested` is never negative', () => {
    const concurrency = new BehaviorSubject(4);
    const { source } = run(() => NEVER, { concurrency, order: 'source' });
    for (let value = 0; value < 8; value++) source.send(value);
    concurrency.next(1);
    expect(source.requested).toBe(0);
  });

  test('an overflow in source order names the window', () => {
    const { source, consumer } = run(() => NEVER, { concurrency: 100, order: 'source', window: 2 });
    for (let value = 0; value < 3; value++) source.send(value);
    expect(consumer.end).toBeUndefined();
    source.send(3);
    expect(consumer.end).toBeUndefined(); // what it holds comes first
  });
});
