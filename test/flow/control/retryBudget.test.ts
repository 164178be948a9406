import { of, throwError } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { fixed, OptionError, pool, pull, retryBudget, type RetryBudgetOptions } from '../../../src/index.js';
import { VirtualTime } from '../../../src/testing/index.js';
import { JumpingClock } from './jumpingClock.js';

describe('retryBudget', () => {
  test('allows a part of the calls, and a few besides', () => {
    const time = new VirtualTime();
    const budget = retryBudget({ ratio: 0.1, minPerSecond: 1, scheduler: time.scheduler });
    for (let i = 0; i < 100; i++) budget.called();
    const allowed = Array.from({ length: 50 }, () => budget.tryRetry()).filter(Boolean).length;
    expect(allowed).toBe(20); // 10 of 100 calls, and 1 a second for 10 s
    time.advanceBy(11_000);
    expect(budget.tryRetry()).toBe(true);
  });

  test('is there again in time after the clock was set back', () => {
    const time = new VirtualTime();
    const clock = new JumpingClock(time);
    const budget = retryBudget({ ratio: 0, minPerSecond: 1, scheduler: clock });
    const allowed = (): number => Array.from({ length: 50 }, () => budget.tryRetry()).filter(Boolean).length;
    expect(allowed()).toBe(10);
    time.advanceBy(5_000);
    clock.by = -3_600_000;
    expect(allowed()).toBe(0);
    time.advanceBy(11_000);
    expect(allowed()).toBe(10);
  });

  test('pools share it: without a budget left a call fails with its error', () => {
    const time = new VirtualTime();
    const budget = retryBudget({ ratio: 0, minPerSecond: 0.1, scheduler: time.scheduler });
    const failure = new Error('broken');
    const ends: unknown[] = [];
    const retry = { attempts: 9, backoff: fixed(10), budget };
    for (let i = 0; i < 2; i++) {
      pull([1])
        .pipe(
          pool((value, { attempt }) => (attempt < 2 ? throwError(() => failure) : of(value)), {
            concurrency: 1,
            scheduler: time.scheduler,
            retry,
          }),
        )
        .subscribe({ error: (error) => ends.push(error), complete: () => ends.push('complete') });
    }
    time.advanceBy(10);
    expect(ends).toEqual([failure, 'complete']);
  });

  test.each([{ ratio: -1 }, { ratio: NaN }, { minPerSecond: Infinity }, { ratios: 1 }])('refuses %j', (options) => {
    expect(() => retryBudget(options as RetryBudgetOptions)).toThrow(OptionError);
  });
});
