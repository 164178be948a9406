import { expect, test } from 'vitest';
import { SampleWindow } from '../../src/core/sampleWindow.js';

test('is full after so long with so many samples, or with one drop', () => {
  const window = new SampleWindow(3, 250);
  expect(window.full(1_000)).toBe(false);
  for (const time of [5, 1, 9]) window.sample(time, 0, time);
  expect([window.full(249), window.full(250), window.median(), window.peak]).toEqual([false, true, 5, 9]);
  window.clear(250);
  expect([window.size, window.peak, window.full(900)]).toEqual([0, 0, false]);
  window.drop(300);
  expect([window.full(499), window.full(500), window.drops]).toEqual([false, true, 1]);
});
