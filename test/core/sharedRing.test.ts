import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SharedRing, type Reader } from '../../src/core/sharedRing.js';

describe('SharedRing', () => {
  test('keeps what some reader is to come to, and the last ones for newcomers, whatever happens', () => {
    const step = fc.oneof(
      fc.record({ push: fc.nat(5) }),
      fc.record({ join: fc.boolean() }),
      fc.record({ read: fc.nat(20), values: fc.nat(5) }),
      fc.record({ leave: fc.nat(20) }),
      fc.record({ meet: fc.constant(true) }),
    );
    const property = fc.property(fc.array(step, { maxLength: 60 }), fc.nat(4), (script, replay) => {
      const readers: Reader[] = [];
      const ring = new SharedRing<number>(readers, replay);
      for (const act of script) {
        if ('push' in act) for (let i = 0; i < act.push; i++) ring.push(ring.end * 10, ring.end);
        if ('join' in act) readers.push({ next: ring.start, blocks: act.join });
        if ('leave' in act) readers.splice(act.leave, 1);
        const reader = 'read' in act ? readers[act.read] : undefined;
        if (reader && 'values' in act) reader.next = Math.min(ring.end, reader.next + act.values);
        ring.touch();
        if ('meet' in act && readers.length > 0) {
          for (const one of readers) one.next = ring.end;
          ring.meet(
            ring.end,
            readers.some(({ blocks }) => blocks),
          );
        }
        ring.trim();

        const lowest = (some: Reader[]): number => Math.min(ring.end, ...some.map(({ next }) => next));
        expect(ring.oldest).toBe(lowest(readers));
        expect(ring.oldestBlocking).toBe(lowest(readers.filter(({ blocks }) => blocks)));
        const kept = Math.min(ring.oldest, Math.max(0, ring.end - replay));
        expect(ring.size).toBeLessThanOrEqual(ring.end - kept);
        for (let n = Math.min(ring.oldest, ring.start); n < ring.end; n++) expect(ring.at(n)).toBe(n * 10);
        expect(ring.start).toBe(Math.max(0, ring.end - replay));
      }
    });
    fc.assert(property, { numRuns: 500 });
  });

  test('has times from the moment on at which they are wanted', () => {
    const ring = new SharedRing<string>([{ next: 0, blocks: true }], 0);
    ring.push('a', 5);
    expect(ring.timeOf(0)).toBe(0);
    ring.keepTimes(7);
    ring.push('b', 9);
    ring.keepTimes(10);
    expect([ring.timeOf(0), ring.timeOf(1)]).toEqual([7, 9]);
  });

  test('does not keep what everybody is past alive', () => {
    const readers = [{ next: 0, blocks: true }];
    const ring = new SharedRing<{ value: string }>(readers, 0);
    ring.push({ value: 'gone' }, 0);
    readers[0]!.next = 1;
    ring.touch();
    ring.trim();
    expect(JSON.stringify(ring)).not.toContain('gone');
  });
});
