/** Changes the values that deliveries carry. */
import { map, type OperatorFunction } from 'rxjs';
import { check, FUNCTION } from '../options.js';
import { blame, type Delivery } from './delivery.js';

/**
 * Gives on each delivery with the value that `project` makes of its own: whoever settles that settles the message.
 *
 * Use it to parse, pick or enrich what a message says before it is handled. Not for work that takes time or can fail for a while: that is
 * for `handle`.
 *
 * Order: as they come. Loss: none. When `project` throws, the delivery is nacked with the error, and the stream ends with what was thrown: a
 * message that can not be mapped comes again, and ends the stream again, until its attempts are over. Catch what may be wrong in it, and
 * dead-letter it by `delivery.deadLetter`.
 *
 * ```ts
 * import { createDelivery, mapDelivery, pull } from 'sluice';
 *
 * const delivery = createDelivery('{"total":7}', { info: { id: '1' }, settle: ({ kind }) => console.log(kind) });
 * pull([delivery])
 *   .pipe(mapDelivery((text) => JSON.parse(text) as { total: number }))
 *   .subscribe((order) => {
 *     console.log(order.value.total);
 *     void order.ack();
 *   });
 * // => 7
 * // => ack
 * ```
 *
 * @param project called with the value and its delivery
 * @throws OptionError at the call when `project` is not a function
 */
export function mapDelivery<T, R>(
  project: (value: T, delivery: Delivery<T>) => R,
): OperatorFunction<Delivery<T>, Delivery<R>> {
  check('project', FUNCTION, project, 'mapDelivery');
  return map((delivery) => {
    try {
      return delivery.map((value) => project(value, delivery));
    } catch (error) {
      blame(delivery, error);
      throw error;
    }
  });
}
