// A queue that stands: with a backlog, or empty with somebody who waits.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { handle } from '../../dist/index.js';
import { memoryStore } from '../../dist/memory.js';
import { queue } from '../../dist/queue.js';
import { fill, open } from './ours.mjs';
import { order, quantile, randomFrom, stopwatch, withDatabase } from './tools.mjs';

/** @param {string} by @param {string} path */
function opened(by, path) {
  if (by === 'sqlite') return open(path);
  const store = memoryStore();
  return { store, jobs: queue(store, 'jobs', {}) };
}

/** With a backlog that stays as long as it is, since each message that is handled publishes one. @param {{ by: string, backlog: number, n: number }} options */
export const backlog = ({ by, backlog: length, n }) =>
  withDatabase(async (path) => {
    const { store, jobs } = opened(by, path);
    await fill(jobs, length);
    let done = 0;
    const warm = Math.floor(n / 5);
    let watch = stopwatch();
    const time = await new Promise((resolve, reject) => {
      const subscription = jobs
        .deliveries({ maxInFlight: 256 })
        .pipe(handle(async () => void (await jobs.publish(order(done))), { concurrency: 256 }))
        .subscribe({
          next: () => {
            if (++done === warm) watch = stopwatch();
            if (done !== n + warm) return;
            resolve({ n, ...watch() });
            subscription.unsubscribe();
          },
          error: reject,
        });
    });
    await setTimeout(200);
    /** @type {any} */ (globalThis).gc();
    const { heapUsed, rss } = process.memoryUsage();
    const { ready } = await jobs.stats();
    await store.close();
    return { ...time, heap: heapUsed / 1e6, rss: rss / 1e6, ready };
  });

/** A consumer that waits, and nothing comes. `by: 'nothing'` is a process that does not even that. @param {{ by: string, seconds: number }} options */
export const idle = ({ by, seconds }) =>
  withDatabase(async (path) => {
    const queueOrNothing = by === 'nothing' ? undefined : opened(by, path);
    const subscription = queueOrNothing?.jobs
      .deliveries({ maxInFlight: 256 })
      .pipe(handle(async () => {}, { concurrency: 256 }))
      .subscribe();
    await setTimeout(1_000);
    const watch = stopwatch();
    await setTimeout(seconds * 1e3);
    const { seconds: took, cpu } = watch();
    subscription?.unsubscribe();
    await queueOrNothing?.store.close();
    return { percent: (100 * cpu) / took };
  });

/** Milliseconds on the clock that all processes share. */
const now = () => Number(process.hrtime.bigint() / 1_000n) / 1e3;

/** Publishes at random instants; returns when each was published and when that was on the disk. */
async function publishing(jobs, n) {
  const random = randomFrom(7);
  const published = [];
  for (let i = 0; i < n; i++) {
    await setTimeout(5 + 45 * random());
    const called = now();
    await jobs.publish(order(i));
    published.push([called, now()]);
  }
  return published;
}

/** @param {{ path: string, n: number }} options */
export async function publisher({ path, n }) {
  const { store, jobs } = open(path);
  await once(process, 'message');
  const published = await publishing(jobs, n);
  await store.close();
  return published;
}

/** How long it takes until a consumer that waits has a message. @param {{ by: string, n: number, processes: number }} options */
export const wake = ({ by, n, processes }) =>
  withDatabase(async (path) => {
    const { store, jobs } = opened(by, path);
    /** @type {number[]} */
    const begun = [];
    let all = () => {};
    const finished = new Promise((resolve) => (all = () => resolve(undefined)));
    const subscription = jobs
      .deliveries({ maxInFlight: 256 })
      .pipe(
        handle(
          async (/** @type {any} */ { id }) => {
            begun[id] = now();
            if (id === n - 1) all();
          },
          { concurrency: 256 },
        ),
      )
      .subscribe();
    await setTimeout(500);
    /** @type {[number, number][]} */
    let published;
    if (processes === 1) published = /** @type {any} */ (await publishing(jobs, n));
    else {
      const args = ['standing.publisher', JSON.stringify({ path, n })];
      const child = fork(fileURLToPath(new URL('case.mjs', import.meta.url)), args);
      child.send('start');
      [published] = /** @type {any} */ (await once(child, 'message'));
    }
    await finished;
    subscription.unsubscribe();
    await store.close();
    const fromCall = published.map(([called], i) => (begun[i] ?? NaN) - called);
    const fromDisk = published.map(([, durable], i) => Math.max(0, (begun[i] ?? NaN) - durable));
    return {
      p50: quantile(fromDisk, 0.5),
      p99: quantile(fromDisk, 0.99),
      max: quantile(fromDisk, 1),
      callP50: quantile(fromCall, 0.5),
      callP99: quantile(fromCall, 0.99),
    };
  });
