import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RingBuffer } from '../../src/core/ringBuffer.js';

test('a RingBuffer gives up its newest as well as its oldest', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('push', 'shift', 'pop'), fc.nat(100)));
  const property = fc.property(steps, fc.constantFrom(2, 16), (script, length) => {
    const ring = new RingBuffer<number>(length);
    const model: number[] = [];
    let next = 0;
    for (const [step, times] of script) {
      for (let i = 0; i < times; i++) {
        if (step === 'push') ring.push((model.push(next), next++));
        else if (model.length > 0 && step === 'pop') expect(ring.pop()).toBe(model.pop());
        else if (model.length > 0) expect(ring.shift()).toBe(model.shift());
      }
      expect(ring.size).toBe(model.length);
      if (model.length > 0) expect([ring.at(0), ring.at(ring.size - 1)]).toEqual([model[0], model.at(-1)]);
    }
    while (model.length > 0) expect(ring.pop()).toBe(model.pop());
  });
  fc.assert(property, { numRuns: 300 });
});

test('what was popped is not kept alive', () => {
  const ring = new RingBuffer<object>();
  ring.push({});
  ring.pop();
  expect(JSON.stringify(ring)).not.toContain('{}');
});
