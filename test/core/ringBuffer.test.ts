import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RingBuffer } from '../../src/core/ringBuffer.js';

describe('RingBuffer', () => {
  test('is a queue, whatever is pushed and shifted', () => {
    const steps = fc.array(fc.oneof(fc.record({ push: fc.nat(200) }), fc.record({ shift: fc.nat(200) })));
    const property = fc.property(steps, fc.constantFrom(2, 16), (script, length) => {
      const ring = new RingBuffer<number>(length);
      const model: number[] = [];
      let next = 0;
      for (const step of script) {
        if ('push' in step) for (let i = 0; i < step.push; i++) ring.push((model.push(next), next++));
        else for (let i = 0; i < step.shift && model.length > 0; i++) expect(ring.shift()).toBe(model.shift());
        expect(ring.size).toBe(model.length);
        if (model.length > 0) expect([ring.at(0), ring.at(ring.size - 1)]).toEqual([model[0], model.at(-1)]);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  test('does not keep what left it alive', () => {
    const ring = new RingBuffer<object>();
    ring.push({});
    ring.shift();
    expect(JSON.stringify(ring)).not.toContain('{}');
  });
});
