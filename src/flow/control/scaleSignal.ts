/** How many processes the work of a pool needs: for scaling from outside. */
import { asyncScheduler, Observable, type SchedulerLike } from 'rxjs';
import { LittleLaw } from '../../core/littleLaw.js';
import { checkOptions, DURATION, expected, FUNCTION, POSITIVE, required } from '../../options.js';
import type { PoolFigures } from '../concurrency.js';
import { SCHEDULER, type MonitoredStage, type StageMonitor } from '../stageOptions.js';
import { Timer } from '../timer.js';

/** Options of `scaleSignal`. */
export interface ScaleSignalOptions {
  /** Calls that one process runs at once: the pool's concurrency. An integer of at least 1. Required. */
  perProcess: number;
  /** Processes at most. An integer of at least `min`. Required. */
  max: number;
  /** Processes at least. An integer of at least 1. Default: 1. */
  min?: number | undefined;
  /** What waits outside of the pool: the depth of the queue it reads. Default: nothing. */
  backlog?: (() => number) | undefined;
  /** Milliseconds in which what waits is to be worked off. Above 0. Default: 10,000. */
  drainWithin?: number | undefined;
  /** Milliseconds between two looks, while `wanted$` is subscribed. Above 0. Default: 1,000. */
  every?: number | undefined;
  /** The clock and timer. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
}

/**
 * Tells how many processes like this one the work needs: a number for whatever starts and stops processes (KEDA, a Kubernetes HPA, a script).
 *
 * Give it to a pool as its `monitor`, and publish `wanted` as a metric, or follow `wanted$`. It goes by the rate of arrivals times the time
 * of a call, as `elastic` does inside one process, and by what waits; a queue's depth alone says nothing, and makes processes come and go.
 * With several processes it is each one's view of its own part of the arrivals: add up `wantedCalls` of all, or let the one that sees
 * the queue decide.
 *
 * ```ts
 * import { pool, pull, scaleSignal } from 'sluice';
 *
 * const scale = scaleSignal({ perProcess: 8, max: 20 });
 * pull(['a', 'b'])
 *   .pipe(pool(async (id) => id, { concurrency: 8, monitor: scale }))
 *   .subscribe({ complete: () => console.log(scale.wanted) });
 * // => 1
 * ```
 *
 * @returns a monitor with the numbers
 * @throws OptionError at the call when an option is wrong
 */
export function scaleSignal(options: ScaleSignalOptions): ScaleSignal {
  checkOptions('scaleSignal', options, {
    perProcess: required(POSITIVE),
    max: required(POSITIVE),
    min: POSITIVE,
    backlog: FUNCTION,
    drainWithin: DURATION,
    every: DURATION,
    scheduler: SCHEDULER,
  });
  const { min = 1, max } = options;
  if (max < min) expected('max', `an integer of at least \`min\`, which is ${min}`, max, 'scaleSignal');
  return new ScaleSignal({ ...options, min });
}

/** What `scaleSignal` returns. */
export class ScaleSignal implements StageMonitor {
  /** The processes wanted, at once and then whenever that changes. */
  readonly wanted$: Observable<number>;
  private readonly pools = new Set<Pool>();
  private readonly ended = { arrived: 0, done: 0 };
  private readonly law: LittleLaw;
  private readonly scheduler: SchedulerLike;
  private last: { readonly arrived: number; readonly done: number; readonly now: number } | undefined;
  private calls: number;

  /** Use `scaleSignal`, which checks its options. */
  constructor(private readonly options: ScaleSignalOptions & { readonly min: number }) {
    const { min, max, perProcess, drainWithin = 10_000, scheduler = asyncScheduler, every = 1_000 } = options;
    this.scheduler = scheduler;
    this.calls = min * perProcess;
    this.law = new LittleLaw({
      min: min * perProcess,
      max: max * perProcess,
      drainWithin,
      smoothing: 5_000,
      stabilise: 60_000,
    });
    this.wanted$ = new Observable((subscriber) => {
      let known: number | undefined;
      const look = (): void => {
        timer.set(this.scheduler.now() + every);
        const { wanted } = this;
        if (wanted === known) return;
        known = wanted;
        subscriber.next(wanted);
      };
      const timer = new Timer(this.scheduler, look);
      subscriber.add(() => timer.set(Infinity));
      look();
    });
  }

  /** The processes wanted now: looks at the pools. */
  get wanted(): number {
    return Math.ceil(this.wantedCalls / this.options.perProcess);
  }

  /** The calls wanted at once now: looks at the pools. */
  get wantedCalls(): number {
    this.look();
    return this.calls;
  }

  add(stage: MonitoredStage): void {
    if ('figures' in stage) this.pools.add(stage as Pool);
  }

  private look(): void {
    const now = this.scheduler.now();
    const { arrived, running, waiting, done } = this.sum();
    const { last } = this;
    if (last === undefined || now > last.now) {
      this.law.arrived(arrived - (last?.arrived ?? 0));
      const served = done - (last?.done ?? 0);
      // Little's law, for the time of a call: so many ran, for so long, for each that was done.
      if (last !== undefined && served > 0) this.law.served((running * (now - last.now)) / served);
      this.last = { arrived, done, now };
    }
    this.calls = this.law.decide(now, waiting + (this.options.backlog?.() ?? 0), running);
  }

  /** The figures of all pools; of those that have ended, what went through. */
  private sum(): { arrived: number; running: number; waiting: number; done: number } {
    const sum = { ...this.ended, running: 0, waiting: 0 };
    for (const pool of this.pools) {
      const { arrived, running, waiting, held } = pool.figures();
      const { out } = pool.ledger;
      sum.arrived += arrived;
      sum.done += out;
      sum.running += running;
      sum.waiting += waiting;
      if (!pool.closed || held > 0) continue;
      this.pools.delete(pool);
      this.ended.arrived += arrived;
      this.ended.done += out;
    }
    return sum;
  }
}

/** A pool's stage, which is a subscriber. */
type Pool = MonitoredStage & { readonly closed: boolean; figures(): PoolFigures };
