import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AdaptiveThrottle } from '../../src/core/adaptiveThrottle.js';
import { Simulation } from '../../bench/control/simulation.mjs';

const sre = { k: 2, window: 120_000, buckets: 40 };

describe('AdaptiveThrottle', () => {
  test('max(0, (requests − k × accepts) / (requests + 1)), refused ones included', () => {
    const throttle = new AdaptiveThrottle(sre);
    expect(throttle.rejectProbability(0)).toBe(0);
    for (let i = 0; i < 10; i++) throttle.called(0, true);
    for (let i = 0; i < 10; i++) throttle.called(0, false);
    expect(throttle.rejectProbability(0)).toBe(0);
    for (let i = 0; i < 10; i++) throttle.called(1, false);
    expect(throttle.rejectProbability(1)).toBe(10 / 31);
    for (let i = 0; i < 9; i++) throttle.rejected(2);
    expect(throttle.rejectProbability(2)).toBe(19 / 40);
    expect(throttle.rejectProbability(120_000)).toBe(0); // all are forgotten
  });

  test('the probability is that of what was counted in the last window, within one part of it', () => {
    const steps = fc.array(fc.tuple(fc.nat(20_000), fc.constantFrom('accepted', 'refused', 'rejected')), {
      minLength: 1,
      maxLength: 80,
    });
    const property = fc.property(steps, fc.constantFrom(1.1, 1.5, 2), (script, k) => {
      const throttle = new AdaptiveThrottle({ ...sre, k });
      const seen: { at: number; what: string }[] = [];
      const part = sre.window / sre.buckets;
      let now = 0;
      for (const [after, what] of script) {
        now += after;
        if (what === 'rejected') throttle.rejected(now);
        else throttle.called(now, what === 'accepted');
        seen.push({ at: now, what });
        const counted = seen.filter(({ at }) => Math.floor(at / part) > Math.floor(now / part) - sre.buckets);
        const accepts = counted.filter((it) => it.what === 'accepted').length;
        const expected = Math.max(0, (counted.length - k * accepts) / (counted.length + 1));
        expect(throttle.rejectProbability(now)).toBe(expected);
        expect(expected).toBeLessThan(1);
      }
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  test.each([
    [1, 2],
    [2, 2],
    [3, 1.1],
  ])('S9 (seed %i, k %d): the other side gets k × what it accepts, and all again once it recovers', (seed, k) => {
    const sim = new Simulation(seed);
    const throttle = new AdaptiveThrottle({ ...sre, k });
    const [rate, capacity] = [3_000, 500];
    let [sent, made, tokens, refill] = [0, 0, 0, capacity];
    const settled = 2 * sre.window;
    let last = 0;
    sim.arrivals(
      () => rate,
      () => {
        tokens = Math.min(50, tokens + ((sim.time - last) * refill) / 1_000);
        last = sim.time;
        if (sim.time > settled) made++;
        if (sim.random() < throttle.rejectProbability(sim.time)) return throttle.rejected(sim.time);
        if (sim.time > settled) sent++;
        const accepted = tokens >= 1;
        if (accepted) tokens--;
        throttle.called(sim.time, accepted);
      },
    );
    sim.runUntil(settled + 60_000);
    expect(Math.abs(sent / 60 / (k * capacity) - 1)).toBeLessThanOrEqual(0.05);
    expect(Math.abs(1 - sent / made - (1 - (k * capacity) / rate))).toBeLessThanOrEqual(0.02);
    refill = 4_000;
    sim.runUntil(settled + 60_000 + sre.window);
    if (k === 2) expect(throttle.rejectProbability(sim.time)).toBeLessThan(0.01);
  });
});
