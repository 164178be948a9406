import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TurnLanes, type Prioritized } from '../../src/core/turnLanes.js';
import { TurnQueue } from '../../src/core/turnQueue.js';

class Entry implements Prioritized<Entry> {
  older: Entry | undefined;
  newer: Entry | undefined;
  expires = 0;
  place = 0;
  late = false;

  constructor(
    readonly turn: number,
    readonly priority: number,
  ) {}
}

test('a TurnQueue has the earliest turn first, in whatever order they come, and whatever is taken out of its middle', () => {
  const turns = fc.uniqueArray(fc.nat(100), { maxLength: 40, size: 'max' });
  const property = fc.property(turns, fc.infiniteStream(fc.nat()), (turns, random) => {
    const queue = new TurnQueue<Entry>();
    const model: Entry[] = [];
    const check = (): void => {
      expect(queue.first?.turn).toBe(model.length === 0 ? undefined : Math.min(...model.map(({ turn }) => turn)));
    };
    const removeOne = (): void => queue.remove(model.splice(random.next().value! % model.length, 1)[0]!);
    for (const turn of turns) {
      const entry = new Entry(turn, 0);
      model.push(entry);
      queue.add(entry);
      check();
      if (turn % 3 === 0) removeOne();
      check();
    }
    while (model.length > 0) {
      removeOne();
      check();
    }
  });
  fc.assert(property, { numRuns: 500 });
});

test('TurnLanes has the highest priority first, then the earliest turn, at any number of priorities', () => {
  const facts = fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 40, size: 'max' });
  const property = fc.property(facts, (priorities) => {
    const lanes = new TurnLanes<Entry>();
    const entries = priorities.map((priority, turn) => new Entry((turn * 7) % 41, priority));
    for (const entry of entries) lanes.add(entry);
    const served: Entry[] = [];
    for (let first = lanes.first; first !== undefined; first = lanes.first) {
      expect(lanes.size).toBe(entries.length - served.length);
      lanes.remove(first);
      served.push(first);
    }
    expect(served).toEqual([...entries].sort((a, b) => b.priority - a.priority || a.turn - b.turn));
    expect([...lanes.firsts()]).toEqual([]);
  });
  fc.assert(property, { numRuns: 500 });
});
