// Publishes messages of its own keys, in order, a few at a time, and writes down which of them were acknowledged:
// `publisher.mjs <database> <log> <first key> <keys> <durability>`.
// @ts-check
import { queue } from '../../dist/queue.js';
import { sqliteStore } from '../../dist/sqlite.js';
import { log } from './log.mjs';

const [path = '', logPath = '', firstKey, keys, durability] = process.argv.slice(2);
const write = log(logPath);
const orders = queue(sqliteStore({ path, durability: durability === 'full' ? 'full' : 'normal' }), 'orders', {
  order: 'key',
  capacity: 400,
  visibilityTimeout: 2_000,
  maxAttempts: 1_000_000,
});

let stopping = false;
process.on('message', () => (stopping = true));
process.on('disconnect', () => process.exit());

/** Each message of a key has a higher number than the ones before, those of earlier lives too. */
let n = Date.now() * 1_000;
/** @param {string} key */
async function publish(key) {
  while (!stopping) {
    const number = n++;
    const filler = 'x'.repeat(number % 97 === 0 ? 20_000 : 150);
    const { id } = await orders.publish({ key, number, filler }, { key });
    write(id, key, number);
  }
}

await Promise.all(Array.from({ length: Number(keys) }, (_, i) => publish(`key ${Number(firstKey) + i}`)));
process.exit();
