/**
 * The rule. How it does against a server is in test/control/adaptive.test.ts.
 *
 * Of bar C9, the vectors of Netflix's Vegas are of its rule per call and do not apply to this one, which decides per window; those of
 * AIMD are in aimd.test.ts.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Vegas } from '../../src/core/vegas.js';

const options = { min: 1, max: 200, initial: 20 };
const half = (): number => 0.5;

/** Ten calls that end over 250 ms, from `from` on; the tenth ends the window. */
const windowOf = (law: Vegas, time: number, running: number, from: number): void => {
  for (let i = 0; i < 10; i++) {
    const now = from + (i * 250) / 9;
    law.sample(time, now, now, running);
  }
};

describe('Vegas', () => {
  test.each([
    // time of the second window, running, limit after it
    [50, 20, 24], // nothing queues: 22.24 + √22.24 / 2
    [50, 19, 22], // nothing queues, but less than nine tenths of the limit are used
    [51, 22, 24], // nor can a millisecond be seen on every clock
    [62, 22, 22], // 3.9 of 22.24 queue: between A + 5 % and 1.75 A + 10 %
    [100, 22, 16], // 10.9 queue: to where the middle of these does, 4.9
    [1_000, 22, 11], // not below half of it
  ])('a window of %d ms with %i running leads to a limit of %i', (time, running, limit) => {
    const law = new Vegas(options, half);
    windowOf(law, 50, 20, 0);
    expect(law.limit).toBe(22); // 20 + √20 / 2
    windowOf(law, time, running, 250);
    expect(law.limit).toBe(limit);
  });

  test('a drop takes a tenth of the limit, once per window', () => {
    const law = new Vegas(options, half);
    for (const now of [0, 100, 249]) law.dropped(now);
    expect(law.limit).toBe(20);
    law.dropped(250);
    expect(law.limit).toBe(18);
  });

  test('with drops alone a limit goes down, to the minimum', () => {
    const law = new Vegas({ ...options, min: 2 }, half);
    for (let now = 0; now < 30_000; now += 250) law.dropped(now);
    expect(law.limit).toBe(2);
  });

  test('waits for ten calls, however long they take to come', () => {
    const law = new Vegas(options, half);
    for (let i = 0; i < 9; i++) law.sample(50, i * 90, i * 90 + 50, 20);
    expect(law.limit).toBe(20);
    law.sample(50, 810, 860, 20);
    expect(law.limit).toBe(22);
  });

  /** Windows in which nothing queues and nothing grows, until the limit is halved: the time at which it is. */
  const untilProbe = (law: Vegas, from: number): number => {
    const { limit } = law;
    for (let now = from; ; now += 250) {
      windowOf(law, 50, 0, now);
      if (law.limit === limit >> 1) return now + 250;
    }
  };

  test('measures what calls take idle with half of the limit, by calls begun since, and ignores those begun before', () => {
    const law = new Vegas(options, half);
    const cut = untilProbe(law, 0);
    for (let i = 0; i < 200; i++) law.sample(1, cut - 1, cut + 1, 20); // begun before the cut
    expect(law.limit).toBe(10);
    let restored = cut + 100;
    while (law.limit === 10) law.sample(100, cut, ++restored, 10);
    expect([law.limit, restored < cut + 200]).toEqual([20, true]);
    for (let i = 0; i < 200; i++) law.sample(1, restored - 1, restored + 300, 20); // begun before the limit was restored
    windowOf(law, 100, 20, restored + 300);
    expect(law.limit).toBe(22); // 100 ms is what a call takes idle now: none of it is spent in a queue
  });

  test('measures anew every 30 s, 15 % sooner or later by chance', () => {
    const pause = (random: number): number => {
      const law = new Vegas(options, () => random);
      let restored = untilProbe(law, 0);
      for (; law.limit === 10; restored += 250) windowOf(law, 50, 10, restored);
      return untilProbe(law, restored) - restored;
    };
    for (const random of [0, 0.5, 0.999]) {
      expect(Math.abs(pause(random) - (25_500 + random * 9_000))).toBeLessThanOrEqual(500);
    }
  });

  test('a drop ends the measuring', () => {
    const law = new Vegas(options, half);
    const cut = untilProbe(law, 0);
    law.dropped(cut + 50);
    expect(law.limit).toBe(20);
    law.dropped(cut + 350);
    expect(law.limit).toBe(18);
  });

  test('a clock that counts whole milliseconds does not stop it: of short calls some take 0, some 1', () => {
    const law = new Vegas(options, half);
    for (let now = 0; now < 10_000; now += 250) windowOf(law, (now / 250) % 2, 200, now);
    expect(law.limit).toBeGreaterThan(100);
  });

  test('a limit that has fallen to a quarter is not believed: the base is measured anew, at once', () => {
    const law = new Vegas(options, half);
    windowOf(law, 50, 0, 0); // the base: nothing is as short again
    const limits = [250, 500, 750].map((now) => {
      windowOf(law, 200, 20, now);
      return law.limit;
    });
    expect(limits).toEqual([10, 5, 1]); // 3 is less than a quarter of 20, and is halved to measure
    for (let i = 0; i < 30; i++) law.sample(200, 1_000, 1_200 + i, 2);
    for (let now = 1_250; now < 3_250; now += 250) windowOf(law, 200, law.limit, now);
    expect(law.limit).toBeGreaterThan(10);
  });

  test('a measurement that surprises is made again after 3 s', () => {
    const law = new Vegas(options, half);
    const cut = untilProbe(law, 0);
    for (let i = 0; i < 30; i++) law.sample(30, cut, cut + 30 + i, 10); // half of the limit does not queue: 30 ms, not 50
    expect(law.limit).toBe(20);
    let now = cut + 60;
    for (; law.limit !== 10; now += 250) windowOf(law, 30, 0, now);
    expect(now - cut).toBeLessThan(3_500);
  });

  test('is an integer from min to max, whatever comes', () => {
    const events = fc.array(fc.tuple(fc.nat(10_000), fc.nat(9), fc.nat(500), fc.nat(300)), {
      maxLength: 200,
    });
    const bounds = fc
      .tuple(fc.integer({ min: 1, max: 20 }), fc.nat(100), fc.nat(100))
      .map(([min, a, b]) => ({ min, initial: min + a, max: min + a + b }));
    const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    const property = fc.property(bounds, randoms, events, (o, random, script) => {
      const law = new Vegas(o, () => random);
      let now = 0;
      for (const [after, kind, time, running] of script) {
        now += after;
        if (kind === 0) law.dropped(now);
        else windowOf(law, time, running, now);
        expect(Number.isInteger(law.limit)).toBe(true);
        expect(law.limit).toBeGreaterThanOrEqual(o.min);
        expect(law.limit).toBeLessThanOrEqual(o.max);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });
});
