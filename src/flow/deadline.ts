import { ReturnError } from '../errors.js';
import { shown } from '../options.js';

/** When `value` is of no more use, by the user's `deadline`: a time on the scheduler's clock, `Infinity` for never. */
export function deadlineOf<T>(stage: string, value: T, deadline: ((value: T) => number) | undefined): number {
  const time: unknown = deadline === undefined ? Infinity : deadline(value);
  if (typeof time === 'number' && !Number.isNaN(time)) return time;
  throw new ReturnError(stage, time, `\`deadline\` returned ${shown(time)}, expected a time in milliseconds`);
}
