/** How long a message waits before it comes again. */
import type { Backoff } from '../flow/control/backoff.js';
import { backoffDelay } from '../flow/control/backoffDelay.js';

/** Waits that are drawn anew at most, to have the one before: by then a wait has become as long as it gets. */
const LOOKED_BACK = 32;

/** Milliseconds after attempt number `attempt`, which failed with `error`. No store keeps how long the waits before it were: they are drawn anew. */
export function redeliveryDelay(
  queue: string,
  backoff: Backoff | ((attempt: number, error: unknown) => number),
  attempt: number,
  error: unknown,
  random: () => number,
): number {
  if (typeof backoff === 'function') return backoffDelay(queue, backoff, attempt, 0, error);
  let delay = 0;
  for (let past = Math.max(1, attempt - LOOKED_BACK); past <= attempt; past++) {
    delay = backoffDelay(queue, backoff, past, delay, error, random);
  }
  return delay;
}
