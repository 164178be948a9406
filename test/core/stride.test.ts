import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Stride } from '../../src/core/stride.js';

/** The times of the events that are picked, of those that come `gap(n)` milliseconds after the one before. */
function picked(events: number, gap: (n: number) => number): number[] {
  const stride = new Stride();
  const times: number[] = [];
  let now = 0;
  let next = 0;
  for (let n = 0; n < events; n++, now += gap(n)) {
    if (n !== next) continue;
    times.push(now);
    next = n + stride.after(now);
  }
  return times;
}

test('events that are further apart than two milliseconds are all picked', () => {
  expect(picked(100, () => 2.5)).toHaveLength(100);
});

test('of events that come evenly about one in a millisecond is picked', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.004, max: 2, noNaN: true }), (gap) => {
      const times = picked(8_000, () => gap).slice(12); // it takes some steps to find its length
      const gaps = times.slice(1).map((time, i) => time - times[i]!);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0.5);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(2 + gap);
    }),
    { numRuns: 50 },
  );
});

test('however many come at once, one in 512 is picked', () => {
  expect(picked(51_200, () => 0).length).toBeGreaterThan(100);
  expect(picked(51_200, () => 0).length).toBeLessThan(120);
});

test('what comes seldom after a burst is picked again, once one of it was', () => {
  const stride = new Stride();
  for (let i = 0; i < 20; i++) stride.after(0);
  expect(stride.after(1)).toBe(512);
  expect(stride.after(1 + 512 * 10)).toBe(1);
});
