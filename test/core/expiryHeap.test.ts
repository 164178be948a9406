import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ExpiryHeap, type Expiring } from '../../src/core/expiryHeap.js';

test('an ExpiryHeap has the earliest at hand, whatever is added and taken out of its middle', () => {
  const step = fc.oneof(
    fc.record({ expires: fc.oneof(fc.nat(20), fc.constantFrom(Infinity, -Infinity)) }),
    fc.record({ remove: fc.nat() }),
  );
  const property = fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
    const heap = new ExpiryHeap<Expiring>();
    const model: Expiring[] = [];
    const check = (): void =>
      expect(heap.earliest?.expires).toBe(model.length === 0 ? undefined : Math.min(...model.map((e) => e.expires)));
    const remove = (which: number): void => heap.remove(model.splice(which, 1)[0]!);
    for (const step of steps) {
      if ('expires' in step) {
        const entry = { expires: step.expires, place: 0 };
        model.push(entry);
        heap.add(entry);
      } else if (model.length > 0) {
        remove(step.remove % model.length);
      }
      check();
    }
    while (model.length > 0) {
      remove(model.length >> 1);
      check();
    }
  });
  fc.assert(property, { numRuns: 500 });
});
