/** In which order the results of concurrent calls are given on, and how far they may run ahead. */
import { RingBuffer } from './ringBuffer.js';

/** What an order keeps of each call. A call is *open*, then *finished* (no more results), then *out* (none is held). */
export interface Entry<R> {
  finished: boolean;
  /** Results held; -1 for a call whose value was dropped before it had any. */
  pending: number;
  results: RingBuffer<R> | undefined;
}

export interface ResultOrder<R, E extends Entry<R>> {
  /** Results held. */
  readonly size: number;
  /** Calls that have finished and are not out. */
  readonly undelivered: number;
  /** True when `take` has a result. */
  readonly ready: boolean;
  /** Notes a call whose value arrived. */
  enter(entry: E): void;
  /** True when a new result of `entry` need not wait for one that is held. */
  first(entry: E): boolean;
  hold(entry: E, result: R): void;
  /** Notes that a call has no more results; returns how many calls are out by that. */
  finish(entry: E): number;
  /** Notes that the value of a call was dropped, and will have no result; returns how many calls are out by that. */
  skip(entry: E): number;
  /** The next result. Only when `ready`. */
  take(): R;
  /** How many calls went out by the last `take`. */
  readonly outByTake: number;
  /** Forgets everything, tells `lost` each result that is held, and returns the calls that were finished and not out. */
  clear(lost: (result: R) => void): E[];
}

/** Results as they come. */
export class CompletionOrder<R, E extends Entry<R>> implements ResultOrder<R, E> {
  private readonly results = new RingBuffer<R>();
  private readonly owners = new RingBuffer<E>();
  size = 0;
  undelivered = 0;
  outByTake = 0;

  get ready(): boolean {
    return this.size > 0;
  }

  enter(): void {
    // the order of arrival does not matter
  }

  first(): boolean {
    return this.size === 0;
  }

  hold(entry: E, result: R): void {
    this.results.push(result);
    this.owners.push(entry);
    entry.pending++;
    this.size++;
  }

  finish(entry: E): number {
    entry.finished = true;
    if (entry.pending === 0) return 1;
    this.undelivered++;
    return 0;
  }

  skip(): number {
    return 0;
  }

  take(): R {
    const owner = this.owners.shift();
    this.size--;
    this.outByTake = --owner.pending === 0 && owner.finished ? 1 : 0;
    this.undelivered -= this.outByTake;
    return this.results.shift();
  }

  clear(lost: (result: R) => void): E[] {
    const left = new Set<E>();
    for (; this.size > 0; this.size--) {
      lost(this.results.shift());
      const owner = this.owners.shift();
      if (owner.finished) left.add(owner);
    }
    this.undelivered = 0;
    return [...left];
  }
}

/** Results in the order in which the values arrived that they come from: those of later ones wait in their entry. */
export class SourceOrder<R, E extends Entry<R>> implements ResultOrder<R, E> {
  private readonly entries = new RingBuffer<E>();
  size = 0;
  undelivered = 0;
  outByTake = 0;

  get ready(): boolean {
    return this.size > 0 && this.entries.at(0).pending > 0;
  }

  enter(entry: E): void {
    this.entries.push(entry);
  }

  first(entry: E): boolean {
    return this.entries.at(0) === entry && entry.pending === 0;
  }

  hold(entry: E, result: R): void {
    entry.results ??= new RingBuffer(2);
    entry.results.push(result);
    entry.pending++;
    this.size++;
  }

  finish(entry: E): number {
    entry.finished = true;
    this.undelivered++;
    return this.retire();
  }

  skip(entry: E): number {
    entry.finished = true;
    entry.pending = -1;
    return this.retire();
  }

  take(): R {
    const head = this.entries.at(0);
    head.pending--;
    this.size--;
    const result = head.results!.shift();
    this.outByTake = head.pending === 0 ? this.retire() : 0;
    return result;
  }

  clear(lost: (result: R) => void): E[] {
    const left: E[] = [];
    while (this.entries.size > 0) {
      const entry = this.entries.shift();
      for (; entry.pending > 0; entry.pending--) lost(entry.results!.shift());
      if (entry.finished && entry.pending >= 0) left.push(entry);
    }
    this.size = 0;
    this.undelivered = 0;
    return left;
  }

  private retire(): number {
    let out = 0;
    while (this.entries.size > 0) {
      const head = this.entries.at(0);
      if (!head.finished || head.pending > 0) break;
      this.entries.shift();
      if (head.pending === 0) out++;
    }
    this.undelivered -= out;
    return out;
  }
}
