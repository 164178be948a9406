import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MOST_LANES, PriorityLanes } from '../../src/core/priorityLanes.js';

interface Item {
  readonly priority: number;
  readonly nr: number;
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

  /** The first of each priority, lowest priority first. */
  get heads(): Item[] {
    return this.items.filter((item, i) => this.items[i - 1]?.priority !== item.priority).reverse();
  }

  remove(item: Item | undefined): Item | undefined {
    this.items = this.items.filter((other) => other !== item);
    return item;
  }
}

type Command = fc.Command<Model, Real>;

const command = (
  run: (model: Model, real: Real) => void,
  name: string,
  check = (_: Model): boolean => true,
): Command => ({
  check,
  run: (model, real) => {
    run(model, real);
    expect(real.size).toBe(model.items.length);
  },
  toString: () => name,
});
const notEmpty = ({ items }: Model): boolean => items.length > 0;

const push = (priority: number): Command =>
  command((model, real) => {
    const item = { priority, nr: model.nr++ };
    model.push(item);
    real.push(priority, item);
  }, `push ${priority}`);
const takeHighest = (): Command =>
  command((model, real) => expect(real.takeHighest()).toBe(model.remove(model.items[0])), 'takeHighest', notEmpty);
const takeLowest = (): Command =>
  command((model, real) => expect(real.takeLowest()).toBe(model.remove(model.items.at(-1))), 'takeLowest', notEmpty);
const takeOldest = (divisor: number): Command =>
  command((model, real) => {
    const matches = ({ nr }: Item): boolean => nr % divisor === 0;
    expect(real.takeOldest(matches)).toBe(model.remove(model.heads.find(matches)));
  }, `takeOldest ${divisor}`);

describe('PriorityLanes', () => {
  test('is a sorted array, whatever is pushed and taken', () => {
    const commands = fc.commands(
      [
        fc.integer({ min: -4, max: 4 }).map(push),
        fc.integer({ min: -4, max: 4 }).map(push),
        fc.constant(takeHighest()),
        fc.constant(takeLowest()),
        fc.integer({ min: 1, max: 4 }).map(takeOldest),
      ],
      { maxCommands: 200, size: 'max' },
    );
    const property = fc.property(commands, (script) => {
      fc.modelRun(() => ({ model: new Model(), real: new PriorityLanes<Item>() }), script);
    });
    fc.assert(property, { numRuns: 500 });
  });

  test('a lane more than there may be is not accepted, until one is empty', () => {
    const lanes = new PriorityLanes<number>();
    for (let priority = MOST_LANES - 1; priority >= 0; priority--) {
      expect(lanes.accepts(priority)).toBe(true);
      lanes.push(priority, priority);
    }
    expect([lanes.accepts(MOST_LANES), lanes.accepts(-1), lanes.accepts(0.5)]).toEqual([false, false, false]);
    expect([lanes.accepts(0), lanes.accepts(MOST_LANES - 1)]).toEqual([true, true]);
    expect(lanes.takeHighest()).toBe(MOST_LANES - 1);
    expect(lanes.accepts(1_000)).toBe(true);
    lanes.push(1_000, 1_000);
    expect([lanes.takeHighest(), lanes.takeLowest()]).toEqual([1_000, 0]);
  });

  test('does not keep what left it alive', () => {
    const lanes = new PriorityLanes<object>();
    for (let i = 0; i < 4; i++) lanes.push(i % 2, {});
    lanes.takeHighest();
    lanes.takeLowest();
    lanes.takeOldest(() => true);
    lanes.takeLowest();
    expect(JSON.stringify(lanes)).not.toContain('{}');
  });
});
