/** How long to wait before another attempt. */
import * as core from '../../core/backoff.js';
import { check, checkOptions, DURATION, required, type Rule } from '../../options.js';

/** What `exponential`, `decorrelated` and `fixed` return: the `backoff` of a pool's `retry`. */
export interface Backoff {
  /** Milliseconds to wait after attempt number `attempt`, counted from 1, having waited `previous` before that. */
  delay(attempt: number, previous: number, random: () => number): number;
}

/** Options of `exponential`. */
export interface ExponentialOptions {
  /** Milliseconds after the first attempt. Above 0. Required. */
  base: number;
  /** Milliseconds at most. Above 0. Default: 30,000. */
  max?: number | undefined;
  /** How much longer each wait is than the one before. A number of at least 1. Default: 2. */
  factor?: number | undefined;
  /** What chance does: anything up to that wait (`'full'`), the upper half of it (`'equal'`), or nothing. Default: `'full'`. */
  jitter?: 'full' | 'equal' | 'none' | undefined;
}

const FACTOR: Rule = [
  'a number of at least 1',
  (factor: unknown) => Number.isFinite(factor) && (factor as number) >= 1,
];
const JITTER: Rule = ["'full', 'equal' or 'none'", (jitter: string) => ['full', 'equal', 'none'].includes(jitter)];

/**
 * Waits twice as long each time, at random below that: many clients that failed together do not come back together.
 *
 * Use it for most things. Source: "full jitter" of Exponential Backoff And Jitter (AWS Architecture Blog).
 *
 * ```ts
 * import { exponential, pool, pull } from 'sluice';
 *
 * let calls = 0;
 * const flaky = async (id: number) => {
 *   if (++calls < 3) throw new Error('busy');
 *   return `${id} done in ${calls} attempts`;
 * };
 * pull([1])
 *   .pipe(pool(flaky, { concurrency: 1, retry: { attempts: 5, backoff: exponential({ base: 10 }) } }))
 *   .subscribe((result) => console.log(result));
 * // => 1 done in 3 attempts
 * ```
 *
 * @throws OptionError at the call when an option is wrong
 */
export function exponential(options: ExponentialOptions): Backoff {
  checkOptions('exponential', options, { base: required(DURATION), max: DURATION, factor: FACTOR, jitter: JITTER });
  const { base, max = 30_000, factor = 2, jitter = 'full' } = options;
  return { delay: core.exponential({ base, max, factor, jitter }) };
}

/** Options of `decorrelated`. */
export interface DecorrelatedOptions {
  /** Milliseconds at least. Above 0. Required. */
  base: number;
  /** Milliseconds at most. Above 0. Default: 30,000. */
  max?: number | undefined;
}

/**
 * Waits at random between `base` and three times the wait before.
 *
 * Use it where clients compete for long: waits spread more evenly than those of `exponential`, and never get shorter than `base`.
 * Source: "decorrelated jitter" of Exponential Backoff And Jitter (AWS Architecture Blog).
 *
 * @throws OptionError at the call when an option is wrong
 */
export function decorrelated(options: DecorrelatedOptions): Backoff {
  checkOptions('decorrelated', options, { base: required(DURATION), max: DURATION });
  const { base, max = 30_000 } = options;
  return { delay: core.decorrelated({ base, max }) };
}

/**
 * Waits the same each time.
 *
 * Use it where one client polls for something that takes a known time. Not for many clients: they would come back together.
 *
 * @param ms milliseconds, above 0
 * @throws OptionError at the call when `ms` is wrong
 */
export function fixed(ms: number): Backoff {
  check('ms', DURATION, ms, 'fixed');
  return { delay: core.fixed(ms) };
}
