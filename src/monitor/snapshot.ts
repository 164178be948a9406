/** What a monitor tells about the stages at one moment. */
import type { DropReason } from '../flow/stageOptions.js';

/** How some measured times are spread, in milliseconds; percentiles are right to 1 %, and to a thousandth of a millisecond. */
export interface Percentiles {
  /** How many were measured, in the window: some of all, where there are many. */
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Where the time of a stage went. Together they are the time since the stage began. */
export interface StageTime {
  /** It did all it could. Of a pool that could do more: that part of the workers that ran. */
  readonly busy: number;
  /** It had something that nobody downstream asked for. */
  readonly blocked: number;
  /** It waited for values. */
  readonly starved: number;
}

/** One stage at one moment. Counts are since the stage began, over all subscriptions of that name, one after another. */
export interface StageSnapshot {
  /** Its name. */
  readonly stage: string;
  /** False once its stream has ended, until the same name is subscribed again. */
  readonly active: boolean;
  /** The name of the stage after it, through RxJS's own operators; undefined for the last. */
  readonly feeds: string | undefined;
  /** The name of the stage before it, where that feeds several: the ring of a `broadcast`; otherwise undefined. */
  readonly fedBy: string | undefined;
  /** Values that arrived: `in = out + dropped + held`. */
  readonly in: number;
  /** Values that left by the output. */
  readonly out: number;
  /** Values that were dropped. */
  readonly dropped: number;
  /** The same by reason. */
  readonly reasons: Readonly<Partial<Record<DropReason, number>>>;
  /** Values in the stage. */
  readonly held: number;
  /** Values, or units of cost, that it holds at most; undefined where it does not say. */
  readonly capacity: number | undefined;
  /** Values that it asks its source for. */
  readonly requested: number;
  /** Values that arrived in a second, over the window. */
  readonly inRate: number;
  /** Values that left by the output in a second, over the window. */
  readonly outRate: number;
  /** Where its time went: milliseconds of each second, over the window. */
  readonly perSecond: StageTime;
  /** The same since it began, in milliseconds. */
  readonly total: StageTime;
  /** Milliseconds of each second in which it was up to something that no more went through, over the window. */
  readonly limits: {
    /** To the stage itself: it had more than it could work on, and could give on what it did. */
    readonly itself: number;
    /** To what comes before it: it could have begun with another value. */
    readonly before: number;
    /** To what comes after it: nobody asked for a value. */
    readonly after: number;
  };
  /** What it waits for when it is the limit, in words: `its workers`, `tokens`. */
  readonly waitsFor: string | undefined;
  /** How long values waited before they left, or before a worker took them, over the window; undefined where none was measured. */
  readonly wait: Percentiles | undefined;
  /** How long calls of a pool's worker took, over the window; undefined where none was measured. */
  readonly service: Percentiles | undefined;
  /** Of a pool: calls that run, values that wait for a worker, calls that may run at once, and the part of these that ran over the window, 0 to 1. */
  readonly pool:
    | {
        readonly running: number;
        readonly waiting: number;
        readonly concurrency: number;
        readonly utilisation: number;
      }
    | undefined;
}

/** All stages of a monitor at one moment, those nearest to the source first. */
export interface Snapshot {
  /** Milliseconds since the monitor was made, on the scheduler's clock; they never run backwards. */
  readonly at: number;
  /** How many milliseconds `perSecond`, rates and percentiles are about. */
  readonly window: number;
  /**
   * Milliseconds of each second in which the event loop was busy, over the window: it ran code or collected garbage. As Node counts it, with the
   * default scheduler; elsewhere the time by which timers were late.
   */
  readonly loopBusy: number;
  readonly stages: readonly StageSnapshot[];
}
