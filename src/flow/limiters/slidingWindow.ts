/** The sliding window: a quota that holds wherever one begins to count. */
import type { SchedulerLike } from 'rxjs';
import { WindowLog } from '../../core/windowLog.js';
import { checkOptions, DURATION, required, SCHEDULER } from '../../options.js';
import { Limiter } from '../limiter.js';
import { RATE } from './tokenBucket.js';

/** Options of `slidingWindow`. */
export interface SlidingWindowOptions {
  /** What may be taken in any `per` milliseconds. A number above 0. Required. */
  limit: number;
  /** Milliseconds. Above 0. Required. */
  per: number;
  /** The clock and timer. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
}

/**
 * A quota of at most `limit` in any window of `per` milliseconds, wherever that begins.
 *
 * Use it for somebody else's quota that is counted so ("100 calls a minute, or you are locked out"). Otherwise use `tokenBucket`: it
 * spreads what it admits, and keeps one number for a key where this keeps the time of each call in the window.
 *
 * ```ts
 * import { slidingWindow } from 'sluice';
 *
 * const calls = slidingWindow({ limit: 3, per: 60_000 });
 * console.log(calls.tryTake(2).remaining, calls.tryTake(2).ok); // => 1 false
 * ```
 *
 * @throws OptionError at the call when an option is wrong
 */
export function slidingWindow(options: SlidingWindowOptions): Limiter {
  checkOptions('slidingWindow', options, { limit: required(RATE), per: required(DURATION), scheduler: SCHEDULER });
  return new Limiter(new WindowLog(options.limit, options.per), options.scheduler);
}
