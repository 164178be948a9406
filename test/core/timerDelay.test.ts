import { expect, test } from 'vitest';
import { timerDelay } from '../../src/core/timerDelay.js';

test.each([
  [-1, 0],
  [0, 0],
  [1e-9, 1e-3],
  [20, 20],
  [1e12, 2_147_483_647],
])('for %d ms a timer is given %d', (ms, delay) => expect(timerDelay(ms)).toBe(delay));
