/** A longer delay would go off at once; who set the timer looks at the time anyway, and sets it again. */
const LONGEST = 2_147_483_647;
/** Sums of fractions are off by a little: a delay so short that it moves no clock would have the timer set for ever. */
const SHORTEST = 1e-3;

/** The delay to give a timer that is to go off in `ms` milliseconds. */
export function timerDelay(ms: number): number {
  return ms <= 0 ? 0 : Math.min(LONGEST, Math.max(SHORTEST, ms));
}
