import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeyedLanes } from '../../src/core/keyedLanes.js';

interface Item {
  readonly key: number;
  readonly nr: number;
}

describe('KeyedLanes', () => {
  test('one of a key is out at a time, in order, keys in turn; nothing is lost and nothing is left', () => {
    const property = fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(4))), (script) => {
      const lanes = new KeyedLanes<Item>();
      const out: Item[] = [];
      const last = new Map<number, number>();
      let nr = 0;
      let taken = 0;
      const take = (): void => {
        const item = lanes.take();
        expect(out.map(({ key }) => key)).not.toContain(item.key);
        expect(item.nr).toBeGreaterThan(last.get(item.key) ?? -1);
        last.set(item.key, item.nr);
        out.push(item);
        taken++;
      };
      const done = (which: number): void => {
        const [item] = out.splice(which % out.length, 1);
        lanes.done(item!.key);
      };
      for (const [action, n] of script) {
        if (action < 2) lanes.push(n, { key: n, nr: nr++ });
        else if (action === 2 && lanes.available) take();
        else if (out.length > 0) done(n);
        expect(lanes.size).toBe(nr - taken);
      }
      while (lanes.size > 0 || out.length > 0) {
        if (lanes.available) take();
        else done(0);
      }
      expect(taken).toBe(nr);
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  test('keys are served in turn', () => {
    const lanes = new KeyedLanes<string>();
    for (const value of ['a1', 'a2', 'a3', 'b1', 'c1']) lanes.push(value[0], value);
    const order: string[] = [];
    while (lanes.available) {
      const value = lanes.take();
      order.push(value);
      lanes.done(value[0]);
    }
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'a3']);
  });

  test('drain takes everything out, ready or not', () => {
    const lanes = new KeyedLanes<number>();
    for (const value of [1, 2, 3]) lanes.push('k', value);
    lanes.take();
    expect([...lanes.drain()]).toEqual([2, 3]);
    expect([lanes.size, lanes.available]).toEqual([0, false]);
  });
});
