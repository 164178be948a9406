// Handles messages, and writes down when it began with each, when it was done and what the store said:
// `consumer.mjs <database> <log> <life> <durability>`.
// @ts-check
import { setTimeout } from 'node:timers/promises';
import { handle } from '../../dist/index.js';
import { queue } from '../../dist/queue.js';
import { sqliteStore } from '../../dist/sqlite.js';
import { log, now } from './log.mjs';

const [path = '', logPath = '', life = '', durability] = process.argv.slice(2);
const write = log(logPath);
const store = sqliteStore({ path, durability: durability === 'full' ? 'full' : 'normal' });
const orders = /** @type {import('../../dist/queue.js').Queue<{ key: string, number: number }>} */ (
  queue(store, 'orders', { order: 'key', capacity: 400, visibilityTimeout: 2_000, maxAttempts: 1_000_000 })
);

process.on('disconnect', () => process.exit());
orders
  .deliveries({ maxInFlight: 32 })
  .pipe(
    handle(
      async ({ key, number }, { id, attempt }) => {
        write('begin', life, now(), id, key, number, attempt);
        if (number % 3 === 0) await setTimeout(number % 4);
        if (number % 41 === 0 && attempt === 1) throw new Error('now and then it does not work');
        write('done', life, now(), id, key, number, attempt);
      },
      { concurrency: 16, retry: { delay: () => 20 } },
    ),
  )
  .subscribe({
    next: ({ delivery, outcome, settled }) => write(outcome, life, now(), delivery.id, settled),
    error: (error) => {
      write('error', life, now(), JSON.stringify(String(error)));
      process.exit(1);
    },
  });

const asking = setInterval(async () => process.send?.(await orders.stats()), 50);
process.on('message', () => {
  clearInterval(asking);
  process.exit();
});
