/** A pool that grows and shrinks with its work. */
import { LittleLaw } from '../../core/littleLaw.js';
import { checkOptions, checkRange, DURATION, POSITIVE, required } from '../../options.js';
import type { ConcurrencyRule, PoolFigures } from '../concurrency.js';
import { PoolWatcher, type ConcurrencyControl } from './poolWatcher.js';

/** Options of `elastic`. */
export interface ElasticOptions {
  /** Calls that may always run at once. An integer of at least 1, or `Infinity`. Required. */
  min: number;
  /** Calls that ever run at once. An integer of at least `min`, or `Infinity`. Required. */
  max: number;
  /** Milliseconds in which what waits is to be worked off. Above 0. Default: 1,500. */
  drainWithin?: number | undefined;
  /** Milliseconds over which the rate of arrivals is averaged. Above 0. Default: 4,000. */
  smoothing?: number | undefined;
  /** Milliseconds for which fewer must have been enough before it shrinks. Above 0. Default: 15,000. */
  stabilise?: number | undefined;
  /** Milliseconds between two looks at the pool. Above 0. Default: 500. */
  every?: number | undefined;
}

/**
 * As many calls at once as the arrivals need: their rate times how long a call takes, a margin for chance, and what it takes to work off
 * what waits.
 *
 * Use it as the `concurrency` of a pool whose work comes in waves (requests, messages) and whose workers cost something while they are
 * idle: connections, threads, memory. Not for finding out what the other side can bear: that is `adaptive`. Behind a source that always has
 * more (`pull` of a file) there is no wave to follow: it goes to `max`, twice as many in each look.
 *
 * It grows at the look that sees the need, at most to twice as many or by 4, and shrinks when fewer have been enough for `stabilise`.
 * Where all calls run and most waiting places are taken, arrivals are as many as calls end, and say nothing of what there is upstream: then
 * it grows by as much as it may. Only idle workers go: what runs is never cut. The first call of a worker is not measured, for it may have
 * waited until that had started up. An idle pool of `min` has no timer; a larger one has, until it has shrunk, and keeps a process of
 * Node's alive as long.
 *
 * Source: Little's law with square-root staffing (Halfin and Whitt), scale-down by the highest need in a window as in Kubernetes.
 *
 * ```ts
 * import { elastic, pool, pull } from 'sluice';
 *
 * pull([1, 2, 3])
 *   .pipe(pool(async (n) => n * 2, { concurrency: elastic({ min: 1, max: 50 }), order: 'source' }))
 *   .subscribe((n) => console.log(n));
 * // => 2
 * // => 4
 * // => 6
 * ```
 *
 * @throws OptionError at the call when an option is wrong
 */
export function elastic(options: ElasticOptions): ConcurrencyRule {
  checkOptions('elastic', options, {
    min: required(POSITIVE),
    max: required(POSITIVE),
    drainWithin: DURATION,
    smoothing: DURATION,
    stabilise: DURATION,
    every: DURATION,
  });
  const { min, max } = options;
  checkRange(min, max, 'elastic');
  return { max, attach: (pool) => new PoolWatcher(pool, new ElasticControl(options)) };
}

class ElasticControl implements ConcurrencyControl {
  limit: number;
  readonly interval: number;
  readonly skipsFirst: boolean = true;
  private readonly law: LittleLaw;
  private arrived = 0;

  constructor(private readonly options: ElasticOptions) {
    const { min, max, drainWithin = 1_500, smoothing = 4_000, stabilise = 15_000, every = 500 } = options;
    this.limit = min;
    this.interval = every;
    this.law = new LittleLaw({ min, max, drainWithin, smoothing, stabilise });
  }

  get atRest(): boolean {
    return this.limit === this.options.min;
  }

  look({ now, arrived, waiting, running, room }: PoolFigures): void {
    this.law.arrived(arrived - this.arrived);
    this.arrived = arrived;
    this.limit = this.law.decide(now, waiting, running, running >= this.limit && room <= waiting);
  }

  sample(time: number): void {
    this.law.served(time);
  }
}
