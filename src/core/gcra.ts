/** Token buckets, one for each key, by the generic cell rate algorithm: a bucket is one number, and nothing refills it. */
import type { Meter } from './meter.js';

/**
 * Keeps for each key the time at which its bucket will be full again (the "theoretical arrival time"). A bucket that is full
 * is not kept, so idle keys take no memory.
 *
 * The algorithm is ATM's GCRA as a virtual scheduling algorithm; a token bucket of `burst` tokens and it admit the same.
 */
export class Gcra implements Meter {
  private readonly fullAt = new Map<unknown, number>();
  private untilSweep = SWEEP;

  /**
   * @param interval milliseconds a token takes to come
   * @param burst tokens in a full bucket
   */
  constructor(
    private interval: number,
    public burst: number,
  ) {}

  get keys(): number {
    return this.fullAt.size;
  }

  wait(cost: number, key: unknown, now: number): number {
    const full = Math.max(this.fullAt.get(key) ?? now, now);
    const wait = full + (cost - this.burst) * this.interval - now;
    return wait > this.interval * ROUNDING ? wait : 0;
  }

  spend(cost: number, key: unknown, now: number, since: number = now): void {
    this.fullAt.set(key, Math.max(this.fullAt.get(key) ?? since, since) + cost * this.interval);
    if (--this.untilSweep === 0) this.sweep(now);
  }

  left(key: unknown, now: number): number {
    return Math.floor(this.burst - this.fullIn(key, now) / this.interval + ROUNDING);
  }

  fullIn(key: unknown, now: number): number {
    return Math.max(0, (this.fullAt.get(key) ?? now) - now);
  }

  /** Changes the rate; tokens that are there stay, as far as there is room. */
  retune(interval: number, burst: number, now: number): void {
    const room = burst - this.burst;
    this.burst = burst;
    for (const [key, full] of this.fullAt) {
      this.fullAt.set(key, now + Math.max(0, (full - now) / this.interval + room) * interval);
    }
    this.interval = interval;
  }

  /** Forgets full buckets; as rare as there are keys, so that it costs each call next to nothing. */
  private sweep(now: number): void {
    for (const [key, full] of this.fullAt) if (full <= now) this.fullAt.delete(key);
    this.untilSweep = SWEEP + this.fullAt.size;
  }
}

/** Part of a token that sums of fractions may be off by. */
const ROUNDING = 1e-7;
const SWEEP = 1_000;
