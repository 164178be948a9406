import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeadLetterBreaker, type BreakerRules } from '../../src/core/deadLetterBreaker.js';

const rules = (given: Partial<BreakerRules>): BreakerRules => ({
  ratio: undefined,
  over: 20,
  run: undefined,
  ...given,
});
const outcomes = (letters: string): boolean[] => Array.from(letters, (letter) => letter === 'x');

describe('DeadLetterBreaker', () => {
  test('trips by a run, and begins anew', () => {
    const breaker = new DeadLetterBreaker(rules({ run: 3 }));
    const trips = outcomes('xx.xxxxx').map((dead) => breaker.note(dead));
    expect(trips.map((trip) => trip !== undefined)).toEqual(outcomes('.....x..'));
    expect(trips[5]).toEqual({ deadLetters: 5, outcomes: 6, run: 3 });
  });

  test('trips when more than the ratio of the last ones died', () => {
    const breaker = new DeadLetterBreaker(rules({ ratio: 0.5, over: 4 }));
    const trips = outcomes('x.x.x..xx.x').map((dead) => breaker.note(dead) !== undefined);
    expect(trips).toEqual(outcomes('..........x'));
  });

  test('one dead letter is no ratio', () => {
    expect(new DeadLetterBreaker(rules({ ratio: 0.1 })).note(true)).toBeUndefined();
    expect(new DeadLetterBreaker(rules({ ratio: 0 })).note(true)).toEqual({ deadLetters: 1, outcomes: 1, run: 1 });
  });

  test('against a plain recomputation', () => {
    const rule = fc.record({
      ratio: fc.option(fc.double({ min: 0, max: 0.9, noNaN: true }), { nil: undefined }),
      over: fc.integer({ min: 1, max: 6 }),
      run: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(rule, fc.array(fc.boolean(), { maxLength: 60 }), (given, script) => {
        const breaker = new DeadLetterBreaker(given);
        let seen: boolean[] = [];
        for (const dead of script) {
          seen.push(dead);
          const last = seen.slice(-given.over);
          const deadLetters = last.filter(Boolean).length;
          const run = seen.length - 1 - seen.lastIndexOf(false);
          const trips = dead && (deadLetters > (given.ratio ?? 2) * given.over || run >= (given.run ?? Infinity));
          expect(breaker.note(dead)).toEqual(trips ? { deadLetters, outcomes: last.length, run } : undefined);
          if (trips) seen = [];
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
