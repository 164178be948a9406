import { ReturnError } from '../errors.js';
import { shown } from '../options.js';
import type { SteadyTime } from './steadyTime.js';

/**
 * The time after which `value` is of no more use, by the user's `deadline`, which is a time on the scheduler's clock, `Infinity` for never. What is
 * left of it is told now, so that a clock that is set back later prolongs nothing.
 */
export function expiryOf<T>(
  stage: string,
  value: T,
  deadline: ((value: T) => number) | undefined,
  time: SteadyTime,
): number {
  if (deadline === undefined) return Infinity;
  const at: unknown = deadline(value);
  if (typeof at === 'number' && !Number.isNaN(at)) return time.now() + at - time.scheduler.now();
  throw new ReturnError(stage, at, `\`deadline\` returned ${shown(at)}, expected a time in milliseconds`);
}
