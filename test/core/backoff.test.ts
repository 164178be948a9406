import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decorrelated, exponential, fixed } from '../../src/core/backoff.js';

const half = (): number => 0.5;
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const attempts = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constantFrom(1_024, 2 ** 31, 1e9));
const options = fc.record({
  base: fc.double({ min: 0.001, max: 1e6, noNaN: true }),
  max: fc.double({ min: 0.001, max: 1e9, noNaN: true }),
});

describe('exponential', () => {
  const doubling = { base: 100, max: 5_000, factor: 2 };

  test('without jitter: base × factor^n, and no more than max', () => {
    const delay = exponential({ ...doubling, jitter: 'none' });
    const delays = [1, 2, 3, 6, 7, 8, 1e9].map((attempt) => delay(attempt, 0, half));
    expect(delays).toEqual([100, 200, 400, 3_200, 5_000, 5_000, 5_000]);
  });

  test('full jitter is U(0, whole), equal jitter half + U(0, half)', () => {
    const full = exponential({ ...doubling, jitter: 'full' });
    expect([0, 0.25, 0.5].map((r) => full(3, 0, () => r))).toEqual([0, 100, 200]);
    const equal = exponential({ ...doubling, jitter: 'equal' });
    expect([0, 0.25, 0.5].map((r) => equal(3, 0, () => r))).toEqual([200, 250, 300]);
  });

  test('from 0 to max whatever the attempt, and never shorter without jitter', () => {
    const factors = fc.double({ min: 1, max: 10, noNaN: true });
    const jitters = fc.constantFrom('full', 'equal', 'none');
    const property = fc.property(options, factors, jitters, attempts, random, (o, factor, jitter, attempt, r) => {
      const delay = exponential({ ...o, factor, jitter })(attempt, 0, () => r);
      const whole = exponential({ ...o, factor, jitter: 'none' });
      expect(delay).toBeGreaterThanOrEqual(jitter === 'equal' ? whole(attempt, 0, half) / 2 : 0);
      expect(delay).toBeLessThanOrEqual(whole(attempt, 0, half));
      expect(delay).toBeLessThanOrEqual(o.max);
      expect(whole(attempt + 1, 0, half)).toBeGreaterThanOrEqual(whole(attempt, 0, half));
    });
    fc.assert(property, { numRuns: 2_000 });
  });
});

describe('decorrelated', () => {
  test('is U(base, 3 × the wait before), and no more than max', () => {
    const delay = decorrelated({ base: 100, max: 5_000 });
    expect([0, 100, 1_000, 5_000].map((previous) => delay(1, previous, half))).toEqual([100, 200, 1_550, 5_000]);
  });

  test('X2: from base to max, never above three times the wait before, on average at most twice it', () => {
    const property = fc.property(options, fc.array(random, { minLength: 1, maxLength: 50 }), (o, randoms) => {
      const delay = decorrelated(o);
      let previous = 0;
      for (const [i, r] of randoms.entries()) {
        const next = delay(i + 1, previous, () => r);
        expect(next).toBeGreaterThanOrEqual(Math.min(o.base, o.max));
        expect(next).toBeLessThanOrEqual(Math.min(o.max, Math.max(o.base, 3 * previous)));
        previous = next;
      }
    });
    fc.assert(property, { numRuns: 1_000 });

    // The mean of U(base, 3p) over p is (base / p + 3) / 2: at most 2, and 2 only at the base.
    const delay = decorrelated({ base: 100, max: 1e9 });
    for (const previous of [100, 150, 1_000, 1e6]) {
      const ratios = Array.from({ length: 1_000 }, (_, i) => delay(1, previous, () => (i + 0.5) / 1_000) / previous);
      expect(ratios.reduce((sum, ratio) => sum + ratio) / 1_000).toBeLessThanOrEqual(2 + 1e-9);
    }
  });
});

test('fixed is always the same', () => {
  expect([1, 2, 1e9].map((attempt) => fixed(250)(attempt, 7, half))).toEqual([250, 250, 250]);
});
