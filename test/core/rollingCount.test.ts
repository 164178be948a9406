import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RollingCount } from '../../src/core/rollingCount.js';

test('sums what came in the last window, to a part of it; a clock set back stands still', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: -50, max: 300 }), fc.nat(5)));
  const property = fc.property(fc.nat(10_000), steps, (start, script) => {
    const count = new RollingCount(100, 10);
    const added: { part: number; amount: number }[] = [];
    let [clock, latest] = [start, -1];
    for (const [after, amount] of script) {
      clock = Math.max(0, clock + after);
      latest = Math.max(latest, Math.floor(clock / 10));
      count.add(clock, amount);
      added.push({ part: latest, amount });
      const expected = added.filter(({ part }) => part > latest - 10).reduce((sum, one) => sum + one.amount, 0);
      expect(count.sum(clock)).toBe(expected);
    }
  });
  fc.assert(property);
});
