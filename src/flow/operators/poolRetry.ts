/** When, and how often, a pool tries a call again. */
import { BOOLEAN, checkOptions, FUNCTION, POSITIVE, required, type Rule } from '../../options.js';
import type { Backoff } from '../control/backoff.js';
import { BACKOFF, backoffDelay } from '../control/backoffDelay.js';
import type { RetryBudget } from '../control/retryBudget.js';
import type { Call } from './poolCall.js';

/** Options of a pool's `retry`. */
export interface RetryOptions {
  /** Attempts in all, the first included. An integer of at least 1, or `Infinity`. Required. */
  attempts: number;
  /**
   * Milliseconds to wait: `exponential(…)`, `decorrelated(…)`, `fixed(…)`, or a function of the attempt that failed, counted from 1, and
   * its error. Required.
   */
  backoff: Backoff | ((attempt: number, error: unknown) => number);
  /** Which errors are worth another attempt: those for which it returns something truthy. Default: all. */
  when?: ((error: unknown, attempt: number) => boolean) | undefined;
  /** Bounds retries to a part of the calls; may be shared between pools. Default: none. */
  budget?: RetryBudget | undefined;
  /** With a `key`: whether later values of the key wait while a value of it is tried again. Default: true. */
  keepOrder?: boolean | undefined;
}

/** The rule of a budget. */
export const BUDGET: Rule = ['a retryBudget(…)', (value: RetryBudget | null) => typeof value?.tryRetry === 'function'];

/** The rule of `retry`, which checks the options in it. */
export const RETRY: Rule = [
  'an object',
  (options: RetryOptions) => {
    checkOptions('retry', options, {
      attempts: required(POSITIVE),
      backoff: required(BACKOFF),
      when: FUNCTION,
      budget: BUDGET,
      keepOrder: BOOLEAN,
    });
    return true;
  },
];

/**
 * Whether a call that failed is to be tried again: the milliseconds to wait first, undefined if it is not, `Infinity` if its deadline would have
 * passed by then. A call that gave a result is not tried again, for that result would come twice.
 */
export function retryDelay<T>(
  stage: string,
  options: RetryOptions,
  { context, details }: Call<T, unknown>,
  error: unknown,
): number | undefined {
  const { attempts, backoff, when, budget } = options;
  const { attempt, timeLeft } = context;
  if (details!.gave || attempt >= attempts || (when !== undefined && !when(error, attempt))) return undefined;
  const delay = backoffDelay(stage, backoff, attempt, details!.delay, error);
  if (delay >= timeLeft) return Infinity;
  if (budget !== undefined && !budget.tryRetry()) return undefined;
  return delay;
}
