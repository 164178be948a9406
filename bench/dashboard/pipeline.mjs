/** A pipeline under a load that changes, for the picture of the dashboard: it answers `GET /metrics` until it is ended. */
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { register } from 'prom-client';
import { Subject } from 'rxjs';
import { boundedBuffer, elastic, pool, rateLimit } from '../../dist/index.js';
import { createMonitor } from '../../dist/monitor.js';
import { prometheus } from '../../dist/prometheus.js';

/** Orders in a second, one number for each quarter of the time, and how long a mail takes in it, in milliseconds. */
const QUARTERS = [
  { orders: 60, mail: 25 },
  { orders: 60, mail: 110 },
  { orders: 220, mail: 25 },
  { orders: 60, mail: 25 },
];

const [seconds] = process.argv.slice(2).map(Number);
const began = Date.now();
const quarter = () => QUARTERS[Math.min(3, Math.floor((Date.now() - began) / (seconds * 250)))];

const monitor = createMonitor({ window: 4_000 });
prometheus(monitor);
const orders = new Subject();
orders
  .pipe(
    boundedBuffer({ name: 'inbox', capacity: 200, overflow: 'drop-oldest', maxAge: 4_000, monitor }),
    pool((order) => sleep(8 + Math.random() * 8, order), { name: 'render', concurrency: 4, monitor }),
    rateLimit({ name: 'provider', rate: 120, burst: 20, monitor }),
    pool((order) => sleep(quarter().mail * (0.5 + Math.random()), order), {
      name: 'mail',
      concurrency: elastic({ min: 1, max: 6 }),
      monitor,
    }),
  )
  .subscribe();

let id = 0;
const timer = setInterval(() => {
  for (let due = (quarter().orders / 50) * 2 * Math.random(); due > Math.random(); due--) orders.next({ id: id++ });
}, 20);

const server = createServer((_, response) => {
  void register.metrics().then((text) => response.setHeader('content-type', register.contentType).end(text));
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
process.on('SIGTERM', () => {
  clearInterval(timer);
  orders.complete();
  server.close();
  process.exit();
});
