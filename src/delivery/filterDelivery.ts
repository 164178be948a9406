/** Lets through the deliveries that one wants, and is done with the others. */
import { filter, type OperatorFunction } from 'rxjs';
import { check, FUNCTION } from '../options.js';
import { blame, type Delivery } from './delivery.js';

/**
 * Gives on the deliveries whose value `predicate` is for, and acks the others: nobody wants them, so they are done.
 *
 * Use it in the place of RxJS's `filter`, which forgets what it leaves out: such a message comes again when its lease has run out, and
 * again. Not to pick messages for one consumer of several: what is left out here is gone for all of the group.
 *
 * Order: as they come. Loss: what is left out, as you named it. When `predicate` throws, the delivery is nacked with the error, and the stream ends
 * with what was thrown.
 *
 * ```ts
 * import { createDelivery, filterDelivery, pull } from 'sluice';
 *
 * const delivery = (value: number) =>
 *   createDelivery(value, { info: { id: `${value}` }, settle: ({ kind }) => console.log(value, kind) });
 * pull([delivery(1), delivery(2)])
 *   .pipe(filterDelivery((n) => n % 2 === 0))
 *   .subscribe((even) => console.log('got', even.value));
 * // => 1 ack
 * // => got 2
 * ```
 *
 * @param predicate called with the value and its delivery; what it returns counts as true or false
 * @throws OptionError at the call when `predicate` is not a function
 */
export function filterDelivery<T, S extends T>(
  predicate: (value: T, delivery: Delivery<T>) => value is S,
): OperatorFunction<Delivery<T>, Delivery<S>>;
export function filterDelivery<T>(
  predicate: (value: T, delivery: Delivery<T>) => unknown,
): OperatorFunction<Delivery<T>, Delivery<T>>;
export function filterDelivery<T>(
  predicate: (value: T, delivery: Delivery<T>) => unknown,
): OperatorFunction<Delivery<T>, Delivery<T>> {
  check('predicate', FUNCTION, predicate, 'filterDelivery');
  return filter((delivery) => {
    let wanted: boolean;
    try {
      wanted = Boolean(predicate(delivery.value, delivery));
    } catch (error) {
      blame(delivery, error);
      throw error;
    }
    if (!wanted) void delivery.ack();
    return wanted;
  });
}
