/** What a stage did in the last seconds: two halves, of which the older is forgotten when the newer is full. */
import type { Percentiles, StageTime } from './snapshot.js';
import { TimeHistogram } from './timeHistogram.js';

/** Shares of a stage's time at one moment, each from 0 to 1. */
export interface Shares extends StageTime {
  /** It is up to the stage itself, to what comes before, or after it, that no more goes through. */
  readonly itself: number;
  readonly before: number;
  readonly after: number;
  /** The part of a pool's workers that run. */
  readonly used: number;
}

export const STARVED: Shares = { busy: 0, blocked: 0, starved: 1, itself: 0, before: 1, after: 0, used: 0 };

export interface Counts {
  readonly in: number;
  readonly out: number;
}

/** Milliseconds by share, and what was measured, from one moment on. */
class Half {
  busy = 0;
  blocked = 0;
  starved = 0;
  itself = 0;
  before = 0;
  after = 0;
  used = 0;
  waits: TimeHistogram | undefined;
  services: TimeHistogram | undefined;

  constructor(
    readonly begin: number,
    readonly counts: Counts,
  ) {}

  add(shares: Shares, ms: number): void {
    this.busy += shares.busy * ms;
    this.blocked += shares.blocked * ms;
    this.starved += shares.starved * ms;
    this.itself += shares.itself * ms;
    this.before += shares.before * ms;
    this.after += shares.after * ms;
    this.used += shares.used * ms;
  }
}

export class StageWindow {
  private older: Half;
  private newer: Half;

  constructor(
    private readonly length: number,
    now: number,
    private counts: Counts,
  ) {
    this.older = this.newer = new Half(now, counts);
  }

  /** Adds the `ms` before `now`, in which the stage did what `shares` say and values came and went evenly, till there were `counts`. */
  add(shares: Shares, ms: number, now: number, counts: Counts): void {
    const before = this.counts;
    this.counts = counts;
    const at = (time: number): Counts => between(counts, before, (now - time) / ms);
    let time = now - ms;
    if (ms > this.length) {
      time = now - this.length;
      this.older = this.newer = new Half(time, at(time));
    }
    for (let end; (end = this.newer.begin + this.length / 2) <= now; time = end) {
      this.newer.add(shares, end - time);
      this.older = this.newer;
      this.newer = new Half(end, at(end));
    }
    this.newer.add(shares, now - time);
  }

  waited(ms: number): void {
    (this.newer.waits ??= new TimeHistogram()).record(ms);
  }

  served(ms: number): void {
    (this.newer.services ??= new TimeHistogram()).record(ms);
  }

  /** How many milliseconds it is about at `now`. */
  lengthAt(now: number): number {
    return now - this.older.begin;
  }

  /** A figure for each millisecond of the window. */
  mean(figure: keyof Shares): number {
    const time = this.sum('busy') + this.sum('blocked') + this.sum('starved');
    return time === 0 ? 0 : this.sum(figure) / time;
  }

  /** How much came and went since the window began. */
  since(counts: Counts): Counts {
    const { counts: before } = this.older;
    return { in: counts.in - before.in, out: counts.out - before.out };
  }

  get wait(): Percentiles | undefined {
    return TimeHistogram.percentiles(this.halves.map(({ waits }) => waits));
  }

  get service(): Percentiles | undefined {
    return TimeHistogram.percentiles(this.halves.map(({ services }) => services));
  }

  private get halves(): readonly Half[] {
    return this.older === this.newer ? [this.newer] : [this.older, this.newer];
  }

  private sum(figure: keyof Shares): number {
    return this.halves.reduce((sum, half) => sum + half[figure], 0);
  }
}

/** `part` of the way from `a` to `b`. */
function between(a: Counts, b: Counts, part: number): Counts {
  return { in: a.in + (b.in - a.in) * part, out: a.out + (b.out - a.out) * part };
}
