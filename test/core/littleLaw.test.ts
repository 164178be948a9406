/** The rule. How it does with a pool is in test/control/elastic.test.ts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LittleLaw } from '../../src/core/littleLaw.js';

const TICK = 500;
const options = { min: 1, max: 200, drainWithin: 1_000, smoothing: 5_000, stabilise: 15_000 };

/** So many looks with the same figures; the workers wanted after each. */
const looks = (
  law: LittleLaw,
  { from = 0, count, arrivals, waiting = 0 }: { from?: number; count: number; arrivals: number; waiting?: number },
): number[] =>
  Array.from({ length: count }, (_, i) => {
    law.arrived(arrivals);
    return law.decide(from + i * TICK, waiting, 0);
  });

const served = (ms: number, over: Partial<typeof options> = {}): LittleLaw => {
  const law = new LittleLaw({ ...options, ...over });
  law.served(ms);
  return law;
};

describe('LittleLaw', () => {
  test('100 a second for 100 ms each need 10, and √10 for chance; it doubles, or adds 4, to get there', () => {
    const law = served(100);
    law.decide(-TICK, 0, 0);
    expect(looks(law, { count: 5, arrivals: 50 })).toEqual([5, 10, 14, 14, 14]);
  });

  test('what waits beyond what chance makes wait is to be worked off within a second', () => {
    const law = served(100);
    law.decide(-TICK, 0, 0);
    const backlog = ((100 - Math.sqrt(10)) * 100) / 1_000;
    const need = Math.ceil(10 + Math.sqrt(10) + backlog);
    expect(looks(law, { count: 4, arrivals: 50, waiting: 100 })).toEqual([5, 10, 20, need]);
    const patient = served(100, { drainWithin: 10_000 });
    patient.decide(-TICK, 0, 0);
    expect(looks(patient, { count: 4, arrivals: 50, waiting: 100 }).at(-1)).toBe(Math.ceil(13.17 + backlog / 10));
  });

  test('while nothing has been measured it needs one for each that waits or runs', () => {
    const law = new LittleLaw({ ...options, min: 2 });
    expect([law.decide(0, 0, 0), law.decide(500, 1, 2), law.decide(1_000, 9, 3)]).toEqual([2, 3, 7]);
    expect(law.decide(1_500, 9, 3)).toBe(12);
  });

  test('where arrivals are as many as the workers let in, it grows as fast as it may; and stops when they are not', () => {
    const law = served(100, { max: 50 });
    const busy = Array.from({ length: 6 }, (_, i) => law.decide(i * TICK, 1, 1, true));
    expect(busy).toEqual([5, 10, 20, 40, 50, 50]);
    expect(law.decide(6 * TICK, 0, 20)).toBe(50);
  });

  test('goes down only to the most that was needed for as long as it takes to be sure', () => {
    const law = served(100);
    law.decide(-TICK, 0, 0);
    looks(law, { count: 10, arrivals: 50 });
    const after = looks(law, { from: 10 * TICK, count: 120, arrivals: 0 });
    expect(after.slice(0, 28)).toEqual(new Array<number>(28).fill(14));
    expect(after.every((n, i) => i === 0 || n <= after[i - 1]!)).toBe(true);
    expect(after.at(-1)).toBe(1);
  });

  test('follows calls that take longer', () => {
    const law = served(100);
    law.decide(-TICK, 0, 0);
    looks(law, { count: 5, arrivals: 50 });
    for (let i = 0; i < 2_000; i++) law.served(300);
    expect(looks(law, { from: 5 * TICK, count: 10, arrivals: 50 }).at(-1)).toBe(Math.ceil(30 + Math.sqrt(30)));
  });

  test('two looks at one time count nothing twice', () => {
    const law = served(100);
    law.decide(-TICK, 0, 0);
    for (let i = 0; i < 100; i++) {
      law.arrived(50);
      law.decide(i * TICK, 0, 0);
      expect(law.decide(i * TICK, 0, 0)).toBeLessThanOrEqual(14);
    }
    expect(law.decide(100 * TICK, 0, 0)).toBe(14);
  });

  test('E6: an integer from min to max; what it went up to it keeps for as long as it takes to be sure', () => {
    const steps = fc.array(
      fc.record({
        after: fc.constantFrom(0, 1, 100, 500, 500, 500, 20_000),
        arrivals: fc.nat(500),
        served: fc.array(fc.double({ min: 0, max: 5_000, noNaN: true }), { maxLength: 3 }),
        waiting: fc.nat(1_000),
        running: fc.nat(100),
      }),
      { maxLength: 100 },
    );
    const bounds = fc.tuple(fc.integer({ min: 1, max: 50 }), fc.nat(200)).map(([min, more]) => [min, min + more]);
    const property = fc.property(bounds, steps, ([min, max], script) => {
      const law = new LittleLaw({ ...options, min: min!, max: max! });
      let [now, workers] = [0, min!];
      const raised: { at: number; to: number }[] = [];
      for (const { after, arrivals, served: times, waiting, running } of script) {
        now += after;
        law.arrived(arrivals);
        for (const time of times) law.served(time);
        const wanted = law.decide(now, waiting, running);
        expect(Number.isInteger(wanted) && wanted >= min! && wanted <= max!).toBe(true);
        expect(wanted - workers).toBeLessThanOrEqual(Math.max(4, workers));
        if (wanted > workers) raised.push({ at: now, to: wanted });
        const kept = raised.filter(({ at }) => now - at < options.stabilise).map(({ to }) => to);
        expect(wanted).toBeGreaterThanOrEqual(Math.max(min!, ...kept));
        workers = wanted;
      }
    });
    fc.assert(property, { numRuns: 500 });
  });

  test.each([1, 7, 50, 333])('E6: the same all the time (%i a look) changes nothing, once it is known', (arrivals) => {
    const law = served(100);
    const wanted = looks(law, { count: 1_000, arrivals });
    const known = (3 * options.smoothing + options.stabilise) / TICK;
    expect(new Set(wanted.slice(known)).size).toBe(1);
  });
});
