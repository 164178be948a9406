/** What `createMonitor` returns. */
import { asyncScheduler, Observable, Subject } from 'rxjs';
import { check, expected, STRING } from '../options.js';
import type { Drop, MonitoredStage, StageMonitor, StageProbe } from '../flow/stageOptions.js';
import { SteadyTime } from '../flow/steadyTime.js';
import { bottleneckOf, type Bottleneck } from './bottleneck.js';
import type { MonitorOptions } from './createMonitor.js';
import type { Snapshot } from './snapshot.js';
import { StageRecord, type RecordOwner } from './stageRecord.js';
import { StageWindow, STARVED } from './stageWindow.js';
import { StallWatch, type Stall } from './stalls.js';
import { Ticker } from './ticker.js';

export class Monitor implements StageMonitor {
  /** A snapshot at once, and another whenever something has changed, `every` milliseconds after the last. */
  readonly changes$: Observable<Snapshot>;
  /** Each value that a stage drops, those that were merged excepted. Values that came before the first subscriber have the age 0. */
  readonly drops$: Observable<Drop>;
  /** Stages that stand still, and operators between stages that flood or starve. */
  readonly stalls$: Observable<Stall>;

  private readonly records = new Map<string, StageRecord>();
  private readonly watches = new Map<MonitoredStage, StallWatch>();
  private readonly changes = new Subject<Snapshot>();
  private readonly drops = new Subject<Drop>();
  private readonly stalls = new Subject<Stall>();
  private readonly time: SteadyTime;
  private readonly every: number;
  private readonly stallAfter: number;
  private readonly ticker: Ticker;
  private readonly owner: RecordOwner;
  /** How late ticks are, as the part of the time in which a stage would be busy. */
  private readonly lateness: StageWindow;
  private tickedAt: number;
  /** What has moved so far, and when that changed last. */
  private moved = 0;
  private movedAt: number;
  /** Something has changed since the last of `changes$`. */
  private changed = false;
  private changeTold = -Infinity;

  /** Use `createMonitor`, which checks its options. */
  constructor(options: MonitorOptions) {
    const { window = 10_000, every = 1_000, stallAfter = 30_000, scheduler = asyncScheduler } = options;
    this.every = every;
    this.stallAfter = stallAfter;
    this.time = new SteadyTime(scheduler);
    this.tickedAt = this.movedAt = this.time.now();
    this.lateness = new StageWindow(window, this.tickedAt, NONE);
    this.ticker = new Ticker(this.time, (now, late) => this.tick(now, late));
    const { drops } = this;
    this.owner = {
      time: this.time,
      window,
      get wantsDrops() {
        return drops.observed;
      },
      wake: () => this.wake(),
      dropped: (drop) => drops.next(drop),
    };
    this.changes$ = new Observable((subscriber) => {
      subscriber.next(this.snapshot());
      return this.changes.subscribe(subscriber);
    });
    this.drops$ = drops.asObservable();
    this.stalls$ = this.stalls.asObservable();
  }

  /** What stages call. */
  add(stage: MonitoredStage): StageProbe {
    const { name } = stage;
    let record = this.records.get(name);
    if (record?.stage !== undefined) {
      expected('name', 'another: a stage of that name is at work in this monitor', name);
    }
    if (record === undefined) this.records.set(name, (record = new StageRecord(name, this.owner)));
    record.watch(stage);
    this.watches.set(stage, new StallWatch(stage, this.stallAfter, this.time.now()));
    this.wake();
    return record;
  }

  /** Removes the figures of a stage that has ended. @returns false when there is none, or it is at work */
  forget(stage: string): boolean {
    return this.records.get(stage)?.stage === undefined && this.records.delete(stage);
  }

  /** What all stages have done up to now. In it `in = out + dropped + held` holds for each. */
  snapshot(): Snapshot {
    const now = this.time.now();
    if (this.ticker.asleep) this.catchUp(now);
    this.look(now);
    if (this.countMoved() !== this.moved) this.wake(); // it moved in its sleep
    const stages = [...this.records.values()].sort((a, b) => this.depthOf(b) - this.depthOf(a));
    return {
      at: now,
      window: this.lateness.lengthAt(now),
      loopBlocked: 1_000 * this.lateness.mean('busy'),
      stages: stages.map((record) => record.snapshot()),
    };
  }

  /**
   * What limits the pipeline, over the window.
   *
   * @param of the name of a stage: only its pipeline is looked at. Default: all, and what limits most.
   */
  bottleneck(of?: string): Bottleneck {
    if (of !== undefined) check('of', STRING, of, 'bottleneck');
    return bottleneckOf(this.snapshot(), of);
  }

  /** The same in one sentence: which stage limits, why, and what to do. */
  explain(of?: string): string {
    return this.bottleneck(of).sentence;
  }

  private tick(now: number, late: number): boolean {
    const ms = now - this.tickedAt;
    if (ms > 0) this.addLateness(late > USUAL ? Math.min(1, late / ms) : 0, now);
    this.look(now);
    const moved = this.countMoved();
    const rests = moved === this.moved;
    if (!rests) {
      this.moved = moved;
      this.movedAt = now;
      this.changed = true;
    }
    this.watchStalls(now);
    const { every, stallAfter } = this;
    const still = now - this.movedAt > (stallAfter === Infinity ? STILL : stallAfter);
    const sleeps = rests && (still || this.holdsNothing());
    if (this.changed && (sleeps || now - this.changeTold >= every)) this.tellChange(now);
    return !sleeps;
  }

  private look(now: number): void {
    const byStage = new Map<unknown, StageRecord>();
    for (const record of this.records.values()) if (record.stage !== undefined) byStage.set(record.stage, record);
    for (const record of this.records.values()) {
      record.look(now);
      if (record.stage !== undefined) record.feeds = stageAfter(record.stage, byStage);
    }
    for (const stage of this.watches.keys()) if (!byStage.has(stage)) this.watches.delete(stage);
  }

  private watchStalls(now: number): void {
    const feeders = new Map<StageRecord, StageRecord[]>();
    for (const record of this.records.values()) {
      const { feeds, stage } = record;
      if (stage !== undefined && feeds !== undefined) feeders.set(feeds, [...(feeders.get(feeds) ?? []), record]);
    }
    for (const record of this.records.values()) {
      if (record.stage === undefined) continue;
      const before = feeders.get(record);
      const feeder = before?.length === 1 ? before[0]!.stage : undefined;
      for (const stall of this.watches.get(record.stage)!.look(now, feeder)) this.stalls.next(stall);
    }
  }

  private wake(): void {
    if (!this.ticker.asleep) return;
    this.catchUp(this.time.now());
    this.ticker.wake();
  }

  /** Nothing has changed in its sleep: what the stages did then they did all the time. */
  private catchUp(now: number): void {
    for (const record of this.records.values()) record.accountFor(now);
    this.addLateness(0, now);
  }

  private addLateness(share: number, now: number): void {
    this.lateness.add({ ...STARVED, busy: share, starved: 1 - share }, now - this.tickedAt, now, NONE);
    this.tickedAt = now;
  }

  private countMoved(): number {
    let count = this.records.size;
    for (const { totals } of this.records.values()) count += totals.in + totals.out + totals.dropped;
    for (const { stage } of this.records.values()) count += stage === undefined ? 0 : 1;
    return count;
  }

  private holdsNothing(): boolean {
    for (const { totals } of this.records.values()) if (totals.held > 0) return false;
    return true;
  }

  private tellChange(now: number): void {
    this.changed = false;
    this.changeTold = now;
    if (this.changes.observed) this.changes.next(this.snapshot());
  }

  /** How many stages come after it. */
  private depthOf(record: StageRecord): number {
    let depth = 0;
    for (let next = record.feeds; next !== undefined && depth <= this.records.size; next = next.feeds) depth++;
    return depth;
  }
}

const NONE = { in: 0, out: 0 };
/** Milliseconds by which timers are late when nothing holds them up. */
const USUAL = 2;
/** Milliseconds after which it looks no more at stages in which nothing moves. */
const STILL = 30_000;

/** The record of the next stage of the monitor that `stage` feeds. */
function stageAfter(stage: MonitoredStage, records: ReadonlyMap<unknown, StageRecord>): StageRecord | undefined {
  for (let next: Partial<MonitoredStage> | undefined = stage; ;) {
    next = next.downstream as Partial<MonitoredStage> | undefined;
    if (next === undefined) return undefined;
    const record = records.get(next);
    if (record !== undefined) return record;
  }
}
