// The order service that loses nothing when it is killed: an order is answered 202 once it is on disk, and is mailed when its turn comes, in this life of
// the process or the next. Run as a process of its own: `durableService.mjs <database> <mail port>`.
// @ts-check
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { drain, exponential, handle } from 'sluice';
import { queue } from 'sluice/queue';
import { sqliteStore } from 'sluice/sqlite';

/** @typedef {{ id: number, item: string, email: string }} Order */

const [path = '', mailPort] = process.argv.slice(2);
const store = sqliteStore({ path });
const orders = /** @type {import('sluice/queue').Queue<Order>} */ (
  queue(store, 'orders', { capacity: 2_000, whenFull: 'error', visibilityTimeout: 2_000, maxAttempts: 3 })
);
const counts = { sent: 0, failed: 0, dead: 0 };

const mailing = orders
  .deliveries({ maxInFlight: 16 })
  .pipe(
    handle(
      async (order, { attempt, signal }) => {
        const body = JSON.stringify({ ...order, subject: `Your ${order.item}`, attempt });
        const response = await fetch(`http://127.0.0.1:${mailPort}`, { method: 'POST', body, signal });
        if (!response.ok) throw new Error(`the e-mail service answered ${response.status}`);
      },
      { concurrency: 8, timeout: 5_000, retry: exponential({ base: 100, max: 1_000, jitter: 'equal' }) },
    ),
  )
  .subscribe(({ outcome }) => counts[outcome === 'ack' ? 'sent' : outcome === 'dead' ? 'dead' : 'failed']++);

/** The order that a body holds; undefined where it is none: orders without an id would be taken for one. @param {string} body */
function orderIn(body) {
  try {
    const order = /** @type {Order | null} */ (JSON.parse(body));
    return order !== null && Number.isSafeInteger(order.id) ? order : undefined;
  } catch {
    return undefined;
  }
}

const server = createServer(async (request, response) => {
  try {
    const order = orderIn(await text(request));
    if (order === undefined) return void response.writeHead(400).end();
    await orders.publish(order, { dedupeId: String(order.id) });
    response.writeHead(202).end();
  } catch (error) {
    const full = /** @type {{ code?: string }} */ (error).code === 'SLUICE_QUEUE_FULL';
    response.writeHead(full ? 429 : 500, full ? { 'retry-after': '1' } : {}).end();
  }
});
server.listen(0, '127.0.0.1', () => process.send?.({ address: server.address() }));
const reporting = setInterval(async () => process.send?.({ report: { ...counts, ...(await orders.stats()) } }), 250);

process.on('message', async (message) => {
  if (message === 'dead letters') {
    const letters = [];
    for await (const { value, attempts, error } of orders.deadLetters.browse()) {
      letters.push({ id: value?.id, attempts, error: error?.split('\n')[0] });
    }
    process.send?.({ letters });
  } else if (message === 'redrive') {
    process.send?.({ redriven: await orders.deadLetters.redrive({ rate: 200 }) });
  } else {
    clearInterval(reporting);
    server.close();
    await drain(mailing, { within: 5_000 });
    process.send?.({ final: { ...counts, ...(await orders.stats()) } });
    await store.close();
  }
});
process.on('disconnect', () => process.exit());
