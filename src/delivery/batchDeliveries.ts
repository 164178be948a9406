/** Gathers deliveries, for work that costs less a message when it is done for many. */
import { map, type OperatorFunction } from 'rxjs';
import { batch, type BatchOptions } from '../flow/operators/batch.js';
import type { Delivery } from './delivery.js';
import { mergeDeliveries } from './mergeDeliveries.js';

/** Options of `batchDeliveries`: those of `batch`, whose `cost` is asked of the delivery. */
export type BatchDeliveriesOptions<T> = BatchOptions<Delivery<T>>;

/**
 * Gives on deliveries of up to `size` values each, after `within` milliseconds at the latest: what becomes of one becomes of all that are in it.
 *
 * Use it before a `handle` that writes or sends many at once. Not where one bad message is likely: it has the others tried again with it.
 *
 * Keep `within` far below the queue's visibility timeout: what waits in a batch is not being handled, and its lease is not extended. A batch
 * has a key only where all in it have the same, and the `ids` of all: note what was done by these, for it is never the same twice. Order: as they come. Loss: none. Unsubscribing releases what is in the batch.
 *
 * ```ts
 * import { batchDeliveries, createDelivery, handle, pull } from 'sluice';
 *
 * const delivery = (id: string) =>
 *   createDelivery(id, { info: { id }, settle: ({ kind }) => console.log(id, kind) });
 * pull(['a', 'b', 'c'].map(delivery))
 *   .pipe(batchDeliveries({ size: 2 }), handle((ids) => console.log('insert', ids), { concurrency: 1 }))
 *   .subscribe();
 * // => insert [ 'a', 'b' ]
 * // => a ack
 * // => b ack
 * // => insert [ 'c' ]
 * // => c ack
 * ```
 *
 * @returns an operator; each subscription has a batch of its own
 * @throws OptionError at the call when an option is wrong
 */
export function batchDeliveries<T>(options: BatchDeliveriesOptions<T>): OperatorFunction<Delivery<T>, Delivery<T[]>> {
  const gather = batch<Delivery<T>>({ name: 'batchDeliveries', ...options });
  return (source) =>
    source.pipe(
      gather,
      map((deliveries) => mergeDeliveries(deliveries)),
    );
}
