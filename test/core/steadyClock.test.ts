import { expect, test } from 'vitest';
import { SteadyClock } from '../../src/core/steadyClock.js';

test('SteadyClock goes on where the clock is set back, and forward with it', () => {
  const clock = new SteadyClock(1_000);
  const says = [1_000, 1_010, 500, 505, 505, 4_105, 4_000, 4_001];
  expect(says.map((now) => clock.at(now))).toEqual([0, 10, 10, 15, 15, 3_615, 3_615, 3_616]);
});
