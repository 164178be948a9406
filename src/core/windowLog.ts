/** A quota per sliding window, kept exactly: what was spent is remembered until it has left the window. */
import type { Meter } from './meter.js';
import { RingBuffer } from './ringBuffer.js';

/** Never more than `limit` in any `per` milliseconds, wherever they begin. A key is forgotten when its window is empty. */
export class WindowLog implements Meter {
  private readonly logs = new Map<unknown, Log>();
  private untilSweep = SWEEP;

  constructor(
    private readonly limit: number,
    private readonly per: number,
  ) {}

  get burst(): number {
    return this.limit;
  }

  get keys(): number {
    return this.logs.size;
  }

  wait(cost: number, key: unknown, now: number): number {
    const log = this.current(key, now);
    if (log === undefined) return 0;
    let excess = log.sum + cost - this.limit;
    for (let i = 0; excess > ROUNDING; i++) {
      const { at, cost: freed } = log.entries.at(i);
      excess -= freed;
      if (excess <= ROUNDING) return at + this.per - now;
    }
    return 0;
  }

  take(cost: number, key: unknown, now: number): number {
    const wait = this.wait(cost, key, now);
    if (wait === 0) this.spend(cost, key, now);
    return wait;
  }

  spend(cost: number, key: unknown, now: number): void {
    let log = this.current(key, now);
    if (log === undefined) this.logs.set(key, (log = { entries: new RingBuffer(4), sum: 0 }));
    const newest = log.entries.size === 0 ? undefined : log.entries.at(log.entries.size - 1);
    if (newest?.at === now) newest.cost += cost;
    else log.entries.push({ at: now, cost });
    log.sum += cost;
    if (--this.untilSweep === 0) this.sweep(now);
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
    const log = this.logs.get(key);
    if (log === undefined) return undefined;
    while (log.entries.size > 0 && log.entries.at(0).at + this.per <= now) log.sum -= log.entries.shift().cost;
    if (log.entries.size > 0) return log;
    this.logs.delete(key);
    return undefined;
  }

  private sweep(now: number): void {
    for (const key of [...this.logs.keys()]) this.current(key, now);
    this.untilSweep = SWEEP + this.logs.size;
  }
}

interface Log {
  readonly entries: RingBuffer<{ readonly at: number; cost: number }>;
  /** The cost of all entries. */
  sum: number;
}

const ROUNDING = 1e-7;
const SWEEP = 1_000;
