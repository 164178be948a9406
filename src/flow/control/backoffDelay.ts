/** The wait that a `backoff` option gives. */
import { ReturnError } from '../../errors.js';
import { shown, type Rule } from '../../options.js';
import type { Backoff } from './backoff.js';

/** The rule of `backoff`. */
export const BACKOFF: Rule = [
  'exponential(…), decorrelated(…), fixed(…) or a function',
  (value: Backoff | null) => typeof value === 'function' || typeof value?.delay === 'function',
];

/** Milliseconds to wait after attempt number `attempt`, which failed with `error`, having waited `previous` before that. */
export function backoffDelay(
  stage: string,
  backoff: Backoff | ((attempt: number, error: unknown) => number),
  attempt: number,
  previous: number,
  error: unknown,
  random: () => number = Math.random,
  option = 'backoff',
): number {
  const delay: unknown =
    typeof backoff === 'function' ? backoff(attempt, error) : backoff.delay(attempt, previous, random);
  if (Number.isFinite(delay) && (delay as number) >= 0) return delay as number;
  throw new ReturnError(stage, delay, `\`${option}\` returned ${shown(delay)}, expected a finite number of at least 0`);
}
