/** Refuses calls by itself while the other side refuses most: a soft circuit breaker. */
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { AdaptiveThrottle } from '../../core/adaptiveThrottle.js';
import { ThrottledError } from '../../errors.js';
import { check, checkOptions, DURATION, FUNCTION, SCHEDULER, type Rule } from '../../options.js';
import { SteadyTime } from '../steadyTime.js';
import { isOverload } from './overload.js';

/** Options of `throttleCalls`. */
export interface ThrottleCallsOptions {
  /** How many times what is accepted is still sent. A number above 1. Default: 2. */
  k?: number | undefined;
  /** Milliseconds over which calls are counted. Above 0. Default: 120,000. */
  window?: number | undefined;
  /**
   * Which errors say that the other side is overloaded. Default: timeouts, and errors with a `status` or `statusCode` of 429, 503 or 504.
   */
  isOverload?: ((error: unknown) => boolean) | undefined;
  /** The clock. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
}

const K: Rule = ['a number above 1', (k: unknown) => Number.isFinite(k) && (k as number) > 1];

/**
 * Wraps `call` so that, while the other side refuses most of the calls, a part of them fails here at once.
 *
 * Use it around calls to something that may be overloaded: it gets about `k` times what it accepts, and no more. Unlike a circuit breaker it
 * never closes altogether, so there is no half-open state in which all rush in. Not a limit for something healthy: that is `rateLimit`.
 *
 * A call is refused with the probability max(0, (requests − k × accepts) / (requests + 1)), counted over `window`, the refused ones included.
 *
 * Source: client-side throttling, Google SRE book, chapter 21.
 *
 * ```ts
 * import { throttleCalls } from 'sluice';
 *
 * const charge = throttleCalls(async (cents: number) => `charged ${cents}`);
 * console.log(await charge(100)); // => charged 100
 * ```
 *
 * @returns a function that calls `call`, with its own `this`, and rejects as it does
 * @throws OptionError at the call when an option is wrong
 * @throws ThrottledError by rejection, when a call is refused here
 */
export function throttleCalls<A extends unknown[], R>(
  call: (...args: A) => R | PromiseLike<R>,
  options: ThrottleCallsOptions = {},
): (...args: A) => Promise<R> {
  check('call', FUNCTION, call, 'throttleCalls');
  checkOptions('throttleCalls', options, { k: K, window: DURATION, isOverload: FUNCTION, scheduler: SCHEDULER });
  const { k = 2, window = 120_000, scheduler = asyncScheduler } = options;
  const refused = options.isOverload ?? isOverload;
  const throttle = new AdaptiveThrottle({ k, window, buckets: 40 });
  const time = new SteadyTime(scheduler);
  return async function (this: unknown, ...args) {
    const probability = throttle.rejectProbability(time.now());
    if (Math.random() < probability) {
      throttle.rejected(time.now());
      throw new ThrottledError(probability);
    }
    try {
      const result = await call.apply(this, args);
      throttle.called(time.now(), true);
      return result;
    } catch (error) {
      throttle.called(time.now(), !refused(error));
      throw error;
    }
  };
}
