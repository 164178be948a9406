// Messages a second through the memory store: published, handled and acknowledged, in the shapes that one would write.
import { handle } from '../../dist/index.js';
import { memoryStore } from '../../dist/memory.js';
import { queue } from '../../dist/queue.js';
import { median, order, stopwatch } from './tools.mjs';

const values = {
  'a small object': (/** @type {number} */ id) => ({ id }),
  '200 bytes': order,
  bytes: () => BYTES,
};
const BYTES = new Uint8Array(200);

/** `ready`: 1,000 values, which are published again and again: to make them is the application's work. @type {Record<string, (jobs: any, n: number, ready: unknown[]) => Promise<unknown>>} */
const shapes = {
  async publishMany(jobs, n, ready) {
    for (let i = 0; i < n; i += 1_000) await jobs.publishMany(ready);
  },
  async '1,000 publishes at once'(jobs, n, ready) {
    for (let i = 0; i < n; i += 1_000) await Promise.all(ready.map((value) => jobs.publish(value)));
  },
  async '64 publishers'(jobs, n, ready) {
    let next = 0;
    const publisher = async () => {
      while (next < n) await jobs.publish(ready[next++ % 1_000]);
    };
    await Promise.all(Array.from({ length: 64 }, publisher));
  },
  async 'one by one'(jobs, n, ready) {
    for (let i = 0; i < n; i++) await jobs.publish(ready[i % 1_000]);
  },
};

/** @param {{ shape: string, value: string, n: number, runs: number }} options */
export async function run({ shape, value, n, runs }) {
  const times = [];
  const ready = Array.from({ length: 1_000 }, (_, id) => /** @type {any} */ (values)[value](id));
  for (let run = 0; run <= runs; run++) {
    const store = memoryStore();
    const jobs = queue(store, 'jobs', { capacity: 2_000 });
    let handled = 0;
    const watch = stopwatch();
    const all = new Promise((resolve, reject) => {
      jobs
        .deliveries({ maxInFlight: 1_024 })
        .pipe(handle(async () => {}, { concurrency: 256 }))
        .subscribe({ next: () => ++handled === n && resolve(undefined), error: reject });
    });
    await shapes[shape]?.(jobs, n, ready);
    await all;
    if (run > 0) times.push(watch()); // the first is for the compiler
    await store.close();
  }
  return { n, seconds: median(times.map(({ seconds }) => seconds)), cpu: median(times.map(({ cpu }) => cpu)) };
}
