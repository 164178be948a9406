// What a queue of sluice does on the SQLite store: publish, consume, both at once.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { handle } from '../../dist/index.js';
import { queue } from '../../dist/queue.js';
import { sqliteStore } from '../../dist/sqlite.js';
import { order, orders, stopwatch, withDatabase } from './tools.mjs';

/** @param {string} path @param {'full' | 'normal'} [durability] */
export function open(path, durability = 'full') {
  const store = sqliteStore({ path, durability });
  return { store, jobs: queue(store, 'jobs', {}) };
}

/** Publishes so many, in batches of 1,000. @param {ReturnType<typeof open>['jobs']} jobs @param {number} n */
export async function fill(jobs, n) {
  for (let i = 0; i < n; i += 1_000) await jobs.publishMany(orders(Math.min(1_000, n - i), i));
}

/** Handles until so many were acknowledged, and that is on the disk. @param {ReturnType<typeof open>['jobs']} jobs */
export const consumed = (jobs, { n, warm = 0, maxInFlight = 256 }) =>
  new Promise((resolve, reject) => {
    let done = 0;
    let watch = stopwatch();
    const subscription = jobs
      .deliveries({ maxInFlight })
      .pipe(handle(async () => {}, { concurrency: maxInFlight }))
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

/** `publishers` at once, each of which awaits its publish before the next, until so many are published or `stop` says so. */
async function publishing(jobs, publishers, n, stop = { stopped: false }) {
  let next = 0;
  const publisher = async () => {
    while (next < n && !stop.stopped) await jobs.publish(order(next++));
  };
  await Promise.all(Array.from({ length: publishers }, publisher));
  return next;
}

/** @param {{ n: number, batch: number, many?: boolean, durability?: 'full' | 'normal' }} options */
export const publish = ({ n, batch, many = false, durability }) =>
  withDatabase(async (path) => {
    const { store, jobs } = open(path, durability);
    const values = orders(batch); // ready, as the row of `raw` is; what makes text of it is the queue's to do
    const run = async (/** @type {number} */ count) => {
      if (!many) return publishing(jobs, batch, count);
      for (let i = 0; i < count; i += batch) await jobs.publishMany(values);
    };
    await run(n / 10);
    const watch = stopwatch();
    await run(n);
    const time = watch();
    await store.close();
    return { n, ...time };
  });

/** @param {{ n: number, durability?: 'full' | 'normal' }} options */
export const consume = ({ n, durability }) =>
  withDatabase(async (path) => {
    const { store, jobs } = open(path, durability);
    const warm = n / 10;
    await fill(jobs, n + warm);
    const time = await consumed(jobs, { n, warm });
    await store.close();
    return time;
  });

/** A process that publishes for some seconds. @param {{ path: string, seconds: number }} options */
export async function publisher({ path, seconds }) {
  const { store, jobs } = open(path);
  await jobs.publish(order(0));
  process.send?.('ready');
  await once(process, 'message');
  const stop = { stopped: false };
  const all = publishing(jobs, 64, Infinity, stop);
  await setTimeout(seconds * 1e3);
  stop.stopped = true;
  const published = await all;
  await store.close();
  return { published };
}

/** 64 publishers and a consumer for some seconds, with a backlog so that the consumer never waits; in one process, or in two. */
export const both = (/** @type {{ seconds: number, processes: number }} */ { seconds, processes }) =>
  withDatabase(async (path) => {
    const { store, jobs } = open(path);
    await fill(jobs, seconds * 150_000);
    const child =
      processes === 1
        ? undefined
        : fork(fileURLToPath(new URL('case.mjs', import.meta.url)), [
            'ours.publisher',
            JSON.stringify({ path, seconds }),
          ]);
    if (child !== undefined) await once(child, 'message');
    let handled = 0;
    const subscription = jobs
      .deliveries({ maxInFlight: 256 })
      .pipe(handle(async () => {}, { concurrency: 256 }))
      .subscribe(() => handled++);
    const stop = { stopped: false };
    const watch = stopwatch();
    child?.send('start');
    const here = child === undefined ? publishing(jobs, 64, Infinity, stop) : undefined;
    await setTimeout(seconds * 1e3);
    const { seconds: took } = watch();
    const consumedThen = handled;
    stop.stopped = true;
    const published = (await here) ?? (await once(/** @type {any} */ (child), 'message'))[0].published;
    subscription.unsubscribe();
    const left = await jobs.stats();
    await store.close();
    return { published: published / seconds, handled: consumedThen / took, backlogLeft: left.ready };
  });
