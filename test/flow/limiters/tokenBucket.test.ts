import * as fc from 'fast-check';
import type { SchedulerLike } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { OptionError, pull, rateLimit, tokenBucket, type TokenBucketOptions } from '../../../src/index.js';
import { VirtualTime } from '../../../src/testing/index.js';

/** A clock that tests set forward and back. */
class Clock {
  readonly time: VirtualTime = new VirtualTime();
  offset = 0;
  readonly scheduler: SchedulerLike = {
    now: () => this.time.scheduler.now() + this.offset,
    schedule: (work, delay, state) => this.time.scheduler.schedule(work as never, delay ?? 0, state),
  };
}

describe('tokenBucket', () => {
  test('starts full, answers how many are left, when to come again, and when it is full', () => {
    const time = new VirtualTime();
    const bucket = tokenBucket({ rate: 1, burst: 5, scheduler: time.scheduler });
    expect(bucket.tryTake(2)).toEqual({ ok: true, remaining: 3, retryAfter: 0, resetAfter: 2_000 });
    expect(bucket.tryTake(3)).toEqual({ ok: true, remaining: 0, retryAfter: 0, resetAfter: 5_000 });
    expect(bucket.tryTake()).toEqual({ ok: false, remaining: 0, retryAfter: 1_000, resetAfter: 5_000 });
    time.advanceBy(999);
    expect(bucket.tryTake().ok).toBe(false);
    time.advanceBy(1);
    expect(bucket.peek()).toEqual({ ok: true, remaining: 1, retryAfter: 0, resetAfter: 4_000 });
    expect(bucket.tryTake().ok).toBe(true);
    expect(bucket.tryTake(0).ok).toBe(true);
  });

  test('rate, per and burst have defaults that cover the event loop: what comes in 50 ms, 1 at least', () => {
    expect(tokenBucket({ rate: 1_000 }).burst).toBe(50);
    expect(tokenBucket({ rate: 100, per: 60_000 }).burst).toBe(1);
    expect(tokenBucket({ rate: 0.5, burst: 3 }).burst).toBe(3);
  });

  test('each key has a bucket of its own', () => {
    const bucket = tokenBucket({ rate: 1, burst: 1, scheduler: new VirtualTime().scheduler });
    expect(bucket.tryTake(1, 'a').ok).toBe(true);
    expect(bucket.tryTake(1, 'a').ok).toBe(false);
    expect(bucket.tryTake(1, 'b').ok).toBe(true);
    expect(bucket.keys).toBe(2);
  });

  test('R6: a clock set back 10 s makes no token and does not stall; one set forward an hour makes a burst at most', () => {
    const clock = new Clock();
    const bucket = tokenBucket({ rate: 10, burst: 3, scheduler: clock.scheduler });
    expect(bucket.tryTake(3).ok).toBe(true);
    clock.offset = -10_000;
    expect(bucket.tryTake().ok).toBe(false);
    clock.time.advanceBy(100);
    expect([bucket.tryTake().ok, bucket.tryTake().ok]).toEqual([true, false]);
    clock.offset = 3_600_000;
    expect([bucket.tryTake(3).ok, bucket.tryTake().ok]).toEqual([true, false]);
  });

  test('as in Go, after a jump back tokens come again with time', () => {
    const clock = new Clock();
    const bucket = tokenBucket({ rate: 10, burst: 3, scheduler: clock.scheduler });
    const take = (step: number): [number, boolean] => {
      clock.offset = step * 100;
      const { remaining } = bucket.peek(0);
      return [remaining, bucket.tryTake().ok];
    };
    expect([1, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2].map(take)).toEqual([
      [3, true],
      [2, true],
      [1, true],
      [0, false],
      [0, false],
      [1, true],
      [0, false],
      [0, false],
      [1, true],
      [0, false],
      [0, false],
    ]);
  });

  test('the rate can be changed while somebody waits', async () => {
    const time = new VirtualTime();
    const bucket = tokenBucket({ rate: 0.001, burst: 1, scheduler: time.scheduler });
    await bucket.take();
    const waiting = bucket.take();
    bucket.rate = 1_000;
    time.advanceBy(1);
    await waiting;
    expect(bucket.rate).toBe(1_000);
    expect(() => (bucket.rate = 0)).toThrow(OptionError);
  });

  test('R8: those who wait are served first come, first served; a smaller cost does not overtake, nor does tryTake', async () => {
    const time = new VirtualTime();
    const bucket = tokenBucket({ rate: 1_000, burst: 10, scheduler: time.scheduler });
    const served: string[] = [];
    const wait = async (name: string, cost: number): Promise<void> => {
      await bucket.take(cost);
      served.push(`${name} at ${time.now}`);
    };
    bucket.tryTake(10);
    const all = [wait('large', 10), wait('small', 1), wait('middle', 5)];
    for (let ms = 1; ms <= 20; ms++) {
      time.advanceBy(1);
      await Promise.resolve();
      await Promise.resolve();
      if (ms === 5) {
        const { ok, retryAfter } = bucket.tryTake();
        expect([ok, retryAfter]).toEqual([false, 12]); // 10, 1 and 5 stand before it: more than a burst
      }
    }
    await Promise.all(all);
    expect(served).toEqual(['large at 10', 'small at 11', 'middle at 16']);
    expect(time.pending).toBe(0);
  });

  test('R8: those for whom there are tokens at the same time go on in their order, however many they are', async () => {
    const clock = new Clock();
    const bucket = tokenBucket({ rate: 1_000, burst: 100_000, scheduler: clock.scheduler });
    bucket.tryTake(100_000);
    const served: number[] = [];
    const all = Array.from({ length: 50_000 }, (_, i) => bucket.take().then(() => served.push(i)));
    clock.offset = 3_600_000;
    clock.time.advanceBy(1);
    await Promise.all(all);
    expect(served).toEqual(Array.from({ length: 50_000 }, (_, i) => i));
  });

  test('R8: one who gives up leaves the line at once, and paid nothing', async () => {
    const time = new VirtualTime();
    const bucket = tokenBucket({ rate: 1_000, burst: 10, scheduler: time.scheduler });
    bucket.tryTake(10);
    const abort = new AbortController();
    const given = expect(bucket.take(10, { signal: abort.signal })).rejects.toThrow('enough');
    const next = bucket.take(1);
    time.advanceBy(2);
    abort.abort(new Error('enough'));
    await given;
    await next;
    expect(bucket.peek().remaining).toBe(1);
    await expect(bucket.take(1, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
    expect(time.pending).toBe(0);
  });

  test('R9: one timer while somebody waits, none when nobody does', async () => {
    const time = new VirtualTime();
    const bucket = tokenBucket({ rate: 10, burst: 1, scheduler: time.scheduler });
    expect(time.pending).toBe(0);
    const waits = Array.from({ length: 50 }, (_, i) => bucket.take(1, { key: i % 5 }));
    expect(time.pending).toBe(1);
    for (let i = 0; i < 20; i++) {
      time.advanceBy(100);
      await Promise.resolve();
      expect(time.pending).toBeLessThanOrEqual(1);
    }
    await Promise.all(waits);
    expect(time.pending).toBe(0);
  });

  test.each<[options: object, message: string]>([
    [{}, 'Expected `rate` to be a finite number above 0, got undefined'],
    ...[0, -1, NaN, Infinity, '5'].map((rate): [object, string] => [
      { rate },
      'Expected `rate` to be a finite number above 0',
    ]),
    [{ rate: 1, burst: 0.5 }, 'Expected `burst` to be a number of at least 1, got 0.5 (number)'],
    [{ rate: 1, burst: NaN }, 'Expected `burst` to be a number of at least 1'],
    [{ rate: 1, per: 0 }, 'Expected `per` to be a number of milliseconds above 0'],
    [{ rate: 1, bursts: 2 }, 'Did you mean `burst`?'],
    [{ rate: 1, scheduler: {} }, 'Expected `scheduler` to be a SchedulerLike'],
  ])('refuses %j', (options, message) => {
    expect(() => tokenBucket(options as TokenBucketOptions)).toThrow(OptionError);
    expect(() => tokenBucket(options as TokenBucketOptions)).toThrow(message);
  });

  test.each([6, -1, NaN, '1'])('refuses a cost of %j at once, and takes nothing', async (cost) => {
    const bucket = tokenBucket({ rate: 1, burst: 5 });
    const message = 'Expected `cost` to be a number from 0 to 5, which is the burst';
    expect(() => bucket.tryTake(cost as number)).toThrow(message);
    await expect(bucket.take(cost as number)).rejects.toThrow(OptionError);
    expect(bucket.peek().remaining).toBe(5);
  });

  test.each<[options: unknown, message: string]>([
    [{ sgnal: new AbortController().signal }, 'Did you mean `signal`?'],
    [{ signal: 'now' }, 'Expected `signal` to be an AbortSignal'],
    [5, 'Expected `options` to be an object, got 5 (number) (take)'],
    [null, 'Expected `options` to be an object, got null (take)'],
  ])('take refuses the options %j by rejection, and takes nothing', async (options, message) => {
    const bucket = tokenBucket({ rate: 1, burst: 5 });
    await expect(bucket.take(1, options as object)).rejects.toThrow(message);
    expect(bucket.peek().remaining).toBe(5);
  });

  test.each([1e-306, 5e-324])('a rate of %d is none: a token would take for ever', (rate) => {
    const message = 'Expected `rate` to be a finite number above 0, with a `per / rate` that is one too';
    expect(() => tokenBucket({ rate })).toThrow(message);
    const bucket = tokenBucket({ rate: 1 });
    expect(() => (bucket.rate = rate)).toThrow(message);
    expect(bucket.rate).toBe(1);
  });

  test('one who waits for more than a burst, since the rate fell, is refused, and the next goes on', async () => {
    const time = new VirtualTime();
    const bucket = tokenBucket({ rate: 1_000, scheduler: time.scheduler });
    await bucket.take(50);
    const large = expect(bucket.take(40)).rejects.toThrow('from 0 to 1, which is the burst, got 40');
    const small = bucket.take(1);
    bucket.rate = 10;
    time.advanceBy(100);
    await large;
    await small;
    expect(time.pending).toBe(0);
  });

  test('a rate that is set while nobody waits leaves no timer', () => {
    const time = new VirtualTime();
    tokenBucket({ rate: 1, scheduler: time.scheduler }).rate = 2;
    expect(time.pending).toBe(0);
  });

  test('while others wait, retryAfter is when one who came now would be served, and never 0', async () => {
    const costs = fc.integer({ min: 0, max: 5 });
    const lines = fc.array(costs, { minLength: 1, maxLength: 8 });
    const property = fc.asyncProperty(lines, costs, fc.integer({ min: 0, max: 40 }), async (line, cost, after) => {
      const time = new VirtualTime();
      const bucket = tokenBucket({ rate: 100, burst: 5, scheduler: time.scheduler });
      bucket.tryTake(5);
      for (const one of [1, ...line]) void bucket.take(one);
      time.advanceBy(after);
      const { ok, retryAfter } = bucket.peek(cost);
      const told = time.now + retryAfter;
      let served = ok ? time.now : Infinity;
      if (!ok) void bucket.take(cost).then(() => (served = time.now));
      expect(ok).toBe(retryAfter === 0);
      for (; served === Infinity; await Promise.resolve()) time.advanceBy(1);
      expect(Math.abs(served - told)).toBeLessThanOrEqual(1); // it is looked at once a millisecond
    });
    await fc.assert(property, { numRuns: 300 });
  });

  test('while the first in line waits for another limiter, retryAfter is how long it has to', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const tenants = tokenBucket({ rate: 10, burst: 9, scheduler });
    const all = tokenBucket({ rate: 1, burst: 3, scheduler });
    all.tryTake(3);
    void all.take(2);
    pull([1])
      .pipe(rateLimit({ limiter: [tenants, all], scheduler }))
      .subscribe();
    expect(tenants.tryTake()).toMatchObject({ ok: false, retryAfter: 3_000, remaining: 9 });
    expect(tenants.peek(9)).toMatchObject({ ok: false, retryAfter: 3_000 });
  });

  test('keys are those that have used something up', () => {
    const bucket = tokenBucket({ rate: 1, burst: 5, scheduler: new VirtualTime().scheduler });
    bucket.tryTake(0, 'a');
    bucket.peek(1, 'b');
    bucket.tryTake(0);
    expect(bucket.keys).toBe(0);
    bucket.tryTake(1, 'a');
    bucket.tryTake();
    expect(bucket.keys).toBe(2);
  });
});
