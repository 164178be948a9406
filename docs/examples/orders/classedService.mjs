// The order service with customers of four classes: each order gets an invoice, a mail and an SMS, and its answer when all is done, or 503
// when it had to give way. Run as a process of its own: `classedService.mjs <mail port> <sms port>`.
// @ts-check
import { Agent, createServer, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { Subject } from 'rxjs';
import { elastic, pool, rateLimit, shed, slidingWindow } from 'sluice';
import { createMonitor } from 'sluice/monitor';
import { threads } from 'sluice/threads';
import { CLASSES } from './classes.mjs';

/**
 * @typedef {{ id: number, item: string, email: string, class: string }} Order
 * @typedef {Order & { pdf: Uint8Array }} Invoiced
 * @typedef {{ received: number, done: number, shed: Record<string, number> }} Counts
 */

const [mailPort, smsPort] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true });
/** @type {Record<string, Counts>} */
const counts = Object.fromEntries(CLASSES.map(({ name }) => [name, { received: 0, done: 0, shed: {} }]));
const priorities = new Map(CLASSES.map(({ name, priority }) => [name, priority]));
/** How the customer of an order is answered, while it is in work. @type {Map<number, (status: number) => void>} */
const waiting = new Map();
let bytes = 0;

/** @param {number | undefined} port @param {string | Uint8Array} body @returns {Promise<void>} */
function post(port, body) {
  return new Promise((resolve, reject) => {
    const sending = httpRequest({ agent, port, host: '127.0.0.1', method: 'POST' }, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`port ${port} answered ${response.statusCode}`));
      });
    });
    sending.on('error', reject).end(body);
  });
}

const monitor = createMonitor();

/** @param {Order} order @param {number} status */
function answer({ id }, status) {
  waiting.get(id)?.(status);
  waiting.delete(id);
}

const invoices = threads(new URL('./invoice.mjs', import.meta.url), { max: 2 });
/**
 * The provider allows 100 in any second of its own. Those that are on their way when such a second begins arrive in it besides those that are
 * sent in it: with 8 at a time, 92 may be sent. The millisecond is for what a clock of whole milliseconds does not show.
 */
const SMS_AT_ONCE = 8;
const provider = slidingWindow({ limit: 100 - SMS_AT_ONCE, per: 1_001 });

/** @type {Subject<Order>} */
const orders = new Subject();
const done = new Promise((resolve, reject) => {
  orders
    .pipe(
      shed({
        name: 'admission',
        capacity: 100,
        priority: (order) => priorities.get(order.class) ?? 0,
        maxAge: 2_000,
        onDrop: ({ value, reason }) => {
          const order = /** @type {Order} */ (value);
          const { shed } = /** @type {Counts} */ (counts[order.class]);
          shed[reason] = (shed[reason] ?? 0) + 1;
          answer(order, 503);
        },
        monitor,
      }),
      pool(invoices, { name: 'invoices', concurrency: 2, waiting: 0, monitor }),
      pool(
        async (/** @type {Invoiced} */ order) => {
          bytes += order.pdf.length;
          await post(mailPort, order.pdf);
          return order;
        },
        {
          name: 'mail',
          concurrency: elastic({ min: 2, max: 40, smoothing: 1_000, stabilise: 4_000, every: 250 }),
          monitor,
        },
      ),
      rateLimit({ name: 'sms quota', limiter: provider, monitor }),
      pool(
        async (/** @type {Invoiced} */ order) => {
          await post(smsPort, `Your ${order.item} is on its way`);
          return order;
        },
        { name: 'sms', concurrency: SMS_AT_ONCE, waiting: 0, monitor },
      ),
    )
    .subscribe({
      next: (order) => {
        /** @type {Counts} */ (counts[order.class]).done++;
        answer(order, 200);
      },
      error: reject,
      complete: () => resolve(undefined),
    });
});

let ending = false;
const server = createServer(async (request, response) => {
  const order = /** @type {Order} */ (JSON.parse(await text(request)));
  if (ending) return void response.writeHead(503, { connection: 'close' }).end(); // it came on a connection that was open
  /** @type {Counts} */ (counts[order.class]).received++;
  waiting.set(order.id, (status) => response.writeHead(status, status === 503 ? { 'retry-after': '1' } : {}).end());
  orders.next(order);
});

const report = () => ({ classes: counts, bytes, snapshot: monitor.snapshot() });

server.listen(0, '127.0.0.1', () => process.send?.({ address: server.address() }));
const reporting = setInterval(() => process.send?.({ report: report() }), 250);
process.on('message', async () => {
  clearInterval(reporting);
  ending = true;
  server.close();
  orders.complete();
  await done; // what was admitted is done
  process.send?.({ final: report() });
});
process.on('disconnect', () => process.exit());
