import { RingBuffer } from './ringBuffer.js';

/**
 * A first-in-first-out buffer bounded by the sum of its values' costs, which knows how long each value has been there.
 *
 * It takes a value while less than its capacity is used, so the last one taken may pass the bound: a value's cost is
 * known only once it is here, and what was asked for must be taken. With costs of 1 that is a bound in values.
 * The ring never refuses: its owner asks `full` first and decides what to do.
 */
export class BoundedRing<T> {
  private readonly values = new RingBuffer<T>();
  private readonly costs: RingBuffer<number> | undefined;
  private readonly times: RingBuffer<number> | undefined;
  private used = 0;

  constructor(
    private readonly capacity: number,
    keep: { readonly costs: boolean; readonly times: boolean },
  ) {
    this.costs = keep.costs ? new RingBuffer() : undefined;
    this.times = keep.times ? new RingBuffer() : undefined;
  }

  get size(): number {
    return this.values.size;
  }

  get full(): boolean {
    return this.used >= this.capacity;
  }

  /** How many more values fit: known exactly when each costs 1, else one at a time. */
  get room(): number {
    if (this.costs === undefined) return this.capacity - this.used;
    return this.full ? 0 : 1;
  }

  push(value: T, cost: number, now: number): void {
    this.values.push(value);
    this.costs?.push(cost);
    this.times?.push(now);
    this.used += cost;
  }

  /** The oldest value, taken out. Only for a ring that is not empty. */
  shift(): T {
    this.used -= this.costs?.shift() ?? 1;
    this.times?.shift();
    const value = this.values.shift();
    if (this.values.size === 0) this.used = 0; // fractions do not add up to exactly 0
    return value;
  }

  /** The newest value. Only for a ring that is not empty. */
  get newest(): T {
    return this.values.at(this.values.size - 1);
  }

  /** Puts `value` in the place of the newest one, whose time it keeps. Only for a ring that is not empty. */
  replaceNewest(value: T, cost: number): void {
    const last = this.values.size - 1;
    this.used += cost - (this.costs?.at(last) ?? 1);
    this.values.replaceLast(value);
    this.costs?.replaceLast(cost);
  }

  /** How long the oldest value has been here; 0 where times are not kept, or the clock went back. */
  oldestAge(now: number): number {
    return this.times === undefined || this.size === 0 ? 0 : Math.max(0, now - this.times.at(0));
  }
}
