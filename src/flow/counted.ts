/** The half of a stage that counts: its ledger, its drops, and what a monitor is told. */
import { asyncScheduler, Subscriber, type SchedulerLike } from 'rxjs';
import { tellDropped } from './dropped.js';
import { SteadyTime } from './steadyTime.js';
import type { Drop, DropReason, Ledger, StageOptions, StageProbe } from './stageOptions.js';
import { reportUnhandled } from './unhandled.js';

export abstract class Counted<In> extends Subscriber<In> {
  readonly name: string;
  /** The scheduler's time, which never runs backwards. */
  protected readonly time: SteadyTime;
  protected arrived = 0;
  protected delivered = 0;
  protected gone = false;
  /** Values dropped as `cancelled` that a worker had begun on. */
  abandoned = 0;
  /** Told of what happens, where there is a monitor that wants to know. */
  protected probe: StageProbe | undefined;
  private dropped = 0;
  private readonly reasons: Partial<Record<DropReason, number>> = {};
  private readonly onDrop: ((drop: Drop) => void) | undefined;

  constructor(options: StageOptions & { readonly name: string }) {
    super();
    this.name = options.name;
    this.onDrop = options.onDrop;
    this.time = new SteadyTime(options.scheduler ?? asyncScheduler);
    this.probe = undefined;
  }

  /** Inside a callback it counts a value that is just arriving as held: it has neither left nor been dropped. */
  get ledger(): Ledger {
    const { name: stage, arrived, delivered: out, dropped } = this;
    return { stage, in: arrived, out, dropped, reasons: { ...this.reasons }, held: arrived - out - dropped };
  }

  /** The clock and timer that the user gave. */
  protected get scheduler(): SchedulerLike {
    return this.time.scheduler;
  }

  /** True once the output is closed. */
  protected get released(): boolean {
    return this.gone;
  }

  /** Counts `values` that arrived as out, where `pass` gave on what became of them. */
  protected countOut(values: number): void {
    this.delivered += values;
  }

  /** Counts and reports a value that leaves otherwise than by the output. */
  protected drop(value: unknown, reason: DropReason, age = 0, begun = false): void {
    this.dropped++;
    if (begun && reason === 'cancelled') this.abandoned++;
    this.reasons[reason] = (this.reasons[reason] ?? 0) + 1;
    if (reason === 'merged') return;
    try {
      if (this.onDrop !== undefined || this.probe !== undefined) this.reportDrop(value, reason, age, begun);
    } finally {
      tellDropped(value, reason); // after `onDrop`, which may have decided what becomes of it
    }
  }

  private reportDrop(value: unknown, reason: DropReason, age: number, begun: boolean): void {
    const { name: stage } = this;
    const drop: Drop = begun ? { value, reason, stage, age, begun } : { value, reason, stage, age };
    this.probe?.dropped(drop);
    try {
      this.onDrop?.(drop);
    } catch (error) {
      if (!this.gone) throw error; // to the error channel
      reportUnhandled(error);
    }
  }

  /**
   * When a value arrived that is to be held. Reading the clock costs more than the rest, so it is read only where somebody wants to know: for
   * the rest it is a mark of the monitor's where that measures the value, which is less than -1, and otherwise -1.
   */
  protected arrivalTime(): number {
    return this.keepsTimes ? this.time.now() : this.arrivalMark();
  }

  /** The same for a value that is not held, and can not be dropped. */
  protected arrivalMark(): number {
    return this.probe?.sampling === true ? this.probe.mark() : -1;
  }

  /** The age of a value that arrived at `time`; 0 if that is not known. */
  protected ageSince(time: number): number {
    return time < 0 ? 0 : this.time.now() - time;
  }

  /** Notes that a value that arrived at `since` waits no longer. */
  protected waited(since: number): void {
    const { probe } = this;
    if (probe === undefined || since === -1) return;
    if (since < 0) probe.waited(probe.since(since));
    else if (probe.sampling) probe.waited(this.time.now() - since);
  }

  /** The times of all values are kept, not those of samples only. */
  private get keepsTimes(): boolean {
    return this.onDrop !== undefined || this.probe?.wantsAges === true;
  }
}

/** What a monitor's `add` returned, where that is a probe: an arrow function may return anything. */
export function probeFrom(returned: unknown): StageProbe | undefined {
  return typeof (returned as StageProbe | undefined)?.arrived === 'function' ? (returned as StageProbe) : undefined;
}
