/** What decides how many calls of a pool run at once, while it works. */

/** What a pool tells about itself when it is looked at. */
export interface PoolFigures {
  /** Milliseconds of the scheduler's clock. */
  readonly now: number;
  /** Values that have arrived since the pool began. */
  readonly arrived: number;
  /** Values that wait for a worker. */
  readonly waiting: number;
  /** Calls that run. */
  readonly running: number;
  /** All values in the pool. */
  readonly held: number;
}

/** A rule that `pool` takes as its `concurrency`: `elastic` and `adaptive` make them. */
export interface ConcurrencyRule {
  /** Calls that ever run at once. */
  readonly max: number;
  /** Begins anew, for one subscription. */
  begin(): ConcurrencyControl;
}

/** A rule at work in one pool. */
export interface ConcurrencyControl {
  /** Calls that may run at once now: an integer of at least 1. */
  readonly limit: number;
  /** Milliseconds after which it wants to look again while the pool is at work; `Infinity` when samples are all it needs. */
  readonly interval: number;
  look?(figures: PoolFigures): void;
  /** True when an idle pool need not be looked at: it is as small as it gets. Default: false. */
  readonly atRest?: boolean;
  /** A call, of which some are picked where there are many, has taken `time` milliseconds; so many ran when it ended. */
  sample?(time: number, startedAt: number, now: number, running: number): void;
  /** True when `outcome`, a call's error or result, says that the other side is overloaded. */
  isOverload?(outcome: unknown): boolean;
  /** Such an outcome came. */
  overloaded?(now: number): void;
  /** True when results are to be judged by `isOverload` as well. */
  readonly judgesResults?: boolean;
}
