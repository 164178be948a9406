/** Notes what happens in a run, and when, in virtual time. */
import { setImmediate as turn } from 'node:timers/promises';
import type { SchedulerLike } from 'rxjs';
import { VirtualTime } from 'sluice/testing';
import type { Mark, Note, Row } from './draw.js';

/** Every duration of a run is a multiple of this, in milliseconds. */
const STEP = 5;

/** A run in the making: its clock, and the rows that are noted. */
export class Recording {
  readonly rows: RecordedRow[] = [];
  private readonly time = new VirtualTime();

  get scheduler(): SchedulerLike {
    return this.time.scheduler;
  }

  /** A row below the others. */
  row(label: string, detail = '', places = 1): RecordedRow {
    const row = new RecordedRow(label, detail, places, () => this.time.now);
    this.rows.push(row);
    return row;
  }

  after(ms: number, act: () => void): void {
    this.scheduler.schedule(act, ms);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Moves the clock until nothing waits for it. Between two steps promises and streams do all they can. */
  async play(): Promise<void> {
    for (await turn(); this.time.pending > 0; await turn()) this.time.advanceBy(STEP);
  }
}

/** One row: each method notes something that happens now. */
export class RecordedRow implements Row {
  readonly marks: Mark[] = [];
  /** Values that are held or worked on. */
  private readonly open = new Map<number, Extract<Mark, { until: number }>>();

  constructor(
    readonly label: string,
    readonly detail: string,
    readonly places: number,
    private readonly now: () => number,
  ) {}

  get busy(): boolean {
    return this.open.size > 0;
  }

  value(value: number, note?: Note): void {
    this.marks.push({ kind: 'value', at: this.now(), value, ...(note && { note }) });
  }

  request(): void {
    this.marks.push({ kind: 'request', at: this.now() });
  }

  complete(): void {
    this.marks.push({ kind: 'complete', at: this.now() });
  }

  /** From now on `value` is held, or worked on. */
  start(value: number, kind: 'held' | 'work'): void {
    const span = { kind, at: this.now(), until: this.now(), value };
    this.open.set(value, span);
    this.marks.push(span);
  }

  stop(value: number, note?: Note): void {
    const span = this.open.get(value);
    if (span === undefined) throw new Error(`${this.label}: ${value} stops, but did not start`);
    this.open.delete(value);
    span.until = this.now();
    if (note) span.note = note;
  }
}
