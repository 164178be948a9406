/** How long a message waits before it comes again. */
import type { Backoff } from '../flow/control/backoff.js';
import { backoffDelay } from '../flow/control/backoffDelay.js';

/** Waits that are drawn anew at most, to have the one before: by then a wait has become as long as it gets. */
const LOOKED_BACK = 32;

/**
 * Milliseconds after attempt number `attempt`, which failed with `error`. Nobody keeps how long the waits before it were: they are drawn anew.
 *
 * @param stage who asks, and by which `option`, for errors
 */
export function redeliveryDelay(
  stage: string,
  backoff: Backoff | ((attempt: number, error: unknown) => number),
  attempt: number,
  error: unknown,
  random: () => number,
  option?: string,
): number {
  if (typeof backoff === 'function') return backoffDelay(stage, backoff, attempt, 0, error, random, option);
  let delay = 0;
  for (let past = Math.max(1, attempt - LOOKED_BACK); past <= attempt; past++) {
    delay = backoffDelay(stage, backoff, past, delay, error, random, option);
  }
  return delay;
}
