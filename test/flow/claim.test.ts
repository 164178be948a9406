import * as fc from 'fast-check';
import { config, Observable, of, Subject, type Subscription } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  demandOf,
  pull,
  rateLimit,
  slidingWindow,
  tokenBucket,
  type KeyedLimiter,
  type Limiter,
  type RateLimitOptions,
} from '../../src/index.js';
import { Claim } from '../../src/flow/claim.js';
import { VirtualTime } from '../../src/testing/index.js';

const NUMBERS = (function* (): Generator<number> {
  for (let i = 0; ; i++) yield i;
})();

describe('those who wait for several limiters', () => {
  beforeEach(() => vi.spyOn(console, 'warn').mockReturnValue()); // small bursts
  afterEach(() => vi.restoreAllMocks());

  test('do not wait for each other when they name them in opposite order', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const [tenant, global] = [1, 2].map(() => tokenBucket({ rate: 10, burst: 1, scheduler }));
    const seen: string[] = [];
    const start = (name: string, limiter: Limiter[]): void => {
      pull([1, 2, 3])
        .pipe(rateLimit({ limiter, scheduler }))
        .subscribe((value) => seen.push(`${name}${value} at ${time.now}`));
    };
    start('a', [tenant!, global!]);
    start('b', [global!, tenant!]);
    time.advanceBy(10_000);
    expect(seen).toEqual(['a1 at 0', 'a2 at 100', 'b1 at 200', 'a3 at 300', 'b2 at 400', 'b3 at 500']);
    expect(time.pending).toBe(0);
  });

  test.each(['tenants first', 'all first'])(
    'hold nobody else up where their own limiter, named first, is at its limit; made: %s',
    (made) => {
      const time = new VirtualTime();
      const { scheduler } = time;
      const makeAll = (): Limiter => tokenBucket({ rate: 100, burst: 1, scheduler });
      const early = made === 'all first' ? makeAll() : undefined;
      const tenants = tokenBucket({ rate: 1, burst: 1, scheduler });
      const all = early ?? makeAll();
      const seen: string[] = [];
      const start = (tenant: string, values: number[]): void => {
        pull(values)
          .pipe(rateLimit({ limiter: [{ limiter: tenants, key: () => tenant }, all], scheduler }))
          .subscribe((value) => seen.push(`${tenant}${value} at ${time.now}`));
      };
      for (const one of ['a', 'b', 'c']) start(one, [1, 2]);
      for (const one of ['d', 'e']) start(one, [1]);
      time.advanceBy(10_000);
      expect(seen.slice(0, 5)).toEqual(['a1 at 0', 'b1 at 10', 'c1 at 20', 'd1 at 30', 'e1 at 40']);
      expect(seen.slice(5)).toEqual(['a2 at 1000', 'b2 at 1010', 'c2 at 1020']);
      expect(time.pending).toBe(0);
    },
  );

  test('are not starved by those who want one of them only, whose tokens come at other times', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const a = tokenBucket({ rate: 10, burst: 1, scheduler });
    const b = tokenBucket({ rate: 10, burst: 1, scheduler });
    a.tryTake();
    time.advanceBy(50);
    b.tryTake();
    const greedy = [a, b].map((limiter) => pull(NUMBERS).pipe(rateLimit({ limiter, scheduler })).subscribe());
    const seen: number[] = [];
    pull([1, 2, 3])
      .pipe(rateLimit({ limiter: [a, b], scheduler }))
      .subscribe(() => seen.push(time.now));
    time.advanceBy(2_000);
    expect(seen).toHaveLength(3);
    expect(seen.at(-1)).toBeLessThanOrEqual(1_000);
    for (const one of greedy) one.unsubscribe();
    expect(time.pending).toBe(0);
  });

  test('step back in the further lines when they are no longer first in one before', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const slow = tokenBucket({ rate: 1, burst: 1, scheduler });
    const [x, y] = [1, 2].map(() => tokenBucket({ rate: 10, burst: 1, scheduler }));
    const seen: string[] = [];
    const start = (name: string, limiter: Limiter[]): void => {
      pull([name])
        .pipe(rateLimit({ limiter, scheduler }))
        .subscribe(() => seen.push(`${name} at ${time.now}`));
    };
    y!.tryTake();
    slow.tryTake();
    const first = tokenBucket({ rate: 20, burst: 1, scheduler });
    first.tryTake();
    start('older', [first, x!, slow]); // from 50 ms on first in the line of x, until 1,000
    start('younger', [x!, y!]); // first in x, waits for y
    start('other', [y!]); // behind it, until it steps back
    time.advanceBy(5_000);
    expect(seen).toEqual(['other at 100', 'older at 1000', 'younger at 1100']);
  });

  test('leave nothing behind when they step back for one that unsubscribes them', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const [first, x, y, slow] = [20, 10, 10, 1].map((rate) => tokenBucket({ rate, burst: 1, scheduler }));
    for (const limiter of [first!, y!, slow!]) limiter.tryTake();
    const source = new Subject<number>();
    scheduler.schedule(() => source.complete(), 100); // it looks whether there are tokens, just before the timer
    const wait = (values: Observable<number>, limiter: Limiter[], next?: () => void): Subscription =>
      values.pipe(rateLimit({ limiter, scheduler, maxWait: 5_000 })).subscribe(next);
    const older = wait(of(1), [first!, x!, slow!]);
    const younger = wait(source, [x!, y!]);
    source.next(1);
    const other = wait(of(1), [y!], () => younger.unsubscribe());
    time.advanceBy(150);
    expect([younger.closed, other.closed]).toEqual([true, true]);
    older.unsubscribe();
    expect(time.pending).toBe(0);
  });

  test('cost each other nothing, however many they are: to come, to leave, to be told of', () => {
    const time = new VirtualTime();
    const bucket = tokenBucket({ rate: 1, burst: 1, scheduler: time.scheduler });
    bucket.tryTake();
    const claims = Array.from({ length: 200_000 }, () => new Claim([bucket], () => undefined));
    for (const claim of claims) claim.take(1, [undefined]);
    for (let i = 0; i < 20_000; i++) bucket.tryTake();
    expect(bucket.tryTake().retryAfter).toBe(200_001_000);
    for (const claim of claims.reverse()) claim.leave();
    expect(time.pending).toBe(0);
  });

  test('lose no turn when one that is called before them throws', () => {
    const time = new VirtualTime();
    const bucket = tokenBucket({ rate: 1, burst: 1, scheduler: time.scheduler });
    const unhandled: unknown[] = [];
    config.onUnhandledError = (error) => unhandled.push(error);
    const seen: string[] = [];
    const failure = new Error('no more');
    for (const key of ['a', 'b']) {
      bucket.tryTake(1, key);
      const source = new Observable<string>((subscriber) => {
        const listening = demandOf(subscriber).onRequest(() => {
          if (key === 'a') throw failure;
        });
        subscriber.next(key);
        return listening;
      });
      source
        .pipe(rateLimit({ limiter: bucket, key: () => key, scheduler: time.scheduler }))
        .subscribe((value) => seen.push(value));
    }
    vi.useFakeTimers(); // for those of RxJS that report what is unhandled
    time.advanceBy(1_000);
    vi.runAllTimers();
    vi.useRealTimers();
    config.onUnhandledError = null;
    expect(seen).toEqual(['a', 'b']);
    expect(unhandled).toEqual([failure]);
  });

  test('all go on, none overtakes one that waits for the same, and no limiter gives too much, whatever they name in which order', () => {
    const user = fc.record({
      names: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 1 }),
      key: fc.nat(1),
      costs: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
      at: fc.nat(400),
      leaves: fc.option(fc.nat(2_000), { freq: 4 }),
    });
    const bucketOrWindow = fc.record({ burst: fc.integer({ min: 3, max: 5 }), per: fc.integer({ min: 20, max: 200 }) });
    const limits = fc.array(bucketOrWindow, { minLength: 4, maxLength: 4 });
    const property = fc.property(fc.array(user, { minLength: 2, maxLength: 12 }), limits, (users, sizes) => {
      const time = new VirtualTime();
      const { scheduler } = time;
      const limiters = sizes.map(({ burst, per }, i) =>
        i % 2 === 0
          ? tokenBucket({ rate: burst, per, burst, scheduler })
          : slidingWindow({ limit: burst, per, scheduler }),
      );
      const paid: { name: string; cost: number; at: number }[] = [];
      /** Who waits, or just comes, for what; in the order in which they came. */
      let waiting: { readonly wants: string; readonly user: number }[] = [];
      const overtook: number[] = [];
      let ended = 0;
      const start = ({ names, key, costs, leaves }: (typeof users)[number], nr: number): void => {
        const named = (name: number): string => (name < 2 ? `${name}` : `${name} of ${key}`);
        const wants = [...names].sort().map(named).join();
        const limiter = names.map((name): KeyedLimiter<number> => ({
          limiter: limiters[name]!,
          key: name < 2 ? undefined : () => key,
        }));
        const options: RateLimitOptions<number> = { limiter, scheduler };
        const comes = (cost: number): number => {
          waiting.push({ wants, user: nr });
          return cost;
        };
        const subscription = pull(costs)
          .pipe(rateLimit({ ...options, cost: comes }))
          .subscribe({
            next: (cost) => {
              if (waiting.find((other) => other.wants === wants)?.user !== nr) overtook.push(nr);
              waiting = waiting.filter((other) => other.user !== nr);
              for (const name of names) paid.push({ name: named(name), cost, at: time.now });
            },
            complete: () => ended++,
          });
        if (leaves === null) return;
        scheduler.schedule(() => {
          waiting = waiting.filter((other) => other.user !== nr);
          if (!subscription.closed) ended++;
          subscription.unsubscribe();
        }, leaves);
      };
      users.forEach((one, nr) => scheduler.schedule(() => start(one, nr), one.at));
      time.advanceBy(100_000);
      expect(ended).toBe(users.length);
      expect(overtook).toEqual([]);
      expect(time.pending).toBe(0);
      for (const first of paid) {
        const { burst, per } = sizes[Number(first.name[0])]!;
        const isWindow = Number(first.name[0]) % 2 === 1;
        let sum = 0;
        for (const { name, cost, at } of paid.slice(paid.indexOf(first))) {
          if (name !== first.name || (isWindow && at >= first.at + per)) continue;
          sum += cost;
          expect(sum).toBeLessThanOrEqual(burst + (isWindow ? 0 : ((at - first.at) * burst) / per) + 1e-6);
        }
      }
    });
    fc.assert(property, { numRuns: 500 });
  });
});
