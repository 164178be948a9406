import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TimeHistogram } from '../../src/monitor/timeHistogram.js';

const HOUR = 3_600_000;

const of = (times: readonly number[]): TimeHistogram => {
  const histogram = new TimeHistogram();
  for (const time of times) histogram.record(time);
  return histogram;
};

test('percentiles of several histograms are those of all their times, to 1 %', () => {
  const times = fc.array(fc.double({ min: 0, max: HOUR, noNaN: true }), { maxLength: 50 });
  fc.assert(
    fc.property(times, times, (first, second) => {
      const found = TimeHistogram.percentiles([of(first), undefined, of(second)]);
      const all = [...first, ...second].sort((a, b) => a - b);
      if (all.length === 0) {
        expect(found).toBeUndefined();
        return;
      }
      const close = (value: number, expected: number): void =>
        expect(Math.abs(value - expected)).toBeLessThanOrEqual(0.01 * expected + 0.001);
      const at = (part: number): number => all[Math.ceil(part * all.length) - 1]!;
      expect(found!.count).toBe(all.length);
      close(found!.mean, all.reduce((sum, time) => sum + time, 0) / all.length);
      close(found!.p50, at(0.5));
      close(found!.p90, at(0.9));
      close(found!.p99, at(0.99));
      close(found!.max, at(1));
    }),
  );
});

test('what takes longer than an hour counts as an hour', () => {
  expect(TimeHistogram.percentiles([of([HOUR, 10 * HOUR, Infinity])])).toMatchObject({ p50: HOUR, max: HOUR });
});

test('reading several changes none of them', () => {
  const [a, b] = [of([1]), of([2])];
  TimeHistogram.percentiles([a, b]);
  expect(TimeHistogram.percentiles([a])).toMatchObject({ count: 1, max: 1 });
});
