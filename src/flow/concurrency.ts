/** What decides how many calls of a pool run at once, while it works. */

/** What a pool tells about itself. */
export interface PoolFigures {
  /** Milliseconds of the scheduler's clock. */
  readonly now: number;
  /** Values that have arrived since the pool began. */
  readonly arrived: number;
  /** Values that wait for a worker. */
  readonly waiting: number;
  /** Calls that run. */
  readonly running: number;
  /** Calls that may run at once now. */
  readonly concurrency: number;
  /** All values in the pool. */
  readonly held: number;
  /** Values that it would take now. */
  readonly room: number;
}

/** A pool whose concurrency is set from outside. */
export interface ScaledPool {
  readonly name: string;
  figures(): PoolFigures;
  now(): number;
  resize(concurrency: number): void;
  /** Has `look` called after so many milliseconds. */
  lookIn(ms: number): void;
}

/** Where a call runs, as one who measures it needs it. */
export interface MeasuredSlot {
  /** When the call began, if its time is measured; otherwise -1. */
  startedAt: number;
}

/** A rule that `pool` takes as its `concurrency`: `elastic` and `adaptive` make them. */
export interface ConcurrencyRule {
  /** Calls that ever run at once. */
  readonly max: number;
  /** Begins to set the concurrency of a pool, which tells from then on what happens in it. */
  attach(pool: ScaledPool): ConcurrencyWatcher;
}

/** A rule at work in one pool. */
export interface ConcurrencyWatcher {
  /** A value came. */
  arrived(): void;
  /** A call began. */
  started(slot: MeasuredSlot): void;
  /** A call ended with `result`, where it had one. */
  ended(slot: MeasuredSlot, result?: unknown): void;
  /** A call failed with `error`. */
  failed(slot: MeasuredSlot, error: unknown): void;
  /** The time it had asked for has come. */
  look(): void;
}
