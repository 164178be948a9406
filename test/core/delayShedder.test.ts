import { describe, expect, test } from 'vitest';
import { DelayShedder } from '../../src/core/delayShedder.js';

describe('DelayShedder', () => {
  test('sheds while the shortest wait of the last interval was above the target', () => {
    const shedder = new DelayShedder(20, 100);
    expect([shedder.sheds(90, 0), shedder.sheds(90, 50), shedder.sheds(90, 100)]).toEqual([false, false, false]);
    expect(shedder.overloaded).toBe(false);
    expect(shedder.sheds(90, 101)).toBe(false); // the first of the interval
    expect(shedder.overloaded).toBe(true);
    expect([shedder.sheds(40, 102), shedder.sheds(41, 103), shedder.sheds(90, 201)]).toEqual([false, true, true]);
  });

  test('one short wait in an interval is enough to go on without shedding', () => {
    const shedder = new DelayShedder(20, 100);
    for (const now of [0, 30, 60]) shedder.sheds(90, now);
    shedder.sheds(20, 70);
    shedder.sheds(90, 101);
    expect(shedder.overloaded).toBe(false);
    expect(shedder.sheds(90, 102)).toBe(false);
    shedder.sheds(90, 202);
    expect(shedder.overloaded).toBe(true);
    shedder.sheds(0, 203);
    expect(shedder.sheds(90, 204)).toBe(true); // what is known of this interval counts from the next on
    expect(shedder.sheds(90, 303)).toBe(false);
    expect(shedder.overloaded).toBe(false);
  });
});
