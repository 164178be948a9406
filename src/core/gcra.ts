/** Token buckets, one for each key, by the generic cell rate algorithm: a bucket is one number, and nothing refills it. */
import type { Meter } from './meter.js';

/**
 * Keeps for each key the time at which its bucket will be full again (the "theoretical arrival time"). A bucket that is full
 * is not kept, so idle keys take no memory.
 *
 * Sums of fractions are exact on small numbers only: the times are counted from a moment that moves on, and a bucket that lacks next to
 * nothing is full.
 *
 * The algorithm is ATM's GCRA as a virtual scheduling algorithm; a token bucket of `burst` tokens and it admit the same.
 */
export class Gcra implements Meter {
  private readonly fullAt = new Map<unknown, number>();
  /** The same for the key `undefined`, which is all there is where nobody has keys: worth half of what a call costs. */
  private onlyFullAt = -Infinity;
  private untilSweep = SWEEP;
  /** What the times that are kept are counted from. */
  private origin = 0;

  /**
   * @param interval milliseconds a token takes to come
   * @param burst tokens in a full bucket
   */
  constructor(
    private interval: number,
    public burst: number,
  ) {}

  get period(): number {
    return this.burst * this.interval;
  }

  get keys(): number {
    return this.fullAt.size + (this.onlyFullAt === -Infinity ? 0 : 1);
  }

  wait(cost: number, key: unknown, now: number): number {
    this.tidy(now);
    return this.waitFor(cost, this.fullIn(key, now));
  }

  take(cost: number, key: unknown, now: number): number {
    this.tidy(now);
    const fullIn = this.fullIn(key, now);
    const wait = this.waitFor(cost, fullIn);
    if (wait === 0) this.keep(key, now, fullIn + cost * this.interval);
    return wait;
  }

  spend(cost: number, key: unknown, now: number, since: number = now): void {
    this.tidy(now);
    this.keep(key, since, this.fullIn(key, since) + cost * this.interval);
  }

  left(key: unknown, now: number): number {
    return Math.floor(this.burst - this.fullIn(key, now) / this.interval + ROUNDING);
  }

  fullIn(key: unknown, now: number): number {
    const fullAt = key === undefined ? this.onlyFullAt : (this.fullAt.get(key) ?? -Infinity);
    const fullIn = fullAt - (now - this.origin);
    return fullIn > this.interval * NOTHING ? fullIn : 0;
  }

  /** Changes the rate; tokens that are there stay, as far as there is room. */
  retune(interval: number, burst: number, now: number): void {
    const room = burst - this.burst;
    const time = now - this.origin;
    const retuned = (fullAt: number): number => time + Math.max(0, (fullAt - time) / this.interval + room) * interval;
    for (const [key, fullAt] of this.fullAt) this.fullAt.set(key, retuned(fullAt));
    if (this.onlyFullAt !== -Infinity) this.onlyFullAt = retuned(this.onlyFullAt);
    this.burst = burst;
    this.interval = interval;
  }

  private waitFor(cost: number, fullIn: number): number {
    const wait = fullIn + (cost - this.burst) * this.interval;
    return wait > this.interval * ROUNDING ? wait : 0;
  }

  private keep(key: unknown, since: number, fullIn: number): void {
    if (fullIn === 0) return; // it cost nothing
    const fullAt = since - this.origin + fullIn;
    if (key === undefined) this.onlyFullAt = fullAt;
    else this.fullAt.set(key, fullAt);
  }

  /** Sweeps as rarely as there are keys, so that it costs each call next to nothing, or once a minute; calls that are refused count too. */
  private tidy(now: number): void {
    if (--this.untilSweep <= 0 || now - this.origin > MINUTE) this.sweep(now);
  }

  /** Forgets buckets that have been full for a while, and counts the times of the others from now. */
  private sweep(now: number): void {
    const passed = now - this.origin;
    const forgotten = passed - LATE;
    this.origin = now;
    this.onlyFullAt = this.onlyFullAt > forgotten ? this.onlyFullAt - passed : -Infinity;
    for (const [key, fullAt] of this.fullAt) {
      if (fullAt > forgotten) this.fullAt.set(key, fullAt - passed);
      else this.fullAt.delete(key);
    }
    this.untilSweep = SWEEP + this.fullAt.size;
  }
}

/** Part of a token that sums of fractions may be off by. */
const ROUNDING = 1e-7;
/** Part of a token that a full bucket may lack. */
const NOTHING = 1e-9;
const SWEEP = 1_000;
/** Milliseconds by which `since` may lie back: when a bucket became full counts till then. */
const LATE = 250;
const MINUTE = 60_000;
