// What the cases share: the message, a folder on the disk, time and processor time, medians.
import { fdatasyncSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';

/** A message of 200 bytes as JSON. @param {number} id */
export const order = (id) => ({
  id: id % 1e9,
  customer: 'c-4711-8842-0915',
  items: [
    { sku: 'A-100200', quantity: 2, price: 1999 },
    { sku: 'B-300400', quantity: 1, price: 4950 },
  ],
  note: 'x'.repeat(44 + 9 - String(id % 1e9).length),
});
export const orders = (/** @type {number} */ n, from = 0) => Array.from({ length: n }, (_, i) => order(from + i));

/** Runs `work` with the path of a database in a folder of its own. @template R @param {(path: string) => Promise<R>} work */
export async function withDatabase(work) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  try {
    return await work(join(folder, 'queue.db'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Seconds, and seconds of the processor, since. */
export function stopwatch() {
  const start = performance.now();
  const used = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(used);
    return { seconds: (performance.now() - start) / 1e3, cpu: (user + system) / 1e6 };
  };
}

/** @param {number[]} values @param {number} part */
export const quantile = (values, part) =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)] ?? NaN;
export const median = (/** @type {number[]} */ values) => quantile(values, 0.5);

/** The same numbers each time, from 0 to 1. @param {number} seed */
export const randomFrom = (seed) => () => (seed = (seed * 16807) % 2147483647) / 2147483647;

/** What the disk does of what a commit needs: 4 kB written and synced, how many times a second. */
export function disk(seconds = 2) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const file = openSync(join(folder, 'sync'), 'w');
  const page = Buffer.alloc(4096);
  /** @type {number[]} */
  const times = [];
  const start = performance.now();
  for (let now = start; now - start < seconds * 1e3;) {
    writeSync(file, page, 0, 4096, (times.length % 1_000) * 4096);
    fdatasyncSync(file);
    const before = now;
    now = performance.now();
    times.push(now - before);
  }
  const inMemory = statfsSync(folder).type === 0x01021994;
  rmSync(folder, { recursive: true });
  return { syncs: times.length / seconds, p50: quantile(times, 0.5), p99: quantile(times, 0.99), inMemory };
}
