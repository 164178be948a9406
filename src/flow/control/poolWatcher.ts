/** What `elastic` and `adaptive` share: they measure some calls, look at the pool now and then, and set its concurrency. */
import { SteadyClock } from '../../core/steadyClock.js';
import type { ConcurrencyWatcher, MeasuredSlot, PoolFigures, ScaledPool } from '../concurrency.js';

/** The part that decides. */
export interface ConcurrencyControl {
  /** Calls that may run at once now: an integer of at least 1. */
  readonly limit: number;
  /** Milliseconds after which it wants to look again while the pool is at work; `Infinity` when samples are all it needs. */
  readonly interval: number;
  look?(figures: PoolFigures): void;
  /** True when an idle pool need not be looked at: it is as small as it gets. */
  readonly atRest?: boolean;
  /** A call, of which some are picked where there are many, has taken `time` milliseconds; so many ran when it ended. */
  sample?(time: number, startedAt: number, now: number, running: number): void;
  /** True when `outcome`, a call's error or result, says that the other side is overloaded. */
  isOverload?(outcome: unknown): boolean;
  /** Such an outcome came. */
  overloaded?(now: number): void;
  /** True when the first call of a worker says nothing about the others: it may have waited for that to start up. */
  readonly skipsFirst?: boolean;
  /** True when results are to be judged by `isOverload` as well. */
  readonly judgesResults?: boolean;
}

export class PoolWatcher implements ConcurrencyWatcher {
  /** It looks at the pool now and then; not while that is idle and as small as it gets. */
  private looking = false;
  /** Calls until the next one whose time is measured: every `stride`-th is, for reading the clock costs more than the rest. */
  private unmeasured = 1;
  private stride = 1;
  private measuredAt = 0;
  private concurrency = 0;
  private readonly judges: boolean;
  private readonly clock: SteadyClock;
  /** What the pool's clock said last. */
  private read: number;
  /** When that was set back or forward last: what calls took that had begun by then is not known. */
  private jumpedAt = -1;
  /** Slots that had a call since there were more of them; weak, for the pool gives up those whose calls timed out. */
  private used = new WeakSet<MeasuredSlot>();

  constructor(
    private readonly pool: ScaledPool,
    private readonly control: ConcurrencyControl,
  ) {
    this.judges = control.judgesResults === true;
    this.read = pool.now();
    this.clock = new SteadyClock(this.read);
    this.adopt();
  }

  arrived(): void {
    if (!this.looking) this.look();
  }

  look(): void {
    const { control, pool } = this;
    const figures = pool.figures();
    control.look?.({ ...figures, now: this.steady(figures.now) });
    this.adopt();
    this.looking = figures.held > 0 || control.atRest !== true;
    if (this.looking) this.lookAgain();
  }

  private lookAgain(): void {
    if (this.control.interval < Infinity) this.pool.lookIn(this.control.interval);
  }

  started(slot: MeasuredSlot): void {
    if (--this.unmeasured > 0) return;
    if (this.control.skipsFirst === true && !this.used.has(slot)) return void this.used.add(slot);
    this.unmeasured = this.stride;
    slot.startedAt = this.steady(this.pool.now());
  }

  ended(slot: MeasuredSlot, result?: unknown): void {
    if (slot.startedAt >= 0 || this.judges) this.measure(slot, result);
  }

  /** The time of a call that failed says nothing about what a call takes. */
  failed(slot: MeasuredSlot, outcome: unknown): void {
    slot.startedAt = -1;
    if (this.control.isOverload?.(outcome)) this.overloaded();
  }

  private measure(slot: MeasuredSlot, result: unknown): void {
    const { control, pool } = this;
    const { startedAt } = slot;
    slot.startedAt = -1; // before `isOverload`, which may throw
    if (this.judges && result !== undefined && control.isOverload?.(result)) return this.overloaded();
    if (startedAt < 0) return;
    const figures = pool.figures();
    const now = this.steady(figures.now);
    if (startedAt <= this.jumpedAt) return;
    control.sample?.(now - startedAt, startedAt, now, figures.running);
    const gap = now - this.measuredAt;
    this.measuredAt = now;
    if (gap < 0.25) this.stride = Math.min(MOST, this.stride * 2);
    else if (gap > 2) this.stride = Math.max(1, Math.floor((this.stride * 2) / gap));
    this.adopt();
  }

  private overloaded(): void {
    this.control.overloaded?.(this.steady(this.pool.now()));
    this.adopt();
  }

  /** The time on a clock that is never set back, when the pool's says `now`. */
  private steady(now: number): number {
    const time = this.clock.at(now);
    const passed = now - this.read;
    this.read = now;
    if (!this.looking || (passed >= 0 && passed < LATE * this.control.interval)) return time;
    this.jumpedAt = time;
    if (passed < 0) this.lookAgain(); // what it had asked for is now far ahead
    return time;
  }

  private adopt(): void {
    const { limit } = this.control;
    if (limit === this.concurrency) return;
    if (limit > this.concurrency) this.used = new WeakSet();
    this.concurrency = limit;
    this.pool.resize(limit);
  }
}

/** Of so many calls one is measured at least. */
const MOST = 256;
/** A look is never so many intervals late: the clock was set forward, or the machine slept. */
const LATE = 10;
