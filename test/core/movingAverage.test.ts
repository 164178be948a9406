import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MovingAverage } from '../../src/core/movingAverage.js';

test('is undefined, then the first sample, then lies between the least and the greatest', () => {
  const samples = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 });
  const property = fc.property(samples, fc.double({ min: 0.001, max: 1, noNaN: true }), (values, gain) => {
    const average = new MovingAverage();
    expect(average.value).toBeUndefined();
    average.add(values[0]!, gain);
    expect(average.value).toBeCloseTo(values[0]!, 6);
    for (const value of values.slice(1)) average.add(value, gain);
    expect(average.value).toBeGreaterThanOrEqual(Math.min(...values) - 1e-6);
    expect(average.value).toBeLessThanOrEqual(Math.max(...values) + 1e-6);
  });
  fc.assert(property);
});

test('forgets: after many equal samples it is these', () => {
  const average = new MovingAverage();
  average.add(1_000, 0.1);
  for (let i = 0; i < 200; i++) average.add(5, 0.1);
  expect(average.value).toBeCloseTo(5, 3);
});
