/** A quota per sliding window, kept exactly: what was spent is remembered until it has left the window. */
import type { Meter } from './meter.js';
import { RingBuffer } from './ringBuffer.js';

/** Never more than `limit` in any `per` milliseconds, wherever they begin. A key is forgotten when its window is empty. */
export class WindowLog implements Meter {
  private readonly logs = new Map<unknown, Log>();
  private sweptAt = -Infinity;

  constructor(
    private readonly limit: number,
    private readonly per: number,
  ) {}

  get burst(): number {
    return this.limit;
  }

  get period(): number {
    return this.per;
  }

  get keys(): number {
    return this.logs.size;
  }

  wait(cost: number, key: unknown, now: number): number {
    const log = this.current(key, now);
    const windows = cost > this.limit ? Math.ceil(cost / this.limit - ROUNDING) - 1 : 0; // what is paid now comes free a window later
    let wait = windows * this.per;
    if (log === undefined) return wait;
    let excess = log.sum + cost - (windows + 1) * this.limit;
    for (let i = 0; excess > ROUNDING; i++) {
      const { at, cost: freed } = log.entries.at(i);
      excess -= freed;
      if (excess <= ROUNDING) wait += at + this.per - now;
    }
    return wait;
  }

  take(cost: number, key: unknown, now: number): number {
    const wait = this.wait(cost, key, now);
    if (wait === 0) this.spend(cost, key, now);
    return wait;
  }

  spend(cost: number, key: unknown, now: number): void {
    if (cost === 0) return;
    let log = this.current(key, now);
    if (log === undefined) this.logs.set(key, (log = { entries: new RingBuffer(4), sum: 0 }));
    const newest = log.entries.size === 0 ? undefined : log.entries.at(log.entries.size - 1);
    if (newest?.at === now) newest.cost += cost;
    else log.entries.push({ at: now, cost });
    log.sum += cost;
  }

  left(key: unknown, now: number): number {
    return Math.floor(this.limit - (this.current(key, now)?.sum ?? 0) + ROUNDING);
  }

  fullIn(key: unknown, now: number): number {
    const log = this.current(key, now);
    return log === undefined ? 0 : log.entries.at(log.entries.size - 1).at + this.per - now;
  }

  /** The log of `key` without what has left the window; undefined when that is all of it. */
  private current(key: unknown, now: number): Log | undefined {
    if (now - this.sweptAt >= this.per) this.sweep(now);
    const log = this.logs.get(key);
    if (log === undefined) return undefined;
    while (log.entries.size > 0 && log.entries.at(0).at + this.per <= now) log.sum -= log.entries.shift().cost;
    if (log.entries.size > 0) return log;
    this.logs.delete(key);
    return undefined;
  }

  /** Once in a window, so that each key is looked at twice at most after it was last paid for. */
  private sweep(now: number): void {
    this.sweptAt = now;
    for (const key of this.logs.keys()) this.current(key, now);
  }
}

interface Log {
  readonly entries: RingBuffer<{ readonly at: number; cost: number }>;
  /** The cost of all entries. */
  sum: number;
}

const ROUNDING = 1e-7;
