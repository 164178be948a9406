import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyTurns, type Keyed, type KeyLine } from '../../src/core/keyTurns.js';

class Entry implements Keyed<Entry> {
  older: Entry | undefined;
  newer: Entry | undefined;
  expires = 0;
  place = 0;
  late = false;
  keyLine: KeyLine<Entry> | undefined;
  state: 'waits' | 'out' | 'done' = 'waits';

  constructor(
    readonly turn: number,
    readonly key: number | undefined,
    readonly priority: number,
  ) {}
}

/** What may be taken, by looking at each. */
const ready = (entries: readonly Entry[]): Entry[] =>
  entries.filter((entry) => {
    if (entry.state !== 'waits') return false;
    const others = entries.filter(({ key }) => key !== undefined && key === entry.key);
    return !others.some(({ state, turn }) => state === 'out' || (state === 'waits' && turn < entry.turn));
  });

test('KeyTurns has the first of each key ready while none of it is out, and gives the highest priority, then the earliest turn', () => {
  const action = fc.constantFrom('add', 'add', 'take', 'take', 'done', 'back', 'withdraw', 'hold');
  const property = fc.property(fc.array(fc.tuple(action, fc.nat(60)), { maxLength: 80, size: 'max' }), (script) => {
    const turns = new KeyTurns<Entry>();
    const entries: Entry[] = [];
    /** Turns that are not used yet: some come late. */
    const free = Array.from({ length: 200 }, (_, i) => i);
    for (const [kind, n] of script) {
      const out = entries.filter(({ state }) => state === 'out');
      const waiting = entries.filter(({ state }) => state === 'waits');
      const one = out[n % (out.length || 1)];
      const other = waiting[n % (waiting.length || 1)];
      if (kind === 'add') {
        const [turn] = free.splice(n % 4, 1);
        const entry = new Entry(turn!, [undefined, 1, 2][n % 3], n % 5 === 0 ? 1 : 0);
        entries.push(entry);
        turns.add(entry, entry.key);
      } else if (kind === 'take') {
        const [first] = ready(entries).sort((a, b) => b.priority - a.priority || a.turn - b.turn);
        const taken = turns.take();
        expect(taken).toBe(first);
        if (taken !== undefined) taken.state = 'out';
      } else if (kind === 'done' && one !== undefined) {
        one.state = 'done';
        turns.done(one);
      } else if (kind === 'back' && one !== undefined) {
        one.state = 'waits';
        turns.add(one, one.key);
        turns.done(one);
      } else if (kind === 'withdraw' && other !== undefined) {
        other.state = 'done';
        turns.withdraw(other);
      } else if (kind === 'hold' && other !== undefined) {
        other.state = 'out';
        turns.withdraw(other);
        turns.hold(other, other.key);
      }
      const count = ready(entries).length;
      expect(turns.ready).toBe(count);
      expect(turns.blocked).toBe(entries.filter(({ state }) => state === 'waits').length - count);
      for (const entry of turns.firsts()) expect(entry.state).toBe('waits');
    }
  });
  fc.assert(property, { numRuns: 1_000 });
});
