// Jobs a second, end to end: jobs that do nothing are enqueued and worked off, by sluice and by the queues that one would take instead.
import { handle } from '../../dist/index.js';
import { open } from './ours.mjs';
import { peers } from './peers.mjs';
import { orders, stopwatch, withDatabase } from './tools.mjs';

/** @typedef {import('./peers.mjs').System} System */

/** @param {'full' | 'normal'} durability */
const sluice = (durability) => async (/** @type {string} */ path) => {
  const { store, jobs } = open(path, durability);
  /** @type {import('rxjs').Subscription | undefined} */
  let subscription;
  return {
    add: (/** @type {object[]} */ values) => jobs.publishMany(values),
    start(/** @type {() => void} */ done) {
      const deliveries = jobs.deliveries({ maxInFlight: 256 });
      subscription = deliveries.pipe(handle(async () => {}, { concurrency: 256 })).subscribe(done);
    },
    async stop() {
      subscription?.unsubscribe();
      await store.close();
    },
  };
};

/** @type {typeof peers} */
const systems = { 'sluice, full': sluice('full'), 'sluice, normal': sluice('normal'), ...peers };

/** All are enqueued, 1,000 at a time; then they are worked off. @param {System} system @param {number} n */
async function bulk(system, n) {
  for (let i = 0; i < n; i += 1_000) await system.add(orders(Math.min(1_000, n - i), i));
  let left = n;
  await new Promise((resolve) => system.start(() => --left === 0 && resolve(undefined)));
}

/** They are worked off while they are enqueued, 100 at a time, with 1,000 that wait at most. @param {System} system @param {number} n */
async function steady(system, n) {
  let done = 0;
  let wake = () => {};
  system.start(() => {
    done++;
    wake();
  });
  const until = async (/** @type {() => boolean} */ condition) => {
    while (!condition()) await new Promise((resolve) => (wake = () => resolve(undefined)));
  };
  for (let i = 0; i < n; i += 100) {
    await until(() => i - done <= 900);
    await system.add(orders(100, i));
  }
  await until(() => done >= n);
}

/** @param {{ by: string, shape: 'bulk' | 'steady', n: number }} options */
export async function run({ by, shape, n }) {
  const work = shape === 'bulk' ? bulk : steady;
  const once = (/** @type {number} */ count) =>
    withDatabase(async (path) => {
      const system = await systems[by]?.(path);
      if (system === undefined) throw new Error(by);
      const watch = stopwatch();
      await work(system, count);
      const time = watch();
      await system.stop();
      return { n: count, ...time };
    });
  // What is run often is compiled for it: for all alike, for as long.
  for (const warming = stopwatch(); warming().seconds < 2;) await once(1_000);
  return once(n);
}
