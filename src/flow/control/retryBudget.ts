/** A bound on retries: a part of the calls. */
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { RetryBudgetState } from '../../core/retryBudget.js';
import { checkOptions, SCHEDULER, type Rule } from '../../options.js';
import { SteadyTime } from '../steadyTime.js';

/** Options of `retryBudget`. */
export interface RetryBudgetOptions {
  /** Retries for each call, on average over ten seconds. A number of at least 0. Default: 0.1. */
  ratio?: number | undefined;
  /** Retries a second that are always allowed, for where there are few calls. A number of at least 0. Default: 1. */
  minPerSecond?: number | undefined;
  /** The clock. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
}

const PART: Rule = [
  'a finite number of at least 0',
  (value: unknown) => Number.isFinite(value) && (value as number) >= 0,
];

/**
 * A budget for retries that pools share: when most calls fail, most are not tried again, and what is broken gets the room to recover.
 *
 * Use one for each thing that is called, in every pool that calls it. Without one, three attempts make three times the load on something
 * that is overloaded already, and it may never come back. A call for which there is no budget fails with its error.
 *
 * Source: Finagle's retry budget; Google SRE book, chapter 22.
 *
 * ```ts
 * import { exponential, pool, pull, retryBudget } from 'sluice';
 *
 * const budget = retryBudget({ ratio: 0.1, minPerSecond: 1 });
 * const retry = { attempts: 3, backoff: exponential({ base: 10 }), budget };
 * pull(['a'])
 *   .pipe(pool(async (id) => `${id} sent`, { concurrency: 2, retry }))
 *   .subscribe((result) => console.log(result));
 * // => a sent
 * ```
 *
 * @throws OptionError at the call when an option is wrong
 */
export function retryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  checkOptions('retryBudget', options, { ratio: PART, minPerSecond: PART, scheduler: SCHEDULER });
  const { ratio = 0.1, minPerSecond = 1, scheduler = asyncScheduler } = options;
  return new RetryBudget(new RetryBudgetState({ ratio, minPerSecond, ttl: 10_000 }), new SteadyTime(scheduler));
}

/** What `retryBudget` returns. */
export class RetryBudget {
  /** Use `retryBudget`, which checks its options. */
  constructor(
    private readonly state: RetryBudgetState,
    private readonly time: SteadyTime,
  ) {}

  /** Notes a call, its first attempt. */
  called(): void {
    this.state.called(this.time.now());
  }

  /** Whether there may be a retry now, which is noted. */
  tryRetry(): boolean {
    return this.state.tryRetry(this.time.now());
  }
}
