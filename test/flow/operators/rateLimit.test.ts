import { BehaviorSubject, of, Subject, Subscription, throwError, type SchedulerLike } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  OptionError,
  OverflowError,
  pull,
  RateLimitError,
  rateLimit,
  ReturnError,
  slidingWindow,
  SourceError,
  tokenBucket,
  type Drop,
  type MonitoredStage,
  type RateLimitOptions,
} from '../../../src/index.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../../src/testing/index.js';

/** Values with the times at which they came out. */
class Record {
  readonly time: VirtualTime = new VirtualTime();
  readonly seen: [value: number, at: number][] = [];
  readonly drops: Drop[] = [];
  end: unknown;

  options<T>(options: RateLimitOptions<T>): RateLimitOptions<T> {
    return { scheduler: this.time.scheduler, onDrop: (drop) => this.drops.push(drop), ...options };
  }

  get observer(): object {
    return {
      next: (value: number) => this.seen.push([value, this.time.now]),
      error: (error: unknown) => (this.end = error),
      complete: () => (this.end = 'complete'),
    };
  }

  get times(): number[] {
    return this.seen.map(([, at]) => at);
  }
}

describe('rateLimit', () => {
  beforeEach(() => vi.spyOn(console, 'warn').mockImplementation(() => undefined));
  afterEach(() => vi.restoreAllMocks());

  test('lets a burst pass, then values at the rate, in order, and completes after the last', () => {
    const record = new Record();
    pull([1, 2, 3, 4, 5])
      .pipe(rateLimit(record.options({ rate: 100, burst: 2 })))
      .subscribe(record.observer);
    expect(record.times).toEqual([0, 0]);
    record.time.advanceBy(30);
    expect(record.seen).toEqual([1, 2, 3, 4, 5].map((value, i) => [value, [0, 0, 10, 20, 30][i]]));
    expect(record.end).toBe('complete');
    expect(record.time.pending).toBe(0);
  });

  test('holds one value at most, and asks for none while it waits', () => {
    const { time } = new Record();
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(rateLimit({ rate: 100, burst: 1, scheduler: time.scheduler })));
    expect(source.requested).toBe(1);
    source.send(1); // no room downstream: waits for that, and takes no token
    expect(source.requested).toBe(0);
    consumer.request(1);
    expect(consumer.values).toEqual([1]);
    expect(source.requested).toBe(1);
    consumer.request(1);
    source.send(2);
    expect(source.requested).toBe(0);
    time.advanceBy(10);
    expect(consumer.values).toEqual([1, 2]);
    expect(source.requested).toBe(1);
    consumer.unsubscribe();
  });

  test('a token is taken when the value is emitted: one without room keeps none from others', () => {
    const time = new VirtualTime();
    const limiter = tokenBucket({ rate: 1, burst: 1, scheduler: time.scheduler });
    const source = new ManualSource<number>();
    const idle = new ManualConsumer(source.pipe(rateLimit({ limiter, scheduler: time.scheduler })));
    source.send(1);
    expect(limiter.tryTake().ok).toBe(true);
    idle.request(1);
    expect(idle.values).toEqual([]);
    idle.unsubscribe();
    expect(time.pending).toBe(0);
  });

  test('costs, and keys with buckets of their own', () => {
    const record = new Record();
    pull([10, 11, 20, 21, 12])
      .pipe(
        rateLimit(record.options({ rate: 10, burst: 2, key: (v) => Math.floor(v / 10), cost: (v) => 1 + (v % 10) })),
      )
      .subscribe(record.observer);
    record.time.advanceBy(10_000);
    // 10 costs 1, 11 costs 2 and waits for 1 token; 20 and 21 have their own bucket, and stand behind.
    expect(record.seen).toEqual([
      [10, 0],
      [11, 100],
      [20, 100],
      [21, 200],
    ]);
    expect(record.end).toBeInstanceOf(ReturnError); // 12 costs 3
    expect((record.end as Error).message).toContain('`cost` returned 3 (number), expected a number from 0 to 2');
  });

  test('excess: drop reports what is over the rate, and keeps no timer', () => {
    const record = new Record();
    const source = new Subject<number>();
    source.pipe(rateLimit(record.options({ rate: 1, burst: 2, excess: 'drop' }))).subscribe(record.observer);
    for (const value of [1, 2, 3, 4]) source.next(value);
    expect(record.seen.map(([value]) => value)).toEqual([1, 2]);
    expect(record.drops).toEqual([3, 4].map((value) => ({ value, reason: 'rate', stage: 'rateLimit', age: 0 })));
    expect(record.time.pending).toBe(0);
  });

  test('excess: error says when there is room again', () => {
    const record = new Record();
    pull([1, 2])
      .pipe(rateLimit(record.options({ rate: 1, burst: 1, excess: 'error', name: 'api' })))
      .subscribe(record.observer);
    expect(record.end).toBeInstanceOf(RateLimitError);
    expect(record.end).toMatchObject({ code: 'SLUICE_RATE_LIMIT', stage: 'api', retryAfter: 1_000 });
    expect(record.drops.map(({ reason }) => reason)).toEqual(['rate']);
  });

  test('maxWait drops at once what would wait longer, and what others keep waiting when its time is up', () => {
    const record = new Record();
    const limiter = tokenBucket({ rate: 100, burst: 1, scheduler: record.time.scheduler });
    const source = new Subject<number>();
    source.pipe(rateLimit(record.options({ limiter, maxWait: 15 }))).subscribe(record.observer);
    source.next(1);
    source.next(2); // waits 10 ms
    void limiter.take(1); // behind it
    record.time.advanceBy(10);
    expect(record.seen).toEqual([
      [1, 0],
      [2, 10],
    ]);
    source.next(3); // the one before it in line takes the token of 10 ms from now: the next comes too late
    record.time.advanceBy(9);
    expect(record.drops).toEqual([]);
    record.time.advanceBy(1);
    expect(record.drops.map(({ value, reason, age }) => [value, reason, age])).toEqual([[3, 'rate', 10]]);
    void limiter.take(1);
    void limiter.take(1);
    source.next(4); // two stand before it: its time is up before it is first
    record.time.advanceBy(15);
    expect(record.drops.map(({ value, age }) => [value, age])).toEqual([
      [3, 10],
      [4, 15],
    ]);
    record.time.advanceBy(100);
    const slow = new Record();
    pull([1, 2])
      .pipe(rateLimit(slow.options({ rate: 1, burst: 1, maxWait: 999 })))
      .subscribe(slow.observer);
    expect(slow.drops.map(({ value }) => value)).toEqual([2]);
    expect([record.time.pending, slow.time.pending]).toEqual([0, 0]);
  });

  test('pipelines that share a limiter are served in turn', () => {
    const record = new Record();
    const limiter = tokenBucket({ rate: 100, burst: 1, scheduler: record.time.scheduler });
    for (const tens of [10, 20, 30]) {
      pull([tens + 1, tens + 2])
        .pipe(rateLimit(record.options({ limiter })))
        .subscribe(record.observer);
    }
    record.time.advanceBy(100);
    expect(record.seen.map(([value]) => value)).toEqual([11, 12, 21, 31, 22, 32]);
    expect(record.times).toEqual([0, 10, 20, 30, 40, 50]);
  });

  test('several limiters: from all or from none; who waits for its own holds nobody else back', () => {
    const record = new Record();
    const { scheduler } = record.time;
    const tenants = tokenBucket({ rate: 10, burst: 1, scheduler });
    const all = tokenBucket({ rate: 1_000, burst: 1, scheduler });
    const key = (value: number): number => Math.floor(value / 10);
    for (const values of [
      [11, 12],
      [21, 22],
    ]) {
      pull(values)
        .pipe(rateLimit(record.options({ limiter: [{ limiter: tenants, key }, all] })))
        .subscribe(record.observer);
    }
    record.time.advanceBy(1_000);
    expect(record.seen).toEqual([
      [11, 0],
      [21, 1],
      [12, 100],
      [22, 101],
    ]);
    expect(tenants.keys + all.keys).toBeLessThanOrEqual(3);
    all.tryTake();
    const before = tenants.peek(1, 1).remaining;
    pull([13])
      .pipe(rateLimit(record.options({ limiter: [{ limiter: tenants, key }, all], excess: 'drop' })))
      .subscribe(record.observer);
    expect(record.drops.map(({ value }) => value)).toEqual([13]);
    expect(tenants.peek(1, 1).remaining).toBe(before);
  });

  test('unsubscribing leaves the line: the next in it goes on', () => {
    const record = new Record();
    const limiter = slidingWindow({ limit: 1, per: 50, scheduler: record.time.scheduler });
    const [first, second] = [[1, 2], [3]].map((values) =>
      pull(values)
        .pipe(rateLimit(record.options({ limiter })))
        .subscribe(record.observer),
    );
    first!.unsubscribe();
    expect(record.drops.map(({ value, reason }) => [value, reason])).toEqual([[2, 'cancelled']]);
    record.time.advanceBy(50);
    expect(record.seen).toEqual([
      [1, 0],
      [3, 50],
    ]);
    expect(second!.closed).toBe(true);
    expect(record.time.pending).toBe(0);
  });

  test('a rate that changes: none passes before the first, then the last one counts', () => {
    const record = new Record();
    const rate = new Subject<number>();
    pull([1, 2, 3, 4, 5])
      .pipe(rateLimit(record.options({ rate, burst: 1 })))
      .subscribe(record.observer);
    record.time.advanceBy(50);
    expect(record.seen).toEqual([]);
    rate.next(100);
    record.time.advanceBy(15);
    expect(record.times).toEqual([50, 60]);
    rate.next(1_000); // half a token is there, the other half takes 0.5 ms now
    record.time.advanceBy(5);
    expect(record.times).toEqual([50, 60, 65.5, 66.5, 67.5]);
    expect(record.end).toBe('complete');
    expect(rate.observed).toBe(false);
  });

  test('a rate that fails, completes without a number or is none ends the stream with an error', () => {
    const endOf = (rate: RateLimitOptions<number>['rate']): unknown => {
      const record = new Record();
      pull([1])
        .pipe(rateLimit(record.options({ rate })))
        .subscribe(record.observer);
      return record.end;
    };
    const failure = new Error('no configuration');
    expect(endOf(throwError(() => failure))).toBe(failure);
    expect(endOf(of())).toBeInstanceOf(SourceError);
    expect(endOf(of(0))).toBeInstanceOf(OptionError);
    expect(endOf(of(NaN))).toBeInstanceOf(OptionError);
    expect(endOf(of(1e-306))).toBeInstanceOf(OptionError);
    expect(endOf(of(5))).toBe('complete');
  });

  test('a source that ignores demand overruns it, and the one that waits is still delivered', () => {
    const record = new Record();
    const source = new Subject<number>();
    source.pipe(rateLimit(record.options({ rate: 100, burst: 1 }))).subscribe(record.observer);
    for (const value of [1, 2, 3, 4]) source.next(value);
    expect(record.drops.map(({ value, reason }) => [value, reason])).toEqual([[3, 'overflow']]);
    record.time.advanceBy(10);
    expect(record.seen.map(([value]) => value)).toEqual([1, 2]);
    expect(record.end).toBeInstanceOf(OverflowError);
  });

  test('strict loses what a late timer misses, paced catches up with it; neither passes the envelope by more', () => {
    /** Each timer is 30 ms late. */
    const late = (time: VirtualTime): SchedulerLike => ({
      now: () => time.now,
      schedule: (work, delay, state) => time.scheduler.schedule(work as never, (delay ?? 0) + 30, state),
    });
    const count = (mode: 'strict' | 'paced'): number => {
      const record = new Record();
      function* naturals(): Generator<number> {
        for (let i = 0; ; i++) yield i;
      }
      const subscription = pull(naturals())
        .pipe(rateLimit({ rate: 1_000, burst: 1, mode, scheduler: late(record.time) }))
        .subscribe(record.observer);
      record.time.advanceBy(1_000);
      subscription.unsubscribe();
      return record.seen.length;
    };
    expect(count('strict')).toBeLessThan(40);
    expect(count('paced')).toBeGreaterThan(960);
    expect(count('paced')).toBeLessThanOrEqual(1_001);
  });

  test('warns once for each rate and burst that is shorter than the event loop is late', () => {
    const make = (options: RateLimitOptions<number>): void => {
      pull([1]).pipe(rateLimit(options)).subscribe();
    };
    make({ rate: 7_777, burst: 10 });
    make({ rate: 7_777, burst: 10 });
    expect(console.warn).toHaveBeenCalledTimes(1);
    expect(vi.mocked(console.warn).mock.calls[0]![0]).toContain('a burst of 10 is less than the 389 tokens');
    make({ rate: 7_777, burst: 11 });
    expect(console.warn).toHaveBeenCalledTimes(2);
    make({ rate: 8_888, burst: 10, mode: 'paced' });
    make({ rate: 8_888, burst: 10, excess: 'drop' });
    make({ rate: 8_888 });
    expect(console.warn).toHaveBeenCalledTimes(2);
  });

  test('a value that waits for more than a burst, since the rate fell, ends the stream', () => {
    const record = new Record();
    const rate = new BehaviorSubject(1_000);
    pull([50, 40])
      .pipe(rateLimit(record.options<number>({ rate, cost: (value) => value })))
      .subscribe(record.observer);
    rate.next(10);
    record.time.advanceBy(1);
    expect(record.seen).toEqual([[50, 0]]);
    expect(record.end).toBeInstanceOf(ReturnError);
    expect((record.end as Error).message).toContain('`cost` returned 40 (number), expected a number from 0 to 1');
    expect(record.drops).toMatchObject([{ value: 40, reason: 'cancelled' }]);
    expect(record.time.pending).toBe(0);
  });

  test('nor does it wait for ever when the rate fell while there was no room downstream', () => {
    const time = new VirtualTime();
    const rate = new BehaviorSubject(1_000);
    const source = new ManualSource<number>();
    const limited = source.pipe(rateLimit({ rate, cost: (value) => value, scheduler: time.scheduler }));
    const consumer = new ManualConsumer(limited);
    source.send(40);
    rate.next(10);
    consumer.request(1);
    expect(consumer.end).toMatchObject({ error: { code: 'SLUICE_RETURN' } });
    expect(time.pending).toBe(0);
  });

  test('a rate that changes leaves no timer when nothing waits, nor after unsubscribing', () => {
    const record = new Record();
    const rate = new BehaviorSubject(1);
    const subscription = new Subject<number>().pipe(rateLimit(record.options({ rate }))).subscribe();
    rate.next(2);
    expect(record.time.pending).toBe(0);
    subscription.unsubscribe();
    rate.next(3);
    expect(record.time.pending).toBe(0);
  });

  test('excess: error says how long those in line make it wait', () => {
    const record = new Record();
    const limiter = tokenBucket({ rate: 1, burst: 2, scheduler: record.time.scheduler });
    limiter.tryTake(2);
    void limiter.take(2);
    pull([1])
      .pipe(rateLimit(record.options({ limiter, excess: 'error' })))
      .subscribe(record.observer);
    expect(record.end).toMatchObject({ code: 'SLUICE_RATE_LIMIT', retryAfter: 3_000 });
  });

  test('takes a limiter that another copy of the package made, and stands in line with its callers', async () => {
    vi.resetModules();
    const other = await import('../../../src/index.js');
    expect(other.tokenBucket).not.toBe(tokenBucket);
    const record = new Record();
    const { scheduler } = record.time;
    const limiter = other.tokenBucket({ rate: 100, burst: 1, scheduler });
    limiter.tryTake();
    const start = (limit: typeof rateLimit, values: number[]): void => {
      pull(values)
        .pipe(limit(record.options({ limiter })))
        .subscribe(record.observer);
    };
    start(rateLimit, [11, 12]);
    start(other.rateLimit, [21, 22]);
    start(rateLimit, [31]);
    record.time.advanceBy(1_000);
    expect(record.seen).toEqual([
      [11, 10],
      [21, 20],
      [31, 30],
      [12, 40],
      [22, 50],
    ]);
    expect(console.warn).toHaveBeenCalled(); // its burst is known too
  });

  const limiter = tokenBucket({ rate: 1 });
  test.each<[options: object, message: string]>([
    [{}, 'Expected `rate` to be given, or `limiter` instead, got undefined'],
    ...[0, -1, NaN, Infinity, '5', null].map((rate): [object, string] => [
      { rate },
      'Expected `rate` to be a finite number above 0',
    ]),
    [{ rate: 1, burst: 0.9 }, 'Expected `burst` to be a number of at least 1'],
    [{ rate: 1, limiter }, 'Expected `rate` to be left out where there is a `limiter`'],
    [{ limiter, burst: 3 }, 'Expected `burst` to be left out where there is a `limiter`'],
    [{ limiter: [] }, 'Expected `limiter` to be a limiter'],
    [{ limiter: [limiter, {}] }, 'Expected `limiter` to be a limiter'],
    [{ limiter: [limiter, null] }, 'Expected `options` to be an object, got null (rateLimit)'],
    [{ limiter: { tryTake: String } }, 'Expected `limiter` to be a limiter'],
    [{ limiter: [{ limiter, keys: String }] }, 'Did you mean `key`?'],
    [{ limiter: [{ limiter, key: 'tenant' }] }, "Expected `key` to be a function, got 'tenant' (string)"],
    [{ limiter: [limiter, { limiter, key: String }] }, 'Expected `limiter` to be named once'],
    [{ rate: 1e-306 }, 'with a `per / rate` that is one too, got 1e-306'],
    [{ rate: 1, excess: 'drop', maxWait: 5 }, "Expected `maxWait` to be left out with excess: 'drop', got 5 (number)"],
    [{ rate: 1, excess: 'error', mode: 'paced' }, "Expected `mode` to be left out with excess: 'error'"],
    [{ limiter: [limiter], key: String }, 'Expected `key` to be in the { limiter, key } that it is for'],
    [{ rate: 1, excess: 'block' }, "Expected `excess` to be 'wait', 'drop' or 'error', got 'block' (string)"],
    [{ rate: 1, maxWait: -1 }, 'Expected `maxWait` to be a number of milliseconds above 0'],
    [{ rate: 1, mode: 'fast' }, "Expected `mode` to be 'strict' or 'paced'"],
    [{ rate: 1, costs: 1 }, 'Did you mean `cost`?'],
  ])('refuses %j', (options, message) => {
    expect(() => rateLimit(options as RateLimitOptions<number>)).toThrow(OptionError);
    expect(() => rateLimit(options as RateLimitOptions<number>)).toThrow(message);
  });

  test.each([[-1], [NaN], ['1'], [undefined]])('a cost of %j ends the stream', (cost) => {
    const record = new Record();
    pull([1])
      .pipe(rateLimit(record.options({ rate: 1, burst: 5, cost: () => cost as number })))
      .subscribe(record.observer);
    expect(record.end).toBeInstanceOf(ReturnError);
  });

  test.each(['key', 'cost'] as const)('`%s` that unsubscribes leaves neither a value nor a timer', (option) => {
    const record = new Record();
    const source = new Subject<number>();
    let calls = 0;
    const subscription = new Subscription();
    const unsubscribe = (): number => {
      if (++calls === 2) subscription.unsubscribe();
      return 1;
    };
    const options = record.options<number>({ rate: 1, burst: 1, [option]: unsubscribe });
    subscription.add(source.pipe(rateLimit(options)).subscribe(record.observer));
    source.next(1);
    source.next(2);
    expect(record.drops).toMatchObject([{ value: 2, reason: 'cancelled' }]);
    expect(record.time.pending).toBe(0);
  });

  test('one that is unsubscribed by the next in line, just when its turn comes, emits nothing', () => {
    const record = new Record();
    const limiter = tokenBucket({ rate: 1_000, burst: 2, scheduler: record.time.scheduler });
    limiter.tryTake(2);
    let stage: MonitoredStage | undefined;
    const options = record.options<number>({ limiter, monitor: { add: (added) => (stage = added) } });
    const first = new Subject<number>();
    const subscription = first.pipe(rateLimit(options)).subscribe(record.observer);
    const second = new Subject<number>();
    second
      .pipe(rateLimit(record.options<number>({ limiter, cost: () => 0 })))
      .subscribe(() => subscription.unsubscribe());
    first.next(1);
    second.next(2);
    record.time.advanceBy(10);
    expect(stage!.ledger).toMatchObject({ in: 1, out: record.seen.length, held: 0 });
  });
});
