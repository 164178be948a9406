// A service that stops gracefully: POST an order, get 202; after SIGTERM 503, and the process ends when what was accepted is done.
// Run as a process of its own: `service.mjs <done.log> <within>`. Each order that is done is a line of the log.
// @ts-check
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { boundedQueue, drain, pool } from 'sluice';

const [log = 'done.log', within = '10000'] = process.argv.slice(2);

/** @type {import('sluice').BoundedQueue<string>} */
const orders = boundedQueue({ capacity: 1_000 });
/** What was accepted and not done: hand it back to where it came from. @type {string[]} */
const back = [];
let stopping = false;

/** @param {string} order @param {{ signal: AbortSignal }} context */
async function handle(order, { signal }) {
  await sleep(20, undefined, { signal });
  appendFileSync(log, `${order}\n`);
}

const subscription = orders
  .pipe(pool(handle, { concurrency: 8, onDrop: ({ value }) => void back.push(value) }))
  .subscribe({ error: (error) => console.error(error) });

const STATUS = { accepted: 202, full: 429, closed: 503 };

const server = createServer(async (request, response) => {
  if (request.url === '/ready') {
    response.writeHead(stopping ? 503 : 200).end();
    return;
  }
  const order = await text(request).catch(() => undefined);
  if (order === undefined) return; // the client has gone
  const answer = orders.offer(order); // 'closed' from the drain on
  if (answer !== 'accepted') response.setHeader('retry-after', '1');
  if (answer === 'closed') response.setHeader('connection', 'close'); // the client is to connect again: to another process
  response.writeHead(STATUS[answer]).end();
});

async function stop() {
  if (stopping) return subscription.unsubscribe(); // a second signal: at once
  stopping = true;
  const draining = drain(subscription, { within: Number(within) });
  server.close();
  server.closeIdleConnections();
  process.send?.({ stopping });
  const { stages, ...receipt } = await draining;
  orders.subscribe((order) => back.push(order)); // those that nobody came to
  process.send?.({ receipt, back });
  server.closeAllConnections();
  process.exitCode = receipt.ended === 'error' ? 1 : 0;
  if (process.connected) process.disconnect();
}

process.on('SIGTERM', stop);
server.listen(0, '127.0.0.1', () => process.send?.({ address: server.address() }));
