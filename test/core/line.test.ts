import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Line, type Queued } from '../../src/core/line.js';

interface Place extends Queued<Place> {
  readonly turn: number;
}

test('a Line is in order of turns, whoever comes when and leaves, and knows what those in it cost', () => {
  const step = fc.record({ turn: fc.nat(50), cost: fc.nat(9) });
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const line = new Line<Place>();
    let model: Place[] = [];
    for (const { turn, cost } of steps) {
      const there = model.find((place) => place.turn === turn);
      if (there !== undefined) {
        line.leave(there);
        model = model.filter((place) => place !== there);
      } else {
        const place: Place = { turn, cost, older: undefined, newer: undefined };
        line.join(place);
        model = [...model, place].sort((a, b) => a.turn - b.turn);
      }
      const places: Place[] = [];
      for (let place = line.oldest; place !== undefined; place = place.newer) places.push(place);
      expect(places).toEqual(model);
      expect(line.newest).toBe(model.at(-1));
      expect(line.cost).toBe(model.reduce((sum, place) => sum + place.cost, 0));
      let upTo = 0;
      for (const place of model) expect(line.costUpTo(place)).toBe((upTo += place.cost));
    }
  });
  fc.assert(property, { numRuns: 500 });
});
