/** The rule. How it does against a server is in test/control/adaptive.test.ts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Aimd } from '../../src/core/aimd.js';

const options = { min: 1, max: 200, initial: 20, latencyTarget: 75 };

/** Ten calls that end over 250 ms, from `from` on; the tenth ends the window. */
const windowOf = (law: Aimd, time: number, running: number, from: number = 0): void => {
  for (let i = 0; i < 10; i++) {
    const now = from + (i * 250) / 9;
    law.sample(time, now - time, now, running);
  }
};

describe('Aimd', () => {
  test('C9: 20 → 21 on good times, 30 → 27 on a drop, as in Netflix concurrency-limits', () => {
    const good = new Aimd(options);
    windowOf(good, 10, 10);
    expect(good.limit).toBe(21);
    const drop = new Aimd({ ...options, initial: 30 });
    drop.dropped(0);
    drop.dropped(250);
    expect(drop.limit).toBe(27);
  });

  test('slower than the target: a tenth less; at the target: one more', () => {
    const slow = new Aimd(options);
    windowOf(slow, 75.1, 20);
    expect(slow.limit).toBe(18);
    const right = new Aimd(options);
    windowOf(right, 75, 20);
    expect(right.limit).toBe(21);
  });

  test('goes by the median: a few slow calls change nothing', () => {
    const law = new Aimd(options);
    for (let i = 0; i < 10; i++) law.sample(i < 4 ? 5_000 : 10, 0, i * 28, 20);
    expect(law.limit).toBe(21);
  });

  test('does not grow while less than half of it is used', () => {
    const law = new Aimd(options);
    windowOf(law, 10, 9);
    expect(law.limit).toBe(20);
  });

  test('a window is ten calls and 250 ms; drops alone end one too', () => {
    const law = new Aimd(options);
    for (let i = 0; i < 9; i++) law.sample(10, i * 1_000, i * 1_000 + 10, 20);
    for (let i = 0; i < 100; i++) law.sample(10, 8_000, 8_010, 20); // the tenth call ends it, the others begin the next
    expect(law.limit).toBe(21);
    law.dropped(8_100);
    expect(law.limit).toBe(21);
    law.dropped(8_260);
    expect(law.limit).toBe(18);
  });

  test('is an integer from min to max, whatever comes', () => {
    const events = fc.array(fc.tuple(fc.nat(1_000), fc.boolean(), fc.nat(500), fc.nat(300)), {
      maxLength: 300,
    });
    const bounds = fc
      .tuple(fc.integer({ min: 1, max: 20 }), fc.nat(100), fc.nat(100))
      .map(([min, a, b]) => ({ min, initial: min + a, max: min + a + b, latencyTarget: 100 }));
    const property = fc.property(bounds, events, (o, script) => {
      const law = new Aimd(o);
      let now = 0;
      for (const [after, drop, time, running] of script) {
        now += after;
        if (drop) law.dropped(now);
        else law.sample(time, now - time, now, running);
        expect(Number.isInteger(law.limit)).toBe(true);
        expect(law.limit).toBeGreaterThanOrEqual(o.min);
        expect(law.limit).toBeLessThanOrEqual(o.max);
      }
    });
    fc.assert(property, { numRuns: 500 });
  });
});
