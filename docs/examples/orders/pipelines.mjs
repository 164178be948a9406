// The same pipeline twice: with sluice, which can say "full", and with RxJS alone, whose queue has no bound.
// @ts-check
import { filter, map, mergeMap, Subject } from 'rxjs';
import { boundedBuffer, boundedQueue, pool } from 'sluice';
import { createMonitor } from 'sluice/monitor';

/**
 * @typedef {{ id: number, email?: string, item: string, at: number }} Order
 * @typedef {Order & { subject: string }} Mail
 * @typedef {{
 *   offer: (order: Order) => 'accepted' | 'full' | 'closed',
 *   waiting: () => number,
 *   finish: () => Promise<void>,
 *   snapshot: () => import('sluice/monitor').Snapshot | undefined,
 * }} Pipeline
 */

/** What happens to each order before it is mailed; an order without an address is rejected. */
const prepare = (/** @type {(order: Order) => void} */ reject) => [
  filter((/** @type {Order} */ order) => {
    if (order.email === undefined) reject(order);
    return order.email !== undefined;
  }),
  map((/** @type {Order} */ order) => ({ ...order, subject: `Your ${order.item}` })),
];

/**
 * @param {(mail: Mail, signal?: AbortSignal) => Promise<void>} send
 * @param {(order: Order) => void} reject
 * @returns {Pipeline}
 */
export function withSluice(send, reject) {
  const monitor = createMonitor();
  const queue = boundedQueue({ capacity: 100, name: 'orders', monitor });
  const [validate, enrich] = prepare(reject);
  const done = new Promise((resolve, fail) => {
    queue
      .pipe(
        /** @type {any} */ (validate),
        /** @type {any} */ (enrich),
        boundedBuffer({ capacity: 50, name: 'ready', monitor }),
        pool((mail, { signal }) => send(/** @type {Mail} */ (mail), signal), {
          concurrency: 8,
          waiting: 0,
          name: 'mail',
          monitor,
        }),
      )
      .subscribe({ error: fail, complete: () => resolve(undefined) });
  });
  return {
    offer: (order) => queue.offer(order),
    waiting: () => monitor.snapshot().stages.reduce((sum, stage) => sum + stage.held, 0),
    finish: async () => {
      queue.complete();
      await done; // all that was accepted is sent
    },
    snapshot: () => monitor.snapshot(),
  };
}

/**
 * @param {(mail: Mail) => Promise<void>} send
 * @param {(order: Order) => void} reject
 * @returns {Pipeline}
 */
export function withMergeMap(send, reject) {
  const orders = new Subject();
  let inside = 0;
  const [validate, enrich] = prepare((order) => {
    inside--;
    reject(order);
  });
  const subscription = orders
    .pipe(
      /** @type {any} */ (validate),
      /** @type {any} */ (enrich),
      mergeMap((mail) => send(/** @type {Mail} */ (mail)), 8),
    )
    .subscribe(() => inside--);
  return {
    offer: (order) => {
      inside++;
      orders.next(order);
      return 'accepted'; // it never says no
    },
    waiting: () => inside,
    finish: async () => subscription.unsubscribe(), // nobody waits for a queue of any length: what is in it is lost
    snapshot: () => undefined,
  };
}
