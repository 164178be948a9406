import { RingBuffer } from './ringBuffer.js';

/**
 * Values that wait in lanes, one for each priority: the highest lane is served first, each lane first in, first out.
 *
 * A lane takes memory only while a value waits in it, so any priorities may pass, `MOST_LANES` at a time. What a call costs
 * depends on the number of lanes, not on the number of values.
 */
export class PriorityLanes<T> {
  /** By rising priority; none is empty. */
  private readonly lanes: Lane<T>[] = [];
  /** The lane emptied last, for the next that is needed: where few values wait, lanes come and go with each of them. */
  private spare: Lane<T> | undefined;
  private waiting = 0;

  get size(): number {
    return this.waiting;
  }

  /** Whether a value of `priority` can be added: a lane for it is in use, or can be. */
  accepts(priority: number): boolean {
    return this.lanes.length < MOST_LANES || this.lanes[this.indexOf(priority)]?.priority === priority;
  }

  /** Adds `value` as the newest of its lane. Only when it accepts `priority`. */
  push(priority: number, value: T): void {
    const { lanes } = this;
    const i = this.indexOf(priority);
    let lane = lanes[i];
    if (lane?.priority !== priority) {
      lane = this.spare ?? { priority, values: new RingBuffer<T>() };
      lane.priority = priority;
      this.spare = undefined;
      lanes.splice(i, 0, lane);
    }
    lane.values.push(value);
    this.waiting++;
  }

  /** The oldest value of the highest lane, taken out. Only when `size > 0`. */
  takeHighest(): T {
    const highest = this.lanes.length - 1;
    return this.taken(highest, this.lanes[highest]!.values.shift());
  }

  /** The newest value of the lowest lane, taken out: the one to give up first. Only when `size > 0`. */
  takeLowest(): T {
    return this.taken(0, this.lanes[0]!.values.pop());
  }

  /** Takes out the oldest value of the lowest lane where that matches. Values behind the oldest are not looked at. */
  takeOldest(matches: (value: T) => boolean): T | undefined {
    const { lanes } = this;
    for (let i = 0; i < lanes.length; i++) {
      const { values } = lanes[i]!;
      if (matches(values.at(0))) return this.taken(i, values.shift());
    }
    return undefined;
  }

  /** Where the lane of `priority` is, or is to be put. */
  private indexOf(priority: number): number {
    const { lanes } = this;
    let low = 0;
    for (let high = lanes.length; low < high;) {
      const middle = (low + high) >> 1;
      if (lanes[middle]!.priority < priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Notes that `value` was taken from lane `i`. */
  private taken(i: number, value: T): T {
    this.waiting--;
    if (this.lanes[i]!.values.size === 0) [this.spare] = this.lanes.splice(i, 1);
    return value;
  }
}

/** Lanes in use at a time. */
export const MOST_LANES = 256;

interface Lane<T> {
  priority: number;
  readonly values: RingBuffer<T>;
}
