/** How many calls of a pool may run: a number, an Observable of numbers, or a rule that watches the pool. */
import { Observable, type Subscription } from 'rxjs';
import { NOT_NEGATIVE } from '../../options.js';
import type { ConcurrencyControl, ConcurrencyRule, PoolFigures } from '../concurrency.js';
import { follow } from '../follow.js';
import type { Slot } from './poolCall.js';

/** The pool, as this needs it. */
export interface ScaledPool {
  readonly name: string;
  figures(): PoolFigures;
  now(): number;
  resize(concurrency: number): void;
  /** Starts what may start. */
  moveOn(): void;
  lookIn(ms: number): void;
  stop(error: unknown): void;
}

/** Watches a pool for the rule that sets its concurrency. */
export class PoolScale<T, R> {
  /** The control looks at the pool now and then; not while that is idle and as small as it gets. */
  private looking = false;
  /** Calls until the next one whose time is measured: every `stride`-th is, for reading the clock costs more than the rest. */
  private unmeasured = 1;
  private stride = 1;
  private measuredAt = 0;
  private concurrency = 0;

  private constructor(
    private readonly pool: ScaledPool,
    private readonly control: ConcurrencyControl,
  ) {}

  /** Sets the pool's concurrency from now on; what it returns is to be told what happens, or to be unsubscribed. */
  static of<T, R>(
    pool: ScaledPool,
    concurrency: number | Observable<number> | ConcurrencyRule,
  ): PoolScale<T, R> | Subscription | undefined {
    if (concurrency instanceof Observable) {
      const apply = (value: number): void => {
        pool.resize(value);
        pool.moveOn();
      };
      const fail = (error: unknown): void => pool.stop(error);
      return follow(concurrency, { stage: pool.name, option: 'concurrency', rule: NOT_NEGATIVE, apply, fail });
    }
    if (typeof concurrency === 'number') {
      pool.resize(concurrency);
      return undefined;
    }
    pool.resize(concurrency.max); // for what depends on the most there may be
    const scale = new PoolScale<T, R>(pool, concurrency.begin());
    scale.adopt();
    return scale;
  }

  arrived(): void {
    if (!this.looking) this.look();
  }

  look(): void {
    const { control, pool } = this;
    const figures = pool.figures();
    control.look?.(figures);
    this.adopt();
    this.looking = figures.held > 0 || control.atRest !== true;
    if (this.looking && control.interval < Infinity) pool.lookIn(control.interval);
  }

  started(slot: Slot<T, R>): void {
    if (--this.unmeasured > 0) return;
    this.unmeasured = this.stride;
    slot.startedAt = this.pool.now();
  }

  /** A call ended well, for all that the pool knows. */
  ended(slot: Slot<T, R>, result?: R): void {
    const { control, pool } = this;
    if (control.judgesResults === true && control.isOverload?.(result)) return this.failed(slot, result);
    if (slot.startedAt < 0) return;
    const { now, running } = pool.figures();
    control.sample?.(now - slot.startedAt, slot.startedAt, now, running);
    slot.startedAt = -1;
    const gap = now - this.measuredAt;
    this.measuredAt = now;
    if (gap < 2) this.stride = Math.min(64, this.stride * 2);
    else if (gap > 8) this.stride = Math.max(1, this.stride >> 1);
    this.adopt();
  }

  /** A call failed: its time says nothing about what a call takes. */
  failed(slot: Slot<T, R>, outcome: unknown): void {
    slot.startedAt = -1;
    if (!this.control.isOverload?.(outcome)) return;
    this.control.overloaded?.(this.pool.now());
    this.adopt();
  }

  private adopt(): void {
    const { limit } = this.control;
    if (limit === this.concurrency) return;
    this.concurrency = limit;
    this.pool.resize(limit);
  }
}
