import { lastValueFrom, Observable, of, timer } from 'rxjs';
import { describe, expect, test } from 'vitest';
import {
  adaptive,
  fixed,
  OptionError,
  pool,
  pull,
  type AdaptiveOptions,
  type PoolFigures,
} from '../../../src/index.js';
import { VirtualTime } from '../../../src/testing/index.js';
import { JumpingClock } from './jumpingClock.js';

function* endless(): Generator<number> {
  for (let i = 0; ; i++) yield i;
}

/** The limit after `ms` of work that never ends, each call of which is `call`; the clock jumps by `jump` every 1.7 s. */
function limitAfter(
  ms: number,
  options: AdaptiveOptions,
  call: (running: number, time: VirtualTime) => Observable<unknown>,
  jump: number = 0,
): number {
  const time = new VirtualTime();
  const clock = new JumpingClock(time);
  let stage!: { figures(): PoolFigures };
  let running = 0;
  const worker = (): Observable<unknown> =>
    new Observable((subscriber) => {
      const inner = call(++running, time).subscribe(subscriber);
      return () => {
        running--;
        inner.unsubscribe();
      };
    });
  const subscription = pull(endless())
    .pipe(
      pool(worker, {
        concurrency: adaptive({ random: () => 0.5, ...options }),
        scheduler: clock,
        retry: { attempts: Infinity, backoff: fixed(1) },
        monitor: { add: (added) => (stage = added as never) },
      }),
    )
    .subscribe();
  for (let t = 0; t < ms; t += 1_700) {
    time.advanceBy(1_700);
    clock.by += jump;
  }
  const limit = stage.figures().running;
  subscription.unsubscribe();
  expect(time.pending).toBe(0);
  return limit;
}

describe('adaptive', () => {
  test('rises while calls take no longer, up to max', () => {
    expect(limitAfter(20_000, { max: 30, initial: 5 }, (_, time) => timer(20, time.scheduler))).toBe(30);
  });

  test('falls when calls take longer the more there are', () => {
    // 10 places: beyond these each call takes longer by as much as it waits
    const call = (running: number, time: VirtualTime): Observable<unknown> =>
      timer(20 * Math.max(1, running / 10), time.scheduler);
    const limit = limitAfter(60_000, { max: 200, initial: 100 }, call);
    expect(limit).toBeGreaterThanOrEqual(8);
    expect(limit).toBeLessThanOrEqual(20);
  });

  test.each([-10_000, 3_600_000])('a clock that jumps by %i ms every other second changes nothing', (jump) => {
    const call = (running: number, time: VirtualTime): Observable<unknown> =>
      timer(20 * Math.max(1, running / 10), time.scheduler);
    const limit = limitAfter(60_000, { max: 200, initial: 100 }, call, jump);
    expect(limit).toBeGreaterThanOrEqual(8);
    expect(limit).toBeLessThanOrEqual(25);
    expect(limitAfter(60_000, { max: 200, initial: 5, latencyTarget: 40 }, call, jump)).toBeGreaterThanOrEqual(15);
  });

  test('follows a latency target', () => {
    const call = (running: number, time: VirtualTime): Observable<unknown> => timer(running, time.scheduler);
    const limit = limitAfter(60_000, { max: 200, initial: 100, latencyTarget: 40 }, call);
    expect(limit).toBeGreaterThanOrEqual(30);
    expect(limit).toBeLessThanOrEqual(45);
  });

  test('falls to min when all calls say that the other side is overloaded', () => {
    const busy = Object.assign(new Error('busy'), { status: 503 });
    expect(limitAfter(30_000, { max: 50, min: 2 }, (_, time) => fails(time, busy))).toBeLessThanOrEqual(2);
  });

  test('judges each result once, and not the end of an Observable', async () => {
    const judged: unknown[] = [];
    const isOverload = (outcome: unknown): boolean => judged.push(outcome) > 0;
    const concurrency = adaptive({ max: 5, isOverload });
    await lastValueFrom(pull([1, 2]).pipe(pool(async (n) => n, { concurrency })));
    await lastValueFrom(pull([3, 4]).pipe(pool((n) => of(n), { concurrency })));
    expect(judged).toEqual([1, 2]);
  });

  test('other errors say nothing about load', () => {
    expect(limitAfter(10_000, { max: 50, initial: 9 }, (_, time) => fails(time, new Error('no')))).toBeGreaterThan(2);
  });

  test.each<[options: object, message: string]>([
    [{}, 'Expected `max` to be a positive integer'],
    [{ max: 5, min: 6 }, 'Expected `max` to be an integer of at least `min`, which is 6'],
    [{ max: 5, initial: 6 }, 'Expected `initial` to be an integer from 1 to 5'],
    [{ max: 5.5 }, 'Expected `max` to be a positive integer'],
    [{ max: 5, latencyTarget: 0 }, 'Expected `latencyTarget`'],
  ])('refuses %j', (options, message) => {
    expect(() => adaptive(options as AdaptiveOptions)).toThrow(OptionError);
    expect(() => adaptive(options as AdaptiveOptions)).toThrow(message);
  });
});

/** Fails in 10 ms. */
function fails(time: VirtualTime, error: Error): Observable<unknown> {
  return new Observable((subscriber) => timer(10, time.scheduler).subscribe(() => subscriber.error(error)));
}
