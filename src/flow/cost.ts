/** What a value costs, as the user's `cost` says. */
import { ReturnError } from '../errors.js';
import { shown } from '../options.js';

/**
 * What `value` costs, 1 where there is no `cost`; 0 is charged as 1, so that a bound on the cost is one on the number of values too.
 *
 * @throws ReturnError when `cost` gives anything but a finite number of at least 0
 */
export function costOf<T>(stage: string, value: T, cost: ((value: T) => number) | undefined): number {
  const units: unknown = cost === undefined ? 1 : cost(value);
  if (Number.isFinite(units) && (units as number) >= 0) return (units as number) || 1;
  throw new ReturnError(stage, units, `\`cost\` returned ${shown(units)}, expected a finite number of at least 0`);
}
