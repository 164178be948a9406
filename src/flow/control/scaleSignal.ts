/** How many consumers the work needs: for scaling processes from outside. */
import { asyncScheduler, Observable, type SchedulerLike } from 'rxjs';
import { LittleLaw } from '../../core/littleLaw.js';
import { SteadyClock } from '../../core/steadyClock.js';
import { ReturnError } from '../../errors.js';
import {
  checkOptions,
  checkRange,
  COUNT,
  DURATION,
  FUNCTION,
  POSITIVE,
  required,
  SCHEDULER,
  shown,
} from '../../options.js';
import type { ConcurrencyRule, ConcurrencyWatcher, PoolFigures, ScaledPool } from '../concurrency.js';
import { SteadyTime } from '../steadyTime.js';
import { Timer } from '../timer.js';
import { PoolWatcher, type ConcurrencyControl } from './poolWatcher.js';

/** Options of `scaleSignal`. */
export interface ScaleSignalOptions {
  /** Calls that one consumer runs at once. An integer of at least 1. Required. */
  concurrency: number;
  /** Consumers at most. An integer of at least `min`. Required. */
  max: number;
  /** Consumers at least. An integer of at least 1. Default: 1. */
  min?: number | undefined;
  /**
   * This consumer's part of what waits outside: the depth of the queue it reads, divided by the consumers that read it. A number of at
   * least 0. Default: nothing.
   */
  backlog?: (() => number) | undefined;
  /** Milliseconds in which what waits is to be worked off. Above 0. Default: 10,000. */
  drainWithin?: number | undefined;
  /** Milliseconds over which the rate of arrivals is averaged. Above 0. Default: 5,000. */
  smoothing?: number | undefined;
  /** Milliseconds for which fewer must have been enough before fewer are wanted. Above 0. Default: 60,000. */
  stabilise?: number | undefined;
  /** Milliseconds between two looks at the pool. Above 0. Default: 1,000. */
  every?: number | undefined;
  /** The clock and timer of `value$`; a pool's looks go by that of the pool. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
}

/**
 * Tells how many consumers like this one the work needs: a number for what starts and stops processes (KEDA, a Kubernetes HPA, a script).
 *
 * Give it to a pool as its `concurrency`, and publish `load`, or follow `value$`. Not inside one process: that is `elastic`; and not both, for
 * two loops that answer the same wave answer it twice.
 *
 * It goes by the rate of arrivals times the time of a call, and by what waits; the depth of a queue alone says nothing about either, and makes
 * processes come and go. A consumer sees its own part of the arrivals: of one consumer `value` is the number wanted, of several it is the
 * sum of their `load`, rounded up. A pool that always has more to do says so: with more than fits, `load` is above 1.
 *
 * Source: Little's law with square-root staffing, as in `elastic`.
 *
 * ```ts
 * import { pool, pull, scaleSignal } from 'sluice';
 *
 * const scale = scaleSignal({ concurrency: 8, max: 20 });
 * pull(['a', 'b'])
 *   .pipe(pool(async (id) => id, { concurrency: scale }))
 *   .subscribe({ complete: () => console.log(scale.value) });
 * // => 1
 * ```
 *
 * @returns the rule for the pool's `concurrency`, with the numbers; pools that run at the same time are worth the highest of their numbers
 * @throws OptionError at the call when an option is wrong
 * @throws ReturnError in the stream when `backlog` returns no number of at least 0
 */
export function scaleSignal(options: ScaleSignalOptions): ScaleSignal {
  checkOptions('scaleSignal', options, {
    concurrency: required(COUNT),
    max: required(COUNT),
    min: POSITIVE,
    backlog: FUNCTION,
    drainWithin: DURATION,
    smoothing: DURATION,
    stabilise: DURATION,
    every: DURATION,
    scheduler: SCHEDULER,
  });
  const { min = 1, max } = options;
  checkRange(min, max, 'scaleSignal');
  return new Signal(options, min);
}

/** What `scaleSignal` returns. */
export interface ScaleSignal extends ConcurrencyRule {
  /** The consumers wanted, from `min` to `max`, as one consumer sees it. */
  readonly value: number;
  /**
   * The same as a fraction, with no regard to `min`: 0.4 is work for less than half a consumer. The sum over all consumers is how many are
   * wanted.
   */
  readonly load: number;
  /** `value` at once, and then each time it has changed; looks every `every` milliseconds while it is subscribed. Does not end. */
  readonly value$: Observable<number>;
}

class Signal implements ScaleSignal {
  readonly max: number;
  readonly value$: Observable<number>;
  private readonly controls: ScaleControl[] = [];

  constructor(
    private readonly options: ScaleSignalOptions,
    private readonly min: number,
  ) {
    this.max = options.concurrency;
    const { every = 1_000, scheduler = asyncScheduler } = options;
    this.value$ = new Observable((subscriber) => {
      let known: number | undefined;
      const time = new SteadyTime(scheduler);
      const timer = new Timer(time, () => look());
      const look = (): void => {
        timer.set(time.now() + every);
        const { value } = this;
        if (value === known) return;
        known = value;
        subscriber.next(value);
      };
      subscriber.add(() => timer.set(Infinity));
      look();
    });
  }

  /** A stream that was subscribed again goes on with what is known of it. */
  attach(pool: ScaledPool): ConcurrencyWatcher {
    let control = this.controls.find(({ ended }) => ended);
    if (control === undefined) this.controls.push((control = new ScaleControl(this.options, pool)));
    control.begin(pool);
    return new PoolWatcher(pool, control);
  }

  get value(): number {
    return Math.min(this.options.max, Math.max(this.min, Math.ceil(this.load)));
  }

  get load(): number {
    for (const control of this.controls) if (control.ended) control.rest();
    return Math.max(0, ...this.controls.map(({ calls }) => calls)) / this.options.concurrency;
  }
}

/** Leaves a pool its concurrency, and works out how many calls at once there should be. */
class ScaleControl implements ConcurrencyControl {
  readonly limit: number;
  readonly interval: number;
  calls: number = 0;
  private readonly law: LittleLaw;
  /** Of one watcher after another each begins its time anew; this one is for all of them. */
  private readonly clock: SteadyClock;
  private arrived = 0;

  constructor(
    private readonly options: ScaleSignalOptions,
    private pool: ScaledPool & { readonly closed?: boolean },
  ) {
    const { concurrency, max, drainWithin = 10_000, smoothing = 5_000, stabilise = 60_000, every = 1_000 } = options;
    this.limit = concurrency;
    this.interval = every;
    this.clock = new SteadyClock(pool.now());
    this.law = new LittleLaw({ min: 1, max: max * concurrency, drainWithin, smoothing, stabilise });
  }

  get atRest(): boolean {
    return this.calls <= 1;
  }

  begin(pool: ScaledPool): void {
    this.pool = pool;
    this.arrived = 0;
  }

  /** A pool's stage is a subscriber: that is closed from the source's end on, and then there may still be values in it. */
  get ended(): boolean {
    return this.pool.closed === true && this.pool.figures().held === 0;
  }

  look({ arrived, waiting, running }: PoolFigures): void {
    this.law.arrived(arrived - this.arrived);
    this.arrived = arrived;
    this.decide(waiting + this.backlog(), running);
  }

  /** The pool is no more, and does not look by itself. */
  rest(): void {
    this.decide(0, 0);
  }

  private decide(waiting: number, running: number): void {
    this.calls = this.law.decide(this.clock.at(this.pool.now()), waiting, running);
  }

  sample(time: number): void {
    this.law.served(time);
  }

  private backlog(): number {
    const backlog: unknown = this.options.backlog?.() ?? 0;
    if (typeof backlog === 'number' && backlog >= 0) return backlog;
    throw new ReturnError(
      'scaleSignal',
      backlog,
      `\`backlog\` returned ${shown(backlog)}, expected a number of at least 0`,
    );
  }
}
