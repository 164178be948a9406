import { describe, expect, test } from 'vitest';
import { decorrelated, exponential, fixed, OptionError } from '../../../src/index.js';

const half = (): number => 0.5;

describe('backoffs', () => {
  test('exponential: twice as long each time, up to the longest, with the jitter asked for', () => {
    const waits = (jitter: 'full' | 'equal' | 'none'): number[] => {
      const backoff = exponential({ base: 100, max: 500, jitter });
      return [1, 2, 3, 4].map((attempt) => backoff.delay(attempt, 0, half));
    };
    expect(waits('none')).toEqual([100, 200, 400, 500]);
    expect(waits('full')).toEqual([50, 100, 200, 250]);
    expect(waits('equal')).toEqual([75, 150, 300, 375]);
    expect(exponential({ base: 10, factor: 3, jitter: 'none' }).delay(3, 0, half)).toBe(90);
    expect(exponential({ base: 10 }).delay(1_000_000_000, 0, half)).toBe(15_000);
  });

  test('decorrelated: from base to three times the wait before', () => {
    const backoff = decorrelated({ base: 100, max: 1_000 });
    expect([0, 100, 400, 5_000].map((previous) => backoff.delay(2, previous, half))).toEqual([100, 200, 650, 1_000]);
  });

  test('fixed: always the same', () => {
    expect(fixed(70).delay(9, 1, half)).toBe(70);
  });

  test.each([
    () => exponential({ base: 0 }),
    () => exponential({} as never),
    () => exponential({ base: 1, factor: 0.5 }),
    () => exponential({ base: 1, jitter: 'some' as never }),
    () => exponential({ base: 1, max: -1 }),
    () => decorrelated({ base: NaN }),
    () => fixed(0),
    () => fixed('5' as never),
  ])('%s is refused', (make) => {
    expect(make).toThrow(OptionError);
  });
});
