import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WindowLog } from '../../src/core/windowLog.js';

describe('WindowLog', () => {
  test('admits exactly what a list of all calls says', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 6 }), fc.nat(2)));
    const property = fc.property(steps, fc.integer({ min: 1, max: 8 }), (calls, limit) => {
      const per = 100;
      const log = new WindowLog(limit, per);
      const taken: { at: number; cost: number; key: number }[] = [];
      const used = (key: number, at: number): number =>
        taken.filter((t) => t.key === key && t.at > at - per).reduce((sum, { cost }) => sum + cost, 0);
      let now = 0;
      for (const [after, asked, key] of calls) {
        now += after;
        const cost = Math.min(limit, asked);
        const wait = log.wait(cost, key, now);
        expect(wait === 0).toBe(used(key, now) + cost <= limit);
        expect(used(key, now + wait) + cost).toBeLessThanOrEqual(limit); // when it says so there is room
        if (wait > 0) expect(used(key, now + wait - 0.5) + cost).toBeGreaterThan(limit); // and not before
        expect(log.left(key, now)).toBe(limit - used(key, now));
        if (wait > 0) continue;
        log.spend(cost, key, now);
        taken.push({ at: now, cost, key });
        expect(used(key, now + log.fullIn(key, now))).toBe(0);
      }
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  test('a cost above the limit waits as long as units paid one after the other, each as soon as it can be', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 6 })), {
      maxLength: 20,
    });
    const property = fc.property(
      steps,
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 40 }),
      (calls, limit, cost) => {
        const log = new WindowLog(limit, 100);
        let now = 0;
        for (const [after, asked] of calls) {
          now += after;
          log.take(Math.min(limit, asked), undefined, now);
        }
        const told = now + log.wait(cost, undefined, now);
        for (let unit = 0; unit < cost; unit++) {
          now += log.wait(1, undefined, now);
          log.spend(1, undefined, now);
        }
        expect(told).toBe(now);
      },
    );
    fc.assert(property, { numRuns: 2_000 });
  });

  test('forgets keys whose window is empty', () => {
    const log = new WindowLog(5, 10);
    for (let i = 0; i < 50_000; i++) {
      log.spend(1, `key ${i}`, i);
      expect(log.keys).toBeLessThan(3_000);
    }
  });
});
