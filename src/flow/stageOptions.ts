/** What users give to every stage, and what they see of it. */
import type { SchedulerLike } from 'rxjs';
import { FUNCTION, SCHEDULER, STRING, type Rule } from '../options.js';
import type { PoolFigures } from './concurrency.js';
import type { Demand } from './demand.js';

/**
 * Why a value was dropped: `overflow` (it arrived and there was no room), `evicted` (it made room for another), `expired`
 * (too old), `rate` (over the rate), `merged` (put into a held value by `merge`), `cancelled` (the stream ended first).
 */
export type DropReason = 'overflow' | 'evicted' | 'expired' | 'rate' | 'merged' | 'cancelled';

/** A value that left a stage other than by its output. */
export interface Drop<T = unknown> {
  /** The value. */
  readonly value: T;
  readonly reason: DropReason;
  /** The name of the stage that dropped it. */
  readonly stage: string;
  /** How long the stage had held it, in milliseconds. */
  readonly age: number;
  /** Only of a pool: a worker had begun on the value, and may have done some of its work. */
  readonly begun?: true;
}

/** What went through a stage so far. At every instant `in = out + dropped + held`. */
export interface Ledger {
  /** The name of the stage. */
  readonly stage: string;
  /** Values that arrived. */
  readonly in: number;
  /** Values that left by the output; a pool counts the values whose work and delivery is done, not results. */
  readonly out: number;
  /** Values that were dropped, for whatever reason. */
  readonly dropped: number;
  /** The same by reason; a reason that never occurred is absent. */
  readonly reasons: Readonly<Partial<Record<DropReason, number>>>;
  /** Values that are in the stage now. */
  readonly held: number;
}

/**
 * What a stage does at a moment: it is `starved` when it waits for values, `blocked` when it has something that nobody downstream
 * asks for, and `busy` when it does all it can: what goes on is up to the stage itself.
 */
export type Activity = 'starved' | 'blocked' | 'busy';

/** A stage at work, as a monitor sees it. */
export interface MonitoredStage {
  readonly name: string;
  /** Values that it would take now. */
  readonly requested: number;
  /** Values in the stage now. */
  readonly held: number;
  /** What went through it so far. */
  readonly ledger: Ledger;
  /** Values, or units of cost, that it holds at most. */
  readonly capacity?: number | undefined;
  /** What it does now. */
  readonly activity?: Activity | undefined;
  /** What it waits for where it is busy, in words that go on from "waits for": its workers, tokens. */
  readonly waitsFor?: string | undefined;
  /** The demand that it meets: the stage after it, where there is one. */
  readonly downstream?: Demand | undefined;
  /** The name of the stage before it, where that feeds several and so has no single demand. */
  readonly fedBy?: string | undefined;
  /** Of a pool: what runs, what waits, and how many calls may run at once. */
  figures?(): PoolFigures;
}

/** Somebody who wants to see stages at work. */
export interface StageMonitor {
  /**
   * Called once for each subscription, before its first value. What it throws fails the subscription.
   *
   * @returns a `StageProbe`, whom the stage tells what happens; anything else where what can be read of the stage is enough
   */
  add(stage: MonitoredStage): unknown;
}

/** What a stage tells its monitor. */
export interface StageProbe {
  /** True when the value that arrived last is one whose wait, and the call of a worker for it, is to be measured. */
  readonly sampling: boolean;
  /** True when each drop is to come with its age: then the stage notes when each value arrives. */
  readonly wantsAges: boolean;
  /** A value arrived. */
  arrived(): void;
  /** This moment, as an integer below -1. */
  mark(): number;
  /** The milliseconds that have passed since the moment of `mark`. */
  since(mark: number): number;
  /** A value waited so many milliseconds before it left, or before a worker took it. */
  waited(ms: number): void;
  /** A call of a worker took so many milliseconds. */
  served(ms: number): void;
  /** A value was dropped. */
  dropped(drop: Drop): void;
  /** The stage holds nothing any more: its output is closed. */
  released(): void;
}

/** The options that every stage takes, and the type of its values. */
export interface StageOptions<T = unknown> {
  /** What errors, drops and ledgers call the stage. Default: the operator's name. */
  name?: string | undefined;
  /** Called once for each value dropped, `merged` excepted (there the merge function has it). */
  onDrop?: OnDrop<T>['call'] | undefined;
  /** The clock and timer; pass a `TestScheduler` in tests. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
  /** Is given the stage of each subscription, to read its ledger while it works. Default: nobody. */
  monitor?: StageMonitor | undefined;
}

/**
 * A method, for the compiler lets the options of a stage of any `T` be those of a stage then: it drops only what it was given. `T` is not
 * inferred from it: one function may listen to drops of many types.
 */
interface OnDrop<T> {
  call(drop: Drop<NoInfer<T>>): void;
}

/** The rule of `scheduler`. */

/** The rules of those options, for `checkOptions`. */
export const STAGE_RULES: Record<keyof StageOptions, Rule> = {
  name: STRING,
  onDrop: FUNCTION,
  scheduler: SCHEDULER,
  monitor: ['a StageMonitor, with a method `add`', (value: StageMonitor | null) => typeof value?.add === 'function'],
};
