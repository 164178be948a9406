import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LinkedQueue, type Linked } from '../../src/core/linkedQueue.js';

interface Entry extends Linked<Entry> {
  readonly nr: number;
}

test('a LinkedQueue keeps order, whichever entry is taken out', () => {
  const property = fc.property(fc.array(fc.option(fc.nat()), { maxLength: 100, size: 'max' }), (steps) => {
    const queue = new LinkedQueue<Entry>();
    const model: Entry[] = [];
    steps.forEach((which, nr) => {
      if (which === null) {
        const entry: Entry = { nr, older: undefined, newer: undefined };
        queue.push(entry);
        model.push(entry);
      } else if (model.length > 0) {
        const [entry] = model.splice(which % model.length, 1);
        queue.remove(entry!);
        expect([entry!.older, entry!.newer]).toEqual([undefined, undefined]);
      }
      const forward: number[] = [];
      for (let entry = queue.oldest; entry !== undefined; entry = entry.newer) forward.push(entry.nr);
      const back: number[] = [];
      for (let entry = queue.newest; entry !== undefined; entry = entry.older) back.unshift(entry.nr);
      expect([forward, back]).toEqual([model.map((entry) => entry.nr), model.map((entry) => entry.nr)]);
    });
  });
  fc.assert(property, { numRuns: 300 });
});
