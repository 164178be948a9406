// The heap while a case runs, in a process of its own: `memory.mjs <case> <values> <samples>` prints `{ peak, samples: [{ done, heap }] }` as JSON,
// `done` in parts of the whole and `heap` in MB.
import { getHeapStatistics } from 'node:v8';
import { memory } from './cases.mjs';

const [name = '', valuesText, samplesText] = process.argv.slice(2);
const values = Number(valuesText);
const every = Math.max(1, Math.floor(values / Number(samplesText)));
const heapNow = () => getHeapStatistics().used_heap_size / 1e6;

/** @type {{ done: number, heap: number }[]} */
const samples = [];
let done = 0;
/** @type {any} */ (globalThis).gc?.();
const before = heapNow();
await memory[name]?.(values, () => {
  if (++done % every === 0) samples.push({ done: done / values, heap: heapNow() });
});
console.log(JSON.stringify({ peak: Math.max(...samples.map(({ heap }) => heap)), before, samples }));
