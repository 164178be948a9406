import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ExpiryHeap } from '../../src/core/expiryHeap.js';
import { MOST_LANES, PriorityLanes } from '../../src/core/priorityLanes.js';

interface Item {
  readonly priority: number;
  readonly nr: number;
  readonly expires: number;
}
type Real = PriorityLanes<Item>;

/** The same as a sorted array: highest first, in arrival order within a priority. */
class Model {
  items: Item[] = [];
  nr = 0;

  push(item: Item): void {
    this.items.push(item);
    this.items.sort((a, b) => b.priority - a.priority || a.nr - b.nr);
  }

  remove(item: Item): void {
    this.items.splice(this.items.indexOf(item), 1);
  }

  get firstExpiry(): number | undefined {
    return this.items.length === 0 ? undefined : Math.min(...this.items.map(({ expires }) => expires));
  }
}

type Command = fc.Command<Model, Real>;

const command = (name: string, run: (model: Model, real: Real) => void): Command => ({
  check: () => true,
  run: (model, real) => {
    run(model, real);
    expect(real.size).toBe(model.items.length);
    expect(real.highest?.value).toBe(model.items[0]);
    expect(real.lowest?.value).toBe(model.items.at(-1));
    expect(real.earliest?.expires).toBe(model.firstExpiry);
  },
  toString: () => name,
});

/** `left` is the time until it expires, told from its number as a clock. */
const push = (priority: number, left: number): Command =>
  command(`push ${priority}, ${left} left`, (model, real) => {
    const nr = model.nr++;
    const item = { priority, nr, expires: nr + left };
    model.push(item);
    real.push(item, priority, nr, item.expires);
  });
const remove = (which: 'highest' | 'lowest' | 'earliest'): Command =>
  command(`remove ${which}`, (model, real) => {
    const entry = real[which];
    if (entry === undefined) return;
    const { value, priority, at, expires } = entry;
    expect([priority, at, expires]).toEqual([value.priority, value.nr, value.expires]);
    expect(real.remove(entry)).toBe(value);
    model.remove(value);
  });

const modelRun = (lanes: () => Real, lefts: fc.Arbitrary<number>): void => {
  const pushes = fc.tuple(fc.integer({ min: -4, max: 4 }), lefts).map(([priority, left]) => push(priority, left));
  const removals = fc.constantFrom('highest' as const, 'lowest' as const, 'earliest' as const).map(remove);
  const commands = fc.commands([pushes, pushes, removals], { maxCommands: 200, size: 'max' });
  const property = fc.property(commands, (script) => {
    fc.modelRun(() => ({ model: new Model(), real: lanes() }), script);
  });
  fc.assert(property, { numRuns: 300 });
};

describe('PriorityLanes', () => {
  test('is a sorted array, whatever is pushed and removed, where each lives as long', () => {
    modelRun(() => new PriorityLanes(undefined), fc.constant(10));
  });

  test('and with a heap where each has a time of its own', () => {
    modelRun(
      () => new PriorityLanes(new ExpiryHeap()),
      fc.oneof(fc.integer({ min: -50, max: 50 }), fc.constant(Infinity)),
    );
  });

  test('a lane more than there may be is not accepted, until one is empty', () => {
    const lanes = new PriorityLanes<number>(undefined);
    const push = (priority: number): void => lanes.push(priority, priority, 0, Infinity);
    for (let priority = MOST_LANES - 1; priority >= 0; priority--) {
      expect(lanes.accepts(priority)).toBe(true);
      push(priority);
    }
    expect([lanes.accepts(MOST_LANES), lanes.accepts(-1), lanes.accepts(0.5)]).toEqual([false, false, false]);
    expect([lanes.accepts(0), lanes.accepts(MOST_LANES - 1)]).toEqual([true, true]);
    expect(lanes.remove(lanes.highest!)).toBe(MOST_LANES - 1);
    expect(lanes.accepts(1_000)).toBe(true);
    push(1_000);
    expect([lanes.remove(lanes.highest!), lanes.remove(lanes.lowest!)]).toEqual([1_000, 0]);
  });

  test('keeps nothing of what left, and no entries once it is empty', () => {
    const lanes = new PriorityLanes<{ nr: number }>(new ExpiryHeap());
    const reachable = (from: unknown, seen = new Set<unknown>()): Set<unknown> => {
      if (typeof from !== 'object' || from === null || seen.has(from)) return seen;
      seen.add(from);
      for (const part of Object.values(from)) reachable(part, seen);
      return seen;
    };
    const values = Array.from({ length: 5 }, (_, nr) => ({ nr }));
    for (const value of values) lanes.push(value, value.nr % 2, 0, value.nr);
    const gone = [lanes.remove(lanes.highest!), lanes.remove(lanes.lowest!), lanes.remove(lanes.earliest!)];
    const left = reachable(lanes);
    expect(gone.filter((value) => left.has(value))).toEqual([]);
    expect(values.filter((value) => left.has(value))).toHaveLength(2);
    while (lanes.size > 0) lanes.remove(lanes.lowest!);
    expect([...reachable(lanes)].filter((part) => 'newer' in (part as object))).toEqual([]);
  });
});
