/** Makes several deliveries of one. */
import type { OperatorFunction } from 'rxjs';
import { check, checkOptions, FUNCTION } from '../options.js';
import { pool } from '../flow/operators/pool.js';
import { STAGE_RULES, type StageOptions } from '../flow/stageOptions.js';
import type { Delivery } from './delivery.js';

/** Options of `splitDelivery`. */
export type SplitDeliveryOptions<T> = StageOptions<Delivery<T>>;

/**
 * Gives on a delivery for each of the values that `project` makes of a message; the message is settled when all of them are.
 *
 * Use it for a message that is a list of things to do one by one: the lines of an order, the rows of a file. Not where the parts are many
 * and slow: the message is leased until the last of them is done, and comes again as a whole when one of them is nacked.
 *
 * What has to be done again wins: a part that was nacked over one that was released, that over a dead letter, and that over those acked.
 * A message of no parts is acked. Order: as they come, the parts of one before those of the next. It takes a message only when there is demand,
 * and the next when the parts of that have gone. Loss: none. When `project` throws, the delivery is released and the stream ends with what
 * was thrown. Unsubscribing releases the parts that are left.
 *
 * ```ts
 * import { createDelivery, pull, splitDelivery } from 'sluice';
 *
 * const delivery = createDelivery(['milk', 'eggs'], { info: { id: '1' }, settle: ({ kind }) => console.log(kind) });
 * pull([delivery])
 *   .pipe(splitDelivery((lines) => lines))
 *   .subscribe((line) => {
 *     console.log(line.value);
 *     void line.ack();
 *   });
 * // => milk
 * // => eggs
 * // => ack
 * ```
 *
 * @param project called with the value and its delivery; returns an iterable, which is read at once
 * @throws OptionError at the call when an argument is wrong
 */
export function splitDelivery<T, R>(
  project: (value: T, delivery: Delivery<T>) => Iterable<R>,
  options: SplitDeliveryOptions<T> = {},
): OperatorFunction<Delivery<T>, Delivery<R>> {
  check('project', FUNCTION, project, 'splitDelivery');
  checkOptions('splitDelivery', options, STAGE_RULES);
  const { name = 'splitDelivery' } = options;
  const split = (delivery: Delivery<T>): Rest<R> => new Rest(delivery.split(project(delivery.value, delivery)));
  return pool(split, { ...options, name, concurrency: 1, waiting: 0 });
}

/** Parts that are read one by one; those that are left are released when it is let go. */
class Rest<R> implements Iterable<Delivery<R>>, Iterator<Delivery<R>, undefined> {
  private place = 0;

  constructor(private readonly parts: readonly Delivery<R>[]) {}

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Delivery<R>, undefined> {
    const value = this.parts[this.place++];
    return value === undefined ? { done: true, value } : { done: false, value };
  }

  return(): IteratorResult<Delivery<R>, undefined> {
    for (const part of this.parts.slice(this.place)) void part.release();
    return { done: true, value: undefined };
  }
}
