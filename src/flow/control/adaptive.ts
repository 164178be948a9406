/** A pool that finds out how much the other side can bear. */
import { Aimd } from '../../core/aimd.js';
import { Vegas } from '../../core/vegas.js';
import { checkOptions, checkRange, DURATION, expected, FUNCTION, POSITIVE, required } from '../../options.js';
import type { ConcurrencyRule } from '../concurrency.js';
import { isOverload } from './overload.js';
import { PoolWatcher, type ConcurrencyControl } from './poolWatcher.js';

/** Options of `adaptive`. */
export interface AdaptiveOptions {
  /** Calls that may always run at once. An integer of at least 1, or `Infinity`. Default: 1. */
  min?: number | undefined;
  /** Calls that ever run at once. An integer of at least `min`, or `Infinity`. Required. */
  max: number;
  /** Calls at once to begin with. An integer from `min` to `max`. Default: 20, or what of that is between them. */
  initial?: number | undefined;
  /** Milliseconds that a call is to take at most. Above 0. With it the limit follows this number, not what calls took when idle. Default: none. */
  latencyTarget?: number | undefined;
  /**
   * Which outcomes say that the other side is overloaded: called with the error of a call that failed and, if it is given, with what each
   * promise came to. Default: timeouts, and errors with a `status` or `statusCode` of 429, 503 or 504.
   */
  isOverload?: ((outcome: unknown) => boolean) | undefined;
  /** Returns a number of at least 0 and below 1, for when to measure anew: not all clients at once. Default: `Math.random`. */
  random?: (() => number) | undefined;
}

/**
 * As many calls at once as the other side answers without queueing: the limit rises while calls take no longer than they do idle, and falls
 * when they do, or when the other side says that it is overloaded.
 *
 * Use it as the `concurrency` of a pool that calls something whose capacity you do not know, or that changes: another service, a database.
 * Not for local work that competes for this process: measure once, and write the number down. Where you have a latency to keep, say
 * `latencyTarget`: it is the more predictable rule.
 *
 * What runs is never cut when the limit falls. A worker that fails ends the stream unless the pool has `retry`, so give it that, or let the
 * worker return the failure and judge it by `isOverload`. Every 30 s the limit is halved for some 30 calls, to measure anew what they take
 * idle. A queue of less than a millisecond counts for none, for the default scheduler's clock has no parts of one: calls shorter than some
 * 5 ms may come to take one or two longer before the limit stops rising.
 *
 * Source: TCP Vegas as in Netflix's concurrency-limits, windowed, with a drained baseline; AIMD with `latencyTarget`.
 *
 * ```ts
 * import { adaptive, pool, pull } from 'sluice';
 *
 * pull(['a', 'b'])
 *   .pipe(pool(async (id) => `${id} ok`, { concurrency: adaptive({ max: 200 }), order: 'source' }))
 *   .subscribe((result) => console.log(result));
 * // => a ok
 * // => b ok
 * ```
 *
 * @throws OptionError at the call when an option is wrong
 */
export function adaptive(options: AdaptiveOptions): ConcurrencyRule {
  checkOptions('adaptive', options, {
    min: POSITIVE,
    max: required(POSITIVE),
    initial: POSITIVE,
    latencyTarget: DURATION,
    isOverload: FUNCTION,
    random: FUNCTION,
  });
  const { min = 1, max } = options;
  checkRange(min, max, 'adaptive');
  const { initial = Math.max(min, Math.min(20, max)) } = options;
  if (initial < min || initial > max) expected('initial', `an integer from ${min} to ${max}`, initial, 'adaptive');
  return { max, attach: (pool) => new PoolWatcher(pool, new AdaptiveControl({ ...options, min, initial })) };
}

class AdaptiveControl implements ConcurrencyControl {
  readonly interval: number = Infinity;
  readonly judgesResults: boolean;
  readonly isOverload: (outcome: unknown) => boolean;
  private readonly law: Vegas | Aimd;

  constructor(options: AdaptiveOptions & { readonly min: number; readonly initial: number }) {
    const { min, max, initial, latencyTarget } = options;
    this.judgesResults = options.isOverload !== undefined;
    this.isOverload = options.isOverload ?? isOverload;
    this.law =
      latencyTarget === undefined
        ? new Vegas({ min, max, initial }, options.random ?? Math.random)
        : new Aimd({ min, max, initial, latencyTarget });
  }

  get limit(): number {
    return this.law.limit;
  }

  sample(time: number, startedAt: number, now: number, running: number): void {
    this.law.sample(time, startedAt, now, running);
  }

  overloaded(now: number): void {
    this.law.dropped(now);
  }
}
