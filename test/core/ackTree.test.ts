import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { combined, Parts, type Outcome } from '../../src/core/ackTree.js';

const delay = fc.option(fc.nat(100), { nil: undefined });
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constant<Outcome>({ kind: 'ack' }),
  fc.constant<Outcome>({ kind: 'release' }),
  delay.map((ms): Outcome => ({ kind: 'nack', delay: ms })),
  fc.constantFrom('a', 'b').map((reason): Outcome => ({ kind: 'dead', reason })),
);

/** What wins, in words: the first of these kinds that there is. */
function recomputed(outcomes: readonly Outcome[]): {
  kind: Outcome['kind'];
  delay?: number | undefined;
  atLeast?: number;
} {
  const nacks = outcomes.filter(({ kind }) => kind === 'nack') as { delay?: number }[];
  if (nacks.length > 0) {
    const delays = nacks.map((nack) => nack.delay).filter((ms) => ms !== undefined);
    const longest = Math.max(0, ...delays);
    if (delays.length === nacks.length) return { kind: 'nack', delay: longest };
    return { kind: 'nack', delay: undefined, ...(longest > 0 && { atLeast: longest }) };
  }
  if (outcomes.some(({ kind }) => kind === 'release')) return { kind: 'release' };
  return { kind: outcomes.some(({ kind }) => kind === 'dead') ? 'dead' : 'ack' };
}

describe('combined', () => {
  test('what is to be done again wins over what is given up, and that over what is done', () => {
    const ack: Outcome = { kind: 'ack' };
    const dead: Outcome = { kind: 'dead', reason: 'bad' };
    const release: Outcome = { kind: 'release' };
    const nack: Outcome = { kind: 'nack', delay: 5 };
    expect([combined(ack, dead), combined(dead, release), combined(nack, release)]).toEqual([dead, release, nack]);
  });

  test('the longest delay of nacks, that of one without being what the queue says', () => {
    expect(combined({ kind: 'nack', delay: 5 }, { kind: 'nack', delay: 9 })).toMatchObject({ delay: 9 });
    expect(combined({ kind: 'nack', delay: 9 }, { kind: 'nack' })).toEqual({ kind: 'nack', atLeast: 9 });
    expect(combined({ kind: 'nack' }, { kind: 'nack', delay: 0 })).toEqual({ kind: 'nack' });
  });

  test('the reason and the error are those of the first that wins', () => {
    const first: Outcome = { kind: 'dead', reason: 'first', error: 1 };
    expect(combined(first, { kind: 'dead', reason: 'second', error: 2 })).toBe(first);
    expect(combined({ kind: 'nack', error: 1 }, { kind: 'nack', error: 2, delay: 3 })).toEqual({
      kind: 'nack',
      error: 1,
      atLeast: 3,
    });
  });
});

describe('Parts', () => {
  test('say what becomes of the whole when the last is settled, and not before', () => {
    fc.assert(
      fc.property(fc.array(outcome, { minLength: 1, maxLength: 8 }), (outcomes) => {
        const parts = new Parts(outcomes.length);
        const answers = outcomes.map((each) => parts.settle(each));
        expect(answers.slice(0, -1).every((answer) => answer === undefined)).toBe(true);
        const { kind, ...facts } = answers.at(-1)!;
        const expected = recomputed(outcomes);
        const { delay, atLeast } = facts as { delay?: number; atLeast?: number };
        expect({ kind, delay, atLeast }).toEqual({ delay: undefined, ...expected });
      }),
      { numRuns: 1_000 },
    );
  });
});
