// One case in a process of its own: `case.mjs <group> <case> <values> <runs>` prints nanoseconds a value and the heap as JSON.
import { performance } from 'node:perf_hooks';
import * as groups from './cases.mjs';

const [group, name, valuesText, runsText] = process.argv.slice(2);
const [values, runs] = [Number(valuesText), Number(runsText)];
const work = /** @type {any} */ (groups)[group ?? ''][name ?? ''];
const collect = () => /** @type {any} */ (globalThis).gc?.();

const elapsedSince = (/** @type {number} */ start) => performance.now() - start;

const warming = performance.now();
for (let i = 0; i < 5 && runs > 1 && elapsedSince(warming) < 1_000; i++) await work(Math.min(values, 50_000));
collect();
const before = process.memoryUsage().heapUsed;
const times = [];
const running = performance.now();
for (let i = 0; i < runs && (i === 0 || elapsedSince(running) < 4_000); i++) {
  const start = performance.now();
  await work(values);
  times.push((elapsedSince(start) * 1e6) / values);
}
const peak = process.resourceUsage().maxRSS / 1e3;
collect();
const after = process.memoryUsage().heapUsed;
times.sort((a, b) => a - b);
console.log(JSON.stringify({ ns: times[times.length >> 1], heapGrowth: (after - before) / 1e6, rss: peak }));
