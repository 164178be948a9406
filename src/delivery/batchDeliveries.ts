/** Gathers deliveries, for work that costs less a message when it is done for many. */
import { map, Observable, type OperatorFunction } from 'rxjs';
import { SourceError } from '../errors.js';
import { checkOptions, DURATION, required, shown } from '../options.js';
import { costOf } from '../flow/cost.js';
import { batch, batchRules, type BatchOptions } from '../flow/operators/batch.js';
import { blame, isDelivery, leaseOf, type Delivery } from './delivery.js';
import type { Lease } from './lease.js';
import { mergeDeliveries } from './mergeDeliveries.js';

/** Options of `batchDeliveries`: those of `batch`, whose `cost` is asked of the delivery. */
export interface BatchDeliveriesOptions<T> extends BatchOptions<Delivery<T>> {
  /**
   * How many milliseconds after its first message a batch goes though it is not full, as soon as downstream has room. Above 0. Required: where few
   * messages come, or the queue gives out fewer than fill a batch, those in it would wait for ever.
   */
  within: number;
}

/**
 * Gives on deliveries of up to `size` values each, after `within` milliseconds at the latest: what becomes of one becomes of all that are in it.
 *
 * Use it before a `handle` that writes or sends many at once. Not where one bad message is likely: it has the others tried again with it.
 *
 * The leases of what waits in a batch are extended. A batch
 * has a key only where all in it have the same, and the `ids` of all: note what was done by these, for it is never the same twice. Order: as they come. Loss: none. Unsubscribing releases what is in the batch.
 *
 * ```ts
 * import { batchDeliveries, createDelivery, handle, pull } from 'sluice';
 *
 * const delivery = (id: string) =>
 *   createDelivery(id, { info: { id }, settle: ({ kind }) => console.log(id, kind) });
 * pull(['a', 'b', 'c'].map(delivery))
 *   .pipe(batchDeliveries({ size: 2, within: 100 }), handle((ids) => console.log('insert', ids), { concurrency: 1 }))
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
 * @throws ReturnError in the stream when `cost` returns no cost; that delivery is nacked, as it is when `cost` throws, the others are released
 * @throws SourceError in the stream when the source gives anything but deliveries; those in the batch are released
 */
export function batchDeliveries<T>(options: BatchDeliveriesOptions<T>): OperatorFunction<Delivery<T>, Delivery<T[]>> {
  checkOptions('batchDeliveries', options, { ...batchRules(), within: required(DURATION) });
  const { name = 'batchDeliveries', cost } = options;
  const named = { ...options, name };
  const gather = batch<Delivery<T>>(typeof cost === 'function' ? { ...named, cost: blaming(name, cost) } : named);
  return (source) =>
    new Observable((subscriber) => {
      const kept = new Kept();
      subscriber.add(() => kept.clear());
      const whole = (deliveries: Delivery<T>[]): Delivery<T[]> => {
        const delivery = merged(name, deliveries);
        for (const each of deliveries) kept.remove(each);
        return delivery;
      };
      source
        .pipe(
          map((delivery) => kept.add(delivery)),
          gather,
          map(whole),
        )
        .subscribe(subscriber);
    });
}

/** What waits in a batch is being worked on: it is to be handled with the others. */
class Kept {
  private readonly leases = new Set<Lease>();

  add<D>(delivery: D): D {
    if (isDelivery(delivery)) {
      const lease = leaseOf(delivery);
      lease.keep();
      this.leases.add(lease);
    }
    return delivery;
  }

  remove(delivery: Delivery<unknown>): void {
    const lease = leaseOf(delivery);
    lease.letGo();
    this.leases.delete(lease);
  }

  clear(): void {
    for (const lease of this.leases) lease.letGo();
    this.leases.clear();
  }
}

/** A `cost` that fails for a message would fail for it for ever. */
function blaming<T>(name: string, cost: (delivery: Delivery<T>) => number): (delivery: Delivery<T>) => number {
  return (delivery) => {
    try {
      return costOf(name, delivery, cost);
    } catch (error) {
      if (isDelivery(delivery)) blame(delivery, error);
      throw error;
    }
  };
}

function merged<T>(name: string, deliveries: Delivery<T>[]): Delivery<T[]> {
  const real = deliveries.filter(isDelivery);
  if (real.length === deliveries.length) return mergeDeliveries(deliveries);
  for (const delivery of real) void delivery.release();
  const other = deliveries.find((delivery) => !isDelivery(delivery));
  throw new SourceError(`\`${name}\` got ${shown(other)}, expected a delivery: see createDelivery`);
}
