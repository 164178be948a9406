import { type SchedulerAction } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { OptionError } from '../../src/index.js';
import { VirtualTime } from '../../src/testing/index.js';

describe('VirtualTime', () => {
  test('does what is due on the way, at its time, also what is scheduled meanwhile', () => {
    const time = new VirtualTime();
    const at: number[] = [];
    time.scheduler.schedule(function (this: SchedulerAction<unknown>) {
      at.push(time.now);
      if (time.now < 50) this.schedule(undefined, 10);
    }, 10);
    time.advanceBy(25);
    expect([at, time.now, time.pending]).toEqual([[10, 20], 25, 1]);
    time.advanceBy(0);
    time.advanceBy(100);
    expect([at, time.now, time.pending]).toEqual([[10, 20, 30, 40, 50], 125, 0]);
  });

  test.each([-1, NaN, undefined, '5'])('advanceBy(%j) is refused, and the clock stands', (ms) => {
    const time = new VirtualTime();
    time.advanceBy(10);
    expect(() => time.advanceBy(ms as number)).toThrow(OptionError);
    expect(time.now).toBe(10);
  });
});
