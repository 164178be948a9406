import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Stopwatch } from '../../src/monitor/stopwatch.js';

const HOUR = 3_600_000;

test('times of up to four hours are right to 0.016 ms, whenever they begin, and marks are integers below -1', () => {
  const begin = fc.double({ min: 0, max: 1e13, noNaN: true });
  const length = fc.double({ min: 0, max: 4 * HOUR, noNaN: true });
  fc.assert(
    fc.property(begin, length, (begin, length) => {
      let now = begin;
      const stopwatch = new Stopwatch(() => now);
      const mark = stopwatch.mark();
      expect(Number.isInteger(mark) && mark < -1 && mark >= -1 - 2 ** 30).toBe(true);
      now = begin + length;
      expect(Math.abs(stopwatch.since(mark) - length)).toBeLessThan(0.017 + begin * 1e-15);
    }),
  );
});
