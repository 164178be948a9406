// Measures everything and writes results.json and docs/benchmarks.md: `npm run bench`, `node bench/run.mjs --quick` to try it, `--only synchronous` for one part, `--page` to write the page anew.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import * as groups from './cases.mjs';
import { page } from './page.mjs';
import { operations } from './operations.mjs';
import { parts as queueParts } from './queue/parts.mjs';

const resultsFile = new URL('results.json', import.meta.url);
if (process.argv.includes('--page')) {
  await page(JSON.parse(readFileSync(resultsFile, 'utf8')));
  process.exit();
}

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 1 : 5;
const RUNS = quick ? 2 : 5;
/** A run that takes longer is measured in one round. */
const SLOW_RUN_NS = 4e9;
/** The cases whose heap is measured over ten million values. */
const LONG = ['sluice, buffer and pool', 'sluice batch'];
const script = fileURLToPath(new URL('case.mjs', import.meta.url));
const median = (/** @type {number[]} */ values) => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/** @param {string} group @param {string} name @param {number} values @param {number} runs @param {string[]} flags */
function measure(group, name, values, runs, flags = []) {
  const args = ['--expose-gc', ...flags, script, group, name, String(values), String(runs)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

/** @param {string} name @param {number} values @param {number} samples */
function measureHeap(name, values, samples) {
  const args = ['--expose-gc', fileURLToPath(new URL('memory.mjs', import.meta.url)), name];
  return JSON.parse(execFileSync(process.execPath, [...args, String(values), String(samples)], { encoding: 'utf8' }));
}

/** Each case of a group in turn, several rounds of it: what the machine does meanwhile hits all alike. */
function compare(
  /** @type {keyof typeof groups & ('concurrent' | 'synchronous' | 'batches' | 'bridges')} */ group,
  /** @type {number} */ values,
) {
  /** @type {Record<string, number[]>} */
  const times = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of Object.keys(groups[group])) {
      const once = groups.QUADRATIC.includes(name);
      const slow = (times[name]?.[0] ?? 0) * values > SLOW_RUN_NS;
      if (round > 0 && (once || slow)) continue;
      (times[name] ??= []).push(measure(group, name, values, once ? 1 : RUNS).ns);
    }
    console.log(`${group}: round ${round + 1} of ${ROUNDS}`);
  }
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
}

/** What another program of the benchmarks prints. @param {string} program @param {string[]} flags */
const printed = (program, ...flags) =>
  JSON.parse(
    execFileSync(process.execPath, [...flags, fileURLToPath(new URL(program, import.meta.url))], { encoding: 'utf8' }),
  );

const scale = quick ? 0.1 : 1;
const values = 300_000 * scale;
/** Each part of the results, and how it is measured. @type {Record<string, () => unknown>} */
const parts = {
  node: () => process.version,
  cpu: () => cpus()[0]?.model ?? '',
  values: () => values,
  concurrent: () => compare('concurrent', values),
  synchronous: () => compare('synchronous', 1_000_000 * scale),
  batches: () => compare('batches', 1_000_000 * scale),
  bridges: () => compare('bridges', 200_000 * scale),
  fanOut: () => printed('fanOut.mjs', '--expose-gc'),
  scaling: () =>
    [1e4, 1e5, 1e6, 1e7].map((n) => {
      const count = n * scale;
      return { values: count, ...measure('long', 'sluice', count, n < 1e6 ? 9 : n < 1e7 ? 3 : 1) };
    }),
  memory: () =>
    Object.keys(groups.memory)
      .filter((name) => !LONG.includes(name))
      .map((name) => ({ name, ...measureHeap(name, 50_000 * scale, 100) })),
  longPeak: () => measureHeap('sluice, buffer and pool', 1e7 * scale, 1_000).peak,
  batchPeak: () => measureHeap('sluice batch', 1e7 * scale, 1_000).peak,
  inners: () => measure('inners', 'sluice pool(1)', 1_000_000 * scale, 1),
  operations: () => operations(groups.operations()),
  queues: () => Object.fromEntries(Object.entries(queueParts).map(([name, part]) => [name, part()])),
};
const only = process.argv.includes('--only') ? process.argv.at(-1) : undefined;
/** @type {Record<string, unknown>} */
const results = only === undefined ? {} : JSON.parse(readFileSync(resultsFile, 'utf8'));
for (const [name, part] of Object.entries(parts)) {
  if (only === undefined || only === name) results[name] = await part();
}
writeFileSync(resultsFile, `${JSON.stringify(results, null, 2)}\n`);
await page(results);
console.log('wrote bench/results.json and docs/benchmarks.md');
