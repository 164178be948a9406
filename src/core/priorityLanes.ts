import type { ExpiryHeap, Expiring } from './expiryHeap.js';
import { LinkedQueue, type Linked } from './linkedQueue.js';

/** A value in the lanes. Once it was removed, its entry is used again for another. */
export interface Waiting<T> extends Linked<Waiting<T>>, Expiring {
  value: T;
  priority: number;
  /** When it came. */
  at: number;
}

/**
 * Values that wait in lanes, one for each priority, and expire.
 *
 * A lane is there only while a value waits in it, so any priorities may pass, `MOST_LANES` at a time. What a call costs depends on the
 * number of lanes, not on that of values; with `expiries` on the logarithm of that too.
 */
export class PriorityLanes<T> {
  /** By rising priority; none is empty. */
  private readonly lanes: Lane<T>[] = [];
  /** Entries to use again, chained by `older`: where many wait for long, new ones cost more (promoted, then collected) than all the rest. */
  private spare: Waiting<T> | undefined;
  private count = 0;

  /** @param expiries an empty heap, where values of one lane do not expire in the order in which they come */
  constructor(private readonly expiries: ExpiryHeap<Waiting<T>> | undefined) {}

  get size(): number {
    return this.count;
  }

  /** The oldest of the highest lane: the one to serve next. */
  get highest(): Waiting<T> | undefined {
    return this.lanes[this.lanes.length - 1]?.oldest;
  }

  /** The newest of the lowest lane: the one to give up first. */
  get lowest(): Waiting<T> | undefined {
    return this.lanes[0]?.newest;
  }

  /** The one that expires first; where several do, any of them. */
  get earliest(): Waiting<T> | undefined {
    if (this.expiries !== undefined) return this.expiries.earliest;
    let earliest: Waiting<T> | undefined;
    for (const { oldest } of this.lanes) {
      if (earliest === undefined || oldest!.expires < earliest.expires) earliest = oldest;
    }
    return earliest;
  }

  /** Whether a value of `priority` can be added: there is a lane for it, or can be one. */
  accepts(priority: number): boolean {
    return this.lanes.length < MOST_LANES || this.lanes[this.indexOf(priority)]?.priority === priority;
  }

  /** Adds `value` as the newest of its lane. Only when its priority is accepted. */
  push(value: T, priority: number, at: number, expires: number): void {
    const i = this.indexOf(priority);
    let lane = this.lanes[i];
    if (lane?.priority !== priority) this.lanes.splice(i, 0, (lane = new Lane(priority)));
    let entry = this.spare;
    if (entry === undefined) {
      entry = { value, priority, at, expires, place: 0, older: undefined, newer: undefined };
    } else {
      this.spare = entry.older;
      entry.value = value;
      entry.priority = priority;
      entry.at = at;
      entry.expires = expires;
    }
    lane.push(entry);
    this.expiries?.add(entry);
    this.count++;
  }

  /** Takes `entry` out and returns its value. Only if it is here. */
  remove(entry: Waiting<T>): T {
    const { value } = entry;
    const i = this.indexOf(entry.priority);
    const lane = this.lanes[i]!;
    lane.remove(entry);
    if (lane.oldest === undefined) this.lanes.splice(i, 1);
    this.expiries?.remove(entry);
    entry.value = undefined as T; // a value that left must not be kept alive
    entry.older = this.spare;
    this.spare = --this.count === 0 ? undefined : entry;
    return value;
  }

  /** Where the lane of `priority` is, or is to be put. */
  private indexOf(priority: number): number {
    let low = 0;
    for (let high = this.lanes.length; low < high;) {
      const middle = (low + high) >> 1;
      if (this.lanes[middle]!.priority < priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Lanes at a time. */
export const MOST_LANES = 256;

class Lane<T> extends LinkedQueue<Waiting<T>> {
  constructor(readonly priority: number) {
    super();
  }
}
