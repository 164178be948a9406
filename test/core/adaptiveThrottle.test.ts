/** The rule. How it does with a client and a server is in test/control/shed.test.ts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AdaptiveThrottle } from '../../src/core/adaptiveThrottle.js';

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
});
