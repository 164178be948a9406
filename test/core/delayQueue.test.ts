import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DelayQueue } from '../../src/core/delayQueue.js';

test('gives the earliest first, those of one time in the order in which they came', () => {
  const script = fc.array(fc.option(fc.nat(20)));
  const property = fc.property(script, (steps) => {
    const queue = new DelayQueue<number>();
    let model: { at: number; nr: number }[] = [];
    steps.forEach((at, nr) => {
      if (at !== null) {
        queue.push(at, nr);
        model = [...model, { at, nr }].sort((a, b) => a.at - b.at || a.nr - b.nr);
      } else if (model.length > 0) {
        expect(queue.shift()).toBe(model.shift()!.nr);
      }
      expect(queue.next).toBe(model[0]?.at ?? Infinity);
    });
    expect([...queue.drain()]).toEqual(model.map(({ nr }) => nr));
    expect(queue.next).toBe(Infinity);
  });
  fc.assert(property);
});
