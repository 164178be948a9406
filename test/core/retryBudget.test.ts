import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RetryBudgetState } from '../../src/core/retryBudget.js';

const TTL = 10_000;

/** How many of `asked` retries there is a budget for. */
const retries = (budget: RetryBudgetState, now: number, asked: number = 1_000): number => {
  let allowed = 0;
  while (allowed < asked && budget.tryRetry(now)) allowed++;
  return allowed;
};

describe('RetryBudgetState', () => {
  test('without calls there are the retries of minPerSecond, and each call adds its part', () => {
    const budget = new RetryBudgetState({ ratio: 0.1, minPerSecond: 1, ttl: TTL });
    expect(retries(budget, 0)).toBe(10);
    for (let i = 0; i < 100; i++) budget.called(0);
    expect(retries(budget, 0)).toBe(10);
    expect(retries(budget, 2 * TTL)).toBe(10); // both are forgotten
  });

  test('a ratio of 0.2 gives exactly one retry for five calls, and none without calls', () => {
    const budget = new RetryBudgetState({ ratio: 0.2, minPerSecond: 0, ttl: TTL });
    expect(retries(budget, 0)).toBe(0);
    for (let i = 0; i < 4; i++) budget.called(5);
    expect(retries(budget, 5)).toBe(0);
    budget.called(5);
    expect(retries(budget, 5)).toBe(1);
  });

  test('in no ttl before a retry are there more than ratio × calls + minPerSecond × seconds', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom(0, 1, 300, 999, 1_001, 4_000), fc.nat(8), fc.nat(8)), {
      minLength: 1,
      maxLength: 60,
    });
    const budgets = fc.record({ ratio: fc.constantFrom(0, 0.1, 0.5, 1), minPerSecond: fc.constantFrom(0, 0.2, 1) });
    const property = fc.property(budgets, fc.nat(1_000), steps, ({ ratio, minPerSecond }, start, script) => {
      const budget = new RetryBudgetState({ ratio, minPerSecond, ttl: TTL });
      const calls: number[] = [];
      const retried: number[] = [];
      let now = start;
      for (const [after, called, asked] of script) {
        now += after;
        for (let i = 0; i < called; i++) {
          budget.called(now);
          calls.push(now);
        }
        for (let i = retries(budget, now, asked); i > 0; i--) retried.push(now);
        const recent = (times: number[]): number => times.filter((at) => at > now - TTL).length;
        const allowed = ratio * recent(calls) + (minPerSecond * TTL) / 1_000;
        if (retried.at(-1) === now) expect(recent(retried)).toBeLessThanOrEqual(allowed + 1e-9);
      }
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  test('under a steady load most of the budget can be used', () => {
    const budget = new RetryBudgetState({ ratio: 0.1, minPerSecond: 0, ttl: TTL });
    let [calls, allowed] = [0, 0];
    for (let now = 0; now < 100_000; now += 10) {
      budget.called(now);
      calls++;
      if (budget.tryRetry(now)) allowed++;
    }
    expect(allowed / calls).toBeGreaterThan(0.08);
    expect(allowed / calls).toBeLessThanOrEqual(0.1);
  });
});
