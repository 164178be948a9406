/** All stages of a monitor, and what it tells of them. */
import { asyncScheduler, Observable, Subject, type SchedulerLike } from 'rxjs';
import { check, expected, STRING } from '../options.js';
import type { Drop, MonitoredStage, StageMonitor, StageProbe } from '../flow/stageOptions.js';
import { SteadyTime } from '../flow/steadyTime.js';
import { bottleneckOf, type Bottleneck } from './bottleneck.js';
import type { Snapshot } from './snapshot.js';
import { StageRecord, type RecordOwner } from './stageRecord.js';
import { StageWindow, STARVED } from './stageWindow.js';
import type { Stall } from './stalls.js';
import { LoopMeter } from './loopMeter.js';
import { Stopwatch } from './stopwatch.js';
import { Ticker } from './ticker.js';

/** Options of `createMonitor`. */
export interface MonitorOptions {
  /** How many milliseconds rates, shares of time and percentiles are about: from half of it up to all. At least 100. Default: 10,000. */
  window?: number | undefined;
  /** Milliseconds between two snapshots of `changes$` at least. Above 0. Default: 1,000. */
  every?: number | undefined;
  /** Milliseconds after which a stage that has work and room, and does not move, is told to `stalls$`. Above 0, or `Infinity`. Default: 30,000. */
  stallAfter?: number | undefined;
  /** The clock and timer; that of the stages. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
}

/** What `createMonitor` returns. */
export class Monitor implements StageMonitor {
  /** A snapshot at once, and another whenever something has changed, `every` milliseconds after the last. */
  readonly changes$: Observable<Snapshot>;
  /** Each value that a stage drops, those that were merged excepted. Values that came before the first subscriber have the age 0. */
  readonly drops$: Observable<Drop>;
  /** Stages that stand still, and operators between stages that flood or starve. */
  readonly stalls$: Observable<Stall>;

  private readonly records = new Map<string, StageRecord>();
  private readonly changes = new Subject<Snapshot>();
  private readonly drops = new Subject<Drop>();
  private readonly stalls = new Subject<Stall>();
  private readonly time: SteadyTime;
  private readonly every: number;
  private readonly stallAfter: number;
  private readonly ticker: Ticker;
  private readonly owner: RecordOwner;
  /** The event loop, as if it were a stage. */
  private readonly loop: StageWindow;
  private readonly loopMeter: LoopMeter;
  private tickedAt: number;
  /** Stages at work. */
  private active = 0;
  /** How often a stage came, ended or was forgotten. */
  private turns = 0;
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
    this.loop = new StageWindow(window, this.tickedAt, NONE);
    this.loopMeter = new LoopMeter(scheduler);
    this.ticker = new Ticker(this.time, (now, late) => this.tick(now, late));
    const { drops } = this;
    this.owner = {
      time: this.time,
      stopwatch: new Stopwatch(clockOf(this.time)),
      window,
      stallAfter,
      get wantsAges() {
        return drops.observed;
      },
      wake: () => this.wake(),
      released: (record) => this.released(record),
      dropped: (drop) => drops.next(drop),
    };
    this.changes$ = new Observable((subscriber) => {
      subscriber.next(this.snapshot());
      return this.changes.subscribe(subscriber);
    });
    this.drops$ = new Observable((subscriber) => {
      const subscription = drops.subscribe(subscriber);
      this.noteAges();
      return () => {
        subscription.unsubscribe();
        this.noteAges();
      };
    });
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
    this.active++;
    this.turns++;
    this.link(record);
    this.wake();
    return record;
  }

  /** Removes the figures of a stage that has ended. @returns false when there is none, or it is at work */
  forget(stage: string): boolean {
    if (this.records.get(stage)?.stage !== undefined || !this.records.delete(stage)) return false;
    this.turns++;
    if (this.changes.observed) this.wake();
    return true;
  }

  /** What all stages have done up to now. In it `in = out + dropped + held` holds for each. */
  snapshot(): Snapshot {
    const now = this.time.now();
    if (this.ticker.asleep) this.catchUp(now);
    this.look(now);
    if (this.active > 0 && this.countMoved() !== this.moved) this.wake(); // it moved in its sleep
    const stages = [...this.records.values()].sort((a, b) => this.depthOf(b) - this.depthOf(a));
    return {
      at: now,
      window: this.loop.lengthAt(now),
      loopBusy: 1_000 * this.loop.mean('busy'),
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
    if (ms > 0) this.addLoop(this.loopMeter.busy(late, ms), now);
    this.look(now);
    const moved = this.countMoved();
    const rests = moved === this.moved;
    if (!rests) {
      this.moved = moved;
      this.movedAt = now;
      this.changed = true;
    }
    const { every, stallAfter } = this;
    const still = now - this.movedAt > (stallAfter === Infinity ? STILL : stallAfter);
    const waits = this.changed && this.changes.observed && now - this.changeTold < every;
    const sleeps = rests && !waits && (still || this.holdsNothing());
    if (sleeps) this.sleep(); // before anybody is told: what they do may wake it again
    this.watchStalls(now);
    if (this.changed && (sleeps || now - this.changeTold >= every)) this.tellChange(now);
    return !sleeps;
  }

  /** Notes what the stage of `record` feeds. Most stages come after the one they feed, and keep it; consumers of a queue come and go. */
  private link(record: StageRecord): void {
    const after = this.recordAfter(record.stage!);
    if (after === undefined || after.stalls === record.fed) return;
    record.feeds = after;
    record.fed = after.stalls;
    const feeders = [...this.records.values()].filter(({ feeds, stage }) => feeds === after && stage !== undefined);
    after.stalls?.fedBy(feeders.length === 1 ? record.stage : undefined, this.time.now());
  }

  /** The record of the next stage of this monitor that `stage` feeds. */
  private recordAfter(stage: MonitoredStage): StageRecord | undefined {
    for (let next: Partial<MonitoredStage> = stage; next.downstream !== undefined;) {
      next = next.downstream;
      const record = this.records.get(next.name ?? '');
      if (record?.stage === next) return record;
    }
    return undefined;
  }

  private look(now: number): void {
    for (const record of this.records.values()) {
      record.look(now);
      if (record.stage !== undefined) this.link(record);
    }
  }

  private watchStalls(now: number): void {
    for (const { stalls } of this.records.values()) stalls?.look(now).forEach((stall) => this.stalls.next(stall));
  }

  private wake(): void {
    if (!this.ticker.asleep) return;
    this.catchUp(this.time.now());
    this.ticker.wake();
  }

  private released(record: StageRecord): void {
    if (record.stage === undefined) return;
    this.link(record); // a queue may have got its consumer just now
    record.end();
    this.active--;
    this.turns++;
    if (this.active > 0) return this.wake();
    this.look(this.time.now());
    this.sleep();
    if (this.changes.observed) this.wake();
  }

  private sleep(): void {
    this.ticker.stop();
    for (const record of this.records.values()) record.slept();
  }

  /** Nothing has changed in its sleep: what the stages did then they did all the time. */
  private catchUp(now: number): void {
    for (const record of this.records.values()) record.accountFor(now);
    this.loopMeter.skip();
    this.addLoop(0, now);
  }

  private addLoop(share: number, now: number): void {
    this.loop.add({ ...STARVED, busy: share, starved: 1 - share }, now - this.tickedAt, now, NONE);
    this.tickedAt = now;
  }

  private noteAges(): void {
    for (const record of this.records.values()) record.wantsAges = this.drops.observed;
  }

  private countMoved(): number {
    let count = this.turns;
    for (const { totals } of this.records.values()) count += totals.in + totals.out + totals.dropped;
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
/** Milliseconds after which it looks no more at stages in which nothing moves. */
const STILL = 30_000;

/** The default scheduler counts whole milliseconds only. */
function clockOf(time: SteadyTime): () => number {
  return time.scheduler === asyncScheduler ? () => performance.now() : () => time.now();
}
