/** Values in one line that several readers go along, each at its own pace: kept once, and only while one of them is still to come by. */
import { RingBuffer } from './ringBuffer.js';

/** One who reads. Values are numbered from 0, in the order in which they came. */
export interface Reader {
  /** The number of the value that it reads next. */
  next: number;
  /** Whether no value may be overwritten before it has read it. */
  readonly blocks: boolean;
}

/**
 * A ring without a limit of its own: `end - oldest` is what some reader has not read, and whoever pushes keeps that below a bound.
 * After a reader has moved, `touch` says so.
 */
export class SharedRing<T> {
  /** The number that the next value gets. */
  end = 0;
  private readonly values = new RingBuffer<T>();
  /** When each came, from the moment on at which somebody wanted to know. */
  private times: RingBuffer<number> | undefined;
  /** The number of the oldest value that is kept. */
  private first = 0;
  /** True when readers may have moved since one looked where they are. */
  private moved = true;
  private lowest = Infinity;
  private lowestBlocking = Infinity;

  /**
   * @param readers those who read now; whoever owns the array calls `touch` when it has changed
   * @param replay how many of the last values are kept for newcomers
   */
  constructor(
    private readonly readers: readonly Reader[],
    private readonly replay: number,
  ) {}

  /** Values that are kept. */
  get size(): number {
    return this.values.size;
  }

  /** Where the reader is that is furthest behind; `end` without any. */
  get oldest(): number {
    if (this.moved) this.look();
    return Math.min(this.lowest, this.end);
  }

  /** The same among those that block. */
  get oldestBlocking(): number {
    if (this.moved) this.look();
    return Math.min(this.lowestBlocking, this.end);
  }

  /** Where a newcomer starts. */
  get start(): number {
    return Math.max(this.first, this.end - this.replay);
  }

  /** Adds a value that came at the time `at`. */
  push(value: T, at: number): void {
    this.end++;
    this.trim(); // before it needs a place
    this.values.push(value);
    this.times?.push(at);
  }

  /** Value number `n`. Only for one that is kept. */
  at(n: number): T {
    return this.values.at(n - this.first);
  }

  /** When value number `n` came. Only for one that is kept, once there are times. */
  timeOf(n: number): number {
    return this.times?.at(n - this.first) ?? 0;
  }

  /** Keeps times from now on; what is there already counts as having come `now`. */
  keepTimes(now: number): void {
    if (this.times !== undefined) return;
    this.times = new RingBuffer();
    for (let n = 0; n < this.values.size; n++) this.times.push(now);
  }

  touch(): void {
    this.moved = true;
  }

  /** All readers are at number `n` now: there is no need to look where each is. */
  meet(n: number, someBlock: boolean): void {
    this.moved = false;
    this.lowest = n;
    this.lowestBlocking = someBlock ? n : Infinity;
  }

  /** Lets go what nobody is to come to. */
  trim(): void {
    const keep = Math.min(this.oldest, this.end - this.replay);
    while (this.first < keep && this.values.size > 0) {
      this.values.shift();
      this.times?.shift();
      this.first++;
    }
  }

  private look(): void {
    this.moved = false;
    let lowest = Infinity;
    let lowestBlocking = Infinity;
    for (const { next, blocks } of this.readers) {
      if (next < lowest) lowest = next;
      if (blocks && next < lowestBlocking) lowestBlocking = next;
    }
    this.lowest = lowest;
    this.lowestBlocking = lowestBlocking;
  }
}
