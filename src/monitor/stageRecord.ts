/** One stage of a monitor, over all its subscriptions. */
import { Stride } from '../core/stride.js';
import type { Drop, DropReason, Ledger, MonitoredStage, StageProbe } from '../flow/stageOptions.js';
import type { SteadyTime } from '../flow/steadyTime.js';
import type { StageSnapshot } from './snapshot.js';
import type { Stopwatch } from './stopwatch.js';
import { StageWindow, STARVED, type Shares } from './stageWindow.js';
import { StallWatch } from './stalls.js';

/** What the records of one monitor share. */
export interface RecordOwner {
  readonly time: SteadyTime;
  readonly stopwatch: Stopwatch;
  /** Milliseconds that figures are about. */
  readonly window: number;
  /** Milliseconds after which a stage that does not move stands still. */
  readonly stallAfter: number;
  /** Somebody wants to know how old values are that are dropped. */
  readonly wantsAges: boolean;
  /** Something happens: there is something to look at. */
  wake(): void;
  dropped(drop: Drop): void;
  /** The stage of `record` ends: it is to be told so (`end`). */
  released(record: StageRecord): void;
}

type Totals = Omit<Ledger, 'stage'>;

/**
 * States: *active* (its stage is at work) → *ended* (the figures stay) → active again, when the same name is subscribed anew: then it
 * goes on counting where it was.
 */
export class StageRecord implements StageProbe {
  sampling = false;
  wantsAges: boolean;
  /** The stage it watches; undefined once that has ended. */
  stage: MonitoredStage | undefined;
  /** Looks out for stalls, as long as the stage is at work. */
  stalls: StallWatch | undefined;
  /** The stage after it, as it was looked at last, and which of its subscriptions. */
  feeds: StageRecord | undefined;
  fed: StallWatch | undefined;
  /** The stage that it watches or watched last, until its ledger is added to `past`: it may still drop what was just arriving. */
  private counted: MonitoredStage | undefined;
  private past: Totals = NOTHING;
  private readonly total = { busy: 0, blocked: 0, starved: 0 };
  private readonly stats: StageWindow;
  private readonly stride = new Stride();
  /** Values until the next one that is measured; whether one was since it was looked at last. */
  private left = 1;
  private picked = false;
  private accountedTo: number;
  /** What it did when it was looked at last, and what it waited for when it was the limit last. */
  private shares: Shares = STARVED;
  private waitsFor: string | undefined;

  constructor(
    readonly name: string,
    private readonly owner: RecordOwner,
  ) {
    this.wantsAges = owner.wantsAges;
    this.accountedTo = owner.time.now();
    this.stats = new StageWindow(owner.window, this.accountedTo, this.past);
  }

  /** Begins to watch `stage`, the one before it having ended. */
  watch(stage: MonitoredStage): void {
    const { stallAfter, time } = this.owner;
    const now = time.now();
    this.settle();
    this.accountFor(now);
    this.stage = this.counted = stage;
    this.stalls = new StallWatch(stage, stallAfter, now);
  }

  /** Watches its stage no more. */
  end(): void {
    this.stage = this.stalls = this.fed = undefined;
  }

  arrived(): void {
    this.sampling = --this.left <= 0;
    if (this.sampling) this.pick();
  }

  private pick(): void {
    const { owner } = this;
    this.picked = true;
    this.left = this.stride.after(owner.time.now());
    owner.wake();
  }

  /** The next value is to wake the monitor. */
  slept(): void {
    this.left = 1;
  }

  mark(): number {
    return this.owner.stopwatch.mark();
  }

  since(mark: number): number {
    return this.owner.stopwatch.since(mark);
  }

  waited(ms: number): void {
    this.owner.wake(); // it may have been asleep meanwhile: the time is to count as that of now
    this.stats.waited(ms);
  }

  served(ms: number): void {
    this.owner.wake();
    this.stats.served(ms);
  }

  dropped(drop: Drop): void {
    this.owner.dropped(drop);
  }

  released(): void {
    this.owner.released(this);
  }

  /** What went through it, in all its subscriptions. */
  get totals(): Totals {
    return this.counted === undefined ? this.past : sum(this.past, this.counted.ledger);
  }

  /** Counts what passed since the last time with what the stage does now. */
  look(now: number): void {
    const { stage } = this;
    this.settle();
    this.shares = stage === undefined ? STARVED : sharesOf(stage);
    if (this.shares.itself > 0) this.waitsFor = stage!.waitsFor;
    if (!this.picked) this.left = 1; // after a burst the stride is too long for what comes now and then
    this.picked = false;
    this.accountFor(now);
  }

  /** Counts what passed since the last time with what the stage did then: nobody has looked since. */
  accountFor(now: number): void {
    const ms = now - this.accountedTo;
    if (ms <= 0) return;
    this.accountedTo = now;
    const { total, shares } = this;
    total.busy += shares.busy * ms;
    total.blocked += shares.blocked * ms;
    total.starved += shares.starved * ms;
    this.stats.add(shares, ms, now, this.totals);
  }

  snapshot(): StageSnapshot {
    const { stage, stats, totals } = this;
    const rates = stats.since(totals);
    const window = stats.lengthAt(this.accountedTo);
    const perSecond = (count: number): number => (window === 0 ? 0 : (count * 1_000) / window);
    const figures = stage?.figures?.();
    return {
      stage: this.name,
      active: stage !== undefined,
      feeds: this.feeds?.name,
      fedBy: stage?.fedBy,
      ...totals,
      capacity: stage?.capacity,
      requested: stage?.requested ?? 0,
      inRate: perSecond(rates.in),
      outRate: perSecond(rates.out),
      perSecond: {
        busy: 1_000 * stats.mean('busy'),
        blocked: 1_000 * stats.mean('blocked'),
        starved: 1_000 * stats.mean('starved'),
      },
      total: { ...this.total },
      limits: {
        itself: 1_000 * stats.mean('itself'),
        before: 1_000 * stats.mean('before'),
        after: 1_000 * stats.mean('after'),
      },
      waitsFor: stage && (this.waitsFor ?? stage.waitsFor),
      wait: stats.wait,
      service: stats.service,
      pool: figures && {
        running: figures.running,
        waiting: figures.waiting,
        concurrency: figures.concurrency,
        utilisation: stats.mean('used'),
      },
    };
  }

  /** Adds the ledger of a stage that has ended to what went before. */
  private settle(): void {
    if (this.counted === undefined || this.stage !== undefined) return;
    this.past = this.totals;
    this.counted = undefined;
  }
}

const NOTHING: Totals = { in: 0, out: 0, dropped: 0, reasons: {}, held: 0 };
/** Of a pool that has no more to do, the workers that run are busy; of one that is blocked too. */
function sharesOf(stage: MonitoredStage): Shares {
  const { activity = stage.held === 0 ? 'starved' : 'busy' } = stage;
  const figures = stage.figures?.();
  const used =
    figures === undefined || figures.concurrency === 0 ? 0 : Math.min(1, figures.running / figures.concurrency);
  const busy = activity === 'busy' ? 1 : used;
  return {
    busy,
    blocked: activity === 'blocked' ? 1 - busy : 0,
    starved: activity === 'starved' ? 1 - busy : 0,
    itself: activity === 'busy' ? 1 : 0,
    before: activity === 'starved' ? 1 : 0,
    after: (stage.downstream?.requested ?? (activity === 'blocked' ? 0 : 1)) > 0 ? 0 : 1,
    used,
  };
}

function sum(a: Totals, b: Totals): Totals {
  const reasons = { ...a.reasons };
  for (const [reason, count] of Object.entries(b.reasons) as [DropReason, number][]) {
    reasons[reason] = (reasons[reason] ?? 0) + count;
  }
  return { in: a.in + b.in, out: a.out + b.out, dropped: a.dropped + b.dropped, reasons, held: a.held + b.held };
}
