import { expect, test } from 'vitest';
import { decorrelated, exponential } from '../../src/index.js';
import { redeliveryDelay } from '../../src/delivery/redeliveryDelay.js';

test('a function is called once, with the attempt and what was thrown', () => {
  const calls: unknown[] = [];
  const backoff = (...args: unknown[]): number => calls.push(args);
  expect(redeliveryDelay('q', backoff, 7, 'bad', Math.random)).toBe(1);
  expect(calls).toEqual([[7, 'bad']]);
});

test('exponential', () => {
  const backoff = exponential({ base: 10, max: 1_000, jitter: 'none' });
  expect([1, 2, 3, 8, 1_000].map((n) => redeliveryDelay('q', backoff, n, undefined, () => 0))).toEqual([
    10, 20, 40, 1_000, 1_000,
  ]);
});

test('one that goes by the wait before grows as it would where that is known', () => {
  const backoff = decorrelated({ base: 10, max: 1_000 });
  expect([1, 2, 3, 9].map((n) => redeliveryDelay('q', backoff, n, undefined, () => 1))).toEqual([10, 30, 90, 1_000]);
});
