// One source for many subscribers: `node --expose-gc bench/fanOut.mjs` prints nanoseconds of CPU for a value and a subscriber, and the heap that a full ring of
// 10,000 objects takes with 1 and with 100 subscribers that wait, as JSON.
import { Subject } from 'rxjs';
import { broadcast, Sink } from '../dist/index.js';
import { fanOut } from './cases.mjs';

const VALUES = 5_000;
const ROUNDS = 40;
const RING = 10_000;
const collect = () => /** @type {any} */ (globalThis).gc?.();
const median = (/** @type {number[]} */ values) => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/** @type {Record<string, number[]>} */
const times = {};
for (let round = -5; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(fanOut)) {
    const start = process.cpuUsage(); // what others do on the machine counts less than by the clock
    await run(VALUES);
    const { user, system } = process.cpuUsage(start);
    if (round >= 0) (times[name] ??= []).push(((user + system) * 1e3) / VALUES / 100);
  }
}
const ns = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));

/** The heap of a full ring, in MB. @param {number} subscribers */
function heapOf(subscribers) {
  collect();
  const before = process.memoryUsage().heapUsed;
  const source = /** @type {Subject<object>} */ (new Subject());
  const shared = broadcast(source, { capacity: RING });
  const observer = { next: () => {}, error: console.error, complete: () => {} };
  const sinks = Array.from({ length: subscribers }, () => Sink.on(shared, observer));
  for (let id = 0; id < RING; id++) source.next({ id, body: new Array(16).fill(id) });
  collect();
  const after = process.memoryUsage().heapUsed;
  for (const sink of sinks) sink.unsubscribe();
  return (after - before) / 1e6;
}
heapOf(1);
const heap = { 1: heapOf(1), 100: heapOf(100) };
console.log(JSON.stringify({ ns, ratio: (ns['broadcast'] ?? NaN) / (ns['RxJS Subject'] ?? NaN), heap }));
