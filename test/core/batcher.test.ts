import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Batcher } from '../../src/core/batcher.js';

/** Fills batches with values of these costs, each taken when it is full and the rest at the end. */
function fill(costs: readonly number[], size: number, maxCost: number): number[][] {
  const batcher = new Batcher<number>(size, maxCost);
  const batches: number[][] = [];
  for (const cost of costs) {
    batcher.add(cost, cost, 0);
    while (batcher.room === 0) batches.push(batcher.take());
  }
  while (batcher.count > 0) batches.push(batcher.take());
  return batches;
}

describe('Batcher', () => {
  test('is full by number, by cost, or by a value that does not fit in', () => {
    expect(fill([1, 1, 1, 1, 1], 2, Infinity)).toEqual([[1, 1], [1, 1], [1]]);
    expect(fill([2, 3, 4, 2, 1], Infinity, 5)).toEqual([[2, 3], [4], [2, 1]]);
    expect(fill([1, 9, 5, 1, 1, 1], 2, 5)).toEqual([[1], [9], [5], [1, 1], [1]]);
  });

  test('no batch passes a bound, none could have had the next value too, and order is kept', () => {
    const costs = fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 60 });
    fc.assert(
      fc.property(costs, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 10 }), (costs, size, maxCost) => {
        const batches = fill(costs, size, maxCost);
        expect(batches.flat()).toEqual(costs);
        const weigh = (batch: readonly number[]): number => batch.reduce((sum, cost) => sum + cost, 0);
        for (const [i, batch] of batches.entries()) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(size);
          expect(batch.length === 1 || weigh(batch) <= maxCost).toBe(true);
          const [next] = batches[i + 1] ?? [];
          if (next !== undefined) expect(batch.length === size || weigh(batch) + next > maxCost).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('knows when the first value came, also of one that did not fit in', () => {
    const batcher = new Batcher<string>(9, 3);
    batcher.add('a', 2, 10);
    batcher.add('b', 2, 20);
    expect([batcher.since, batcher.room, batcher.count]).toEqual([10, 0, 2]);
    expect(batcher.take()).toEqual(['a']);
    expect([batcher.since, batcher.room, batcher.count]).toEqual([20, 8, 1]);
  });

  test('gives up all with the times when they came', () => {
    const batcher = new Batcher<string>(9, 5);
    for (const [value, at] of [
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ] as const)
      batcher.add(value, 2, at);
    expect(batcher.drain()).toEqual([
      { value: 'a', at: 1 },
      { value: 'b', at: 2 },
      { value: 'c', at: 3 },
    ]);
    expect([batcher.count, batcher.drain()]).toEqual([0, []]);
  });

  test('a batch that is not full has no empty places', () => {
    const batcher = new Batcher<number>(4, Infinity);
    for (const value of [1, 2, 3, 4]) batcher.add(value, 1, 0);
    batcher.take();
    batcher.add(5, 1, 0);
    expect(batcher.take()).toEqual([5]);
  });
});
