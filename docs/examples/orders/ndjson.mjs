// A large NDJSON file, made on the spot, streamed from disk through a pipeline: `ndjson.mjs <MB>`. Run as a process of its own.
// @ts-check
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastValueFrom, map, reduce } from 'rxjs';
import { pool, pull } from 'sluice';
import { fromReadable, writeTo } from 'sluice/node';

const bytes = Number(process.argv[2]) * 1e6;
const folder = await mkdtemp(join(tmpdir(), 'orders-'));
const path = join(folder, 'orders.ndjson');
let heap = 0;
const sample = () => {
  heap = Math.max(heap, process.memoryUsage().heapUsed / 1e6);
};
const sampling = setInterval(sample, 20);

try {
  let written = 0;
  let rows = 0;
  let expected = 0;
  function* blocks() {
    for (let size = 0; size < bytes;) {
      let block = '';
      while (block.length < 65_536) {
        const amount = (rows * 7) % 100;
        block += `${JSON.stringify({ id: rows++, amount, note: 'n'.repeat(100 + (rows % 100)) })}\n`;
        expected += amount;
      }
      size += block.length;
      yield block;
    }
  }
  await writeTo(pull(blocks()), createWriteStream(path));
  written = (await stat(path)).size;

  const started = performance.now();
  let rest = '';
  const lines = (/** @type {string} */ chunk) => {
    sample();
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    return parts;
  };
  const sum = await lastValueFrom(
    fromReadable(createReadStream(path, 'utf8')).pipe(
      pool((chunk) => lines(String(chunk)), { concurrency: 1, waiting: 0 }),
      map((line) => JSON.parse(line)),
      pool(async (order) => order.amount, { concurrency: 16 }),
      reduce(({ total, count }, amount) => ({ total: total + amount, count: count + 1 }), { total: 0, count: 0 }),
    ),
  );
  const seconds = (performance.now() - started) / 1000;
  const right = sum.total === expected && sum.count === rows;
  process.send?.({ streamed: { megabytes: written / 1e6, rows, seconds, heap, right } });
} finally {
  clearInterval(sampling);
  await rm(folder, { recursive: true });
  process.disconnect?.();
}
