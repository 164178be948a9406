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

/** @type {Record<string, (jobs: any, n: number, value: (id: number) => unknown) => Promise<unknown>>} */
const shapes = {
  async publishMany(jobs, n, value) {
    for (let i = 0; i < n; i += 1_000)
      await jobs.publishMany(Array.from({ length: 1_000 }, (_, index) => value(i + index)));
  },
  async '1,000 publishes at once'(jobs, n, value) {
    for (let i = 0; i < n; i += 1_000)
      await Promise.all(Array.from({ length: 1_000 }, (_, index) => jobs.publish(value(i + index))));
  },
  async '64 publishers'(jobs, n, value) {
    let next = 0;
    const publisher = async () => {
      while (next < n) await jobs.publish(value(next++));
    };
    await Promise.all(Array.from({ length: 64 }, publisher));
  },
  async 'one by one'(jobs, n, value) {
    for (let i = 0; i < n; i++) await jobs.publish(value(i));
  },
};

/** @param {{ shape: string, value: string, n: number, runs: number }} options */
export async function run({ shape, value, n, runs }) {
  const times = [];
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
    await shapes[shape]?.(jobs, n, /** @type {any} */ (values)[value]);
    await all;
    if (run > 0) times.push(watch()); // the first is for the compiler
    await store.close();
  }
  return { n, seconds: median(times.map(({ seconds }) => seconds)), cpu: median(times.map(({ cpu }) => cpu)) };
}
