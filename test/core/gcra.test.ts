import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Gcra } from '../../src/core/gcra.js';

const take = (bucket: Gcra, cost: number, now: number, key?: unknown): boolean => {
  if (cost > bucket.burst || bucket.wait(cost, key, now) > 0) return false;
  bucket.spend(cost, key, now);
  return true;
};

describe('Gcra', () => {
  test('admits what golang.org/x/time/rate does: 10 a second, burst 3, in steps of 100 ms', () => {
    const bucket = new Gcra(100, 3);
    const steps = [
      // step, tokens before, taken, ok
      [0, 3, 2, true],
      [0, 1, 2, false],
      [0, 1, 1, true],
      [0, 0, 1, false],
      [1, 1, 4, false],
      [2, 2, 1, true],
      [3, 2, 1, true],
      [4, 2, 1, true],
      [4, 1, 1, true],
      [4, 0, 1, false],
      [9, 3, 3, true],
      [9, 0, 0, true],
    ] as const;
    for (const [step, tokens, cost, ok] of steps) {
      expect([step, bucket.left(undefined, step * 100), take(bucket, cost, step * 100)]).toEqual([step, tokens, ok]);
    }
  });

  test('admits, and answers, what throttled does: 1 a second, burst 5', () => {
    const bucket = new Gcra(1_000, 5);
    const steps = [
      // seconds, cost, ok, remaining, reset, retry
      [0, 1, true, 4, 1, 0],
      [0, 1, true, 3, 2, 0],
      [0, 1, true, 2, 3, 0],
      [0, 1, true, 1, 4, 0],
      [0, 1, true, 0, 5, 0],
      [0, 1, false, 0, 5, 1],
      [3, 1, true, 2, 3, 0],
      [3.1, 1, true, 1, 3.9, 0],
      [4, 1, true, 1, 4, 0],
      [8, 1, true, 4, 1, 0],
      [9.5, 1, true, 4, 1, 0],
      [9.5, 0, true, 4, 1, 0],
      [9.5, 2, true, 2, 3, 0],
      [9.5, 5, false, 2, 3, 3],
    ] as const;
    for (const [seconds, cost, ok, remaining, reset, retry] of steps) {
      const now = seconds * 1_000;
      const wait = bucket.wait(cost, undefined, now);
      expect([seconds, take(bucket, cost, now), bucket.left(undefined, now)]).toEqual([seconds, ok, remaining]);
      expect(bucket.fullIn(undefined, now)).toBeCloseTo(reset * 1_000, 6);
      expect(wait).toBeCloseTo(retry * 1_000, 6);
    }
  });

  test('a rate that is no whole number of milliseconds allows the first (Go: 0.7692307692307693, burst 1)', () => {
    expect(take(new Gcra(1_000 / 0.7692307692307693, 1), 1, 0)).toBe(true);
  });

  test('R1: never more than rate × time + burst in any window, whatever is asked and when', () => {
    const operations = fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 50 })), {
      minLength: 1,
      maxLength: 200,
    });
    const rates = fc.double({ min: 0.001, max: 20, noNaN: true });
    const property = fc.property(operations, rates, fc.integer({ min: 1, max: 20 }), (steps, rate, burst) => {
      const bucket = new Gcra(1 / rate, burst);
      const taken: { at: number; cost: number }[] = [];
      let now = 0;
      for (const [after, tenths] of steps) {
        now += after / 10;
        const cost = Math.min(burst, tenths / 10);
        if (take(bucket, cost, now)) taken.push({ at: now, cost });
      }
      for (let i = 0; i < taken.length; i++) {
        let sum = 0;
        for (const { at, cost } of taken.slice(i)) {
          sum += cost;
          expect(sum).toBeLessThanOrEqual(rate * (at - taken[i]!.at) + burst + 1e-6);
        }
      }
    });
    fc.assert(property, { numRuns: 5_000 }); // 5,000 runs of up to 200 operations: a million at most
  });

  test.each([
    [0.1, 10],
    [1, 50],
    [20, 1_000],
  ])('R2: asked all the time, %d tokens/ms with burst %i give exactly what the rate allows', (rate, burst) => {
    const bucket = new Gcra(1 / rate, burst);
    const end = 10_000;
    let count = 0;
    for (let now = 0; now <= end; now += 0.5) while (take(bucket, 1, now)) count++;
    expect(Math.abs(count - Math.floor(burst + rate * end))).toBeLessThanOrEqual(1);
  });

  test('R7: ten million tokens of 1/3 ms drift by less than one', () => {
    const bucket = new Gcra(1 / 3, 1);
    for (let i = 0; i < 1e7; i++) bucket.spend(1, undefined, 0);
    expect(Math.abs(bucket.fullIn(undefined, 0) - 1e7 / 3)).toBeLessThan(1 / 3);
  });

  test.each([undefined, 'key'])(
    'R7: nor are any lost when all that come in a millisecond are just a burst (%s)',
    (key) => {
      const bucket = new Gcra(1 / 3, 3);
      let taken = 0;
      for (let now = 1e9; now < 1e9 + 100_000; now++) while (bucket.take(1, key, now) === 0) taken++;
      expect(taken).toBe(300_000);
    },
  );

  test('keys have buckets of their own, and full ones are forgotten', () => {
    const bucket = new Gcra(10, 1);
    for (let i = 0; i < 100_000; i++) {
      expect(take(bucket, 1, i, `key ${i}`)).toBe(true);
      expect(bucket.keys).toBeLessThan(3_000); // 10 of them are not full; the others go by and by
    }
    expect(take(bucket, 1, 99_999, 'key 99999')).toBe(false);
  });

  test('full ones are forgotten by calls of any kind, within a minute of time', () => {
    const bucket = new Gcra(10, 1);
    for (let i = 0; i < 100_000; i++) bucket.take(1, i, 0);
    bucket.take(1, 'another', 60_000);
    expect(bucket.keys).toBe(100_001);
    expect(bucket.take(1, 'another', 60_001)).toBeGreaterThan(0);
    expect(bucket.keys).toBe(1);
  });

  test('a bucket that became full since then counts with a payment that could have been made before', () => {
    const bucket = new Gcra(100, 1);
    bucket.take(1, undefined, 60_000);
    for (let i = 0; i < 2_000; i++) bucket.wait(1, undefined, 60_110);
    bucket.spend(1, undefined, 60_110, 60_050); // 50 ms before it was full
    expect(bucket.wait(1, undefined, 60_110)).toBeCloseTo(90, 6);
  });

  test('a new rate keeps the tokens that are there', () => {
    const bucket = new Gcra(100, 10);
    bucket.spend(6, 'a', 0);
    bucket.retune(10, 10, 100);
    expect(bucket.left('a', 100)).toBe(5);
    expect(bucket.wait(10, 'a', 100)).toBeCloseTo(50, 6);
    bucket.retune(10, 2, 100); // a smaller bucket keeps what fits
    expect(bucket.left('a', 100)).toBe(2);
  });
});
