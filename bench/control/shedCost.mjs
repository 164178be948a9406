// What a value costs in a `shed` that is full, four lanes of it, by how many it holds: `npm run build && node bench/control/shedCost.mjs`.
import { fileURLToPath } from 'node:url';
import { Subject } from 'rxjs';
import { atMost, built, rows } from './bars.mjs';

const LANES = 4;
const VALUES = 2_000_000;
const CAPACITIES = [1e2, 1e4, 1e6];
const ROUNDS = 5;

/** Nanoseconds of processor time a value. @param {import('./bars.mjs').Sluice} sluice @param {number} capacity @param {object} options */
function cost({ shed, Sink }, capacity, options) {
  /** @type {Subject<number>} */
  const source = new Subject();
  const sink = new Sink({
    next: () => undefined,
    complete: () => undefined,
    error: (error) => {
      throw error;
    },
  });
  source.pipe(shed({ capacity, priority: (value) => value % LANES, ...options })).subscribe(sink);
  for (let i = 0; i < capacity; i++) source.next(i);
  const start = process.cpuUsage();
  for (let i = 0; i < VALUES; i += 2) {
    sink.request(1); // one of the highest lane leaves, ...
    source.next(LANES - 1); // ... one joins it, ...
    source.next(0); // ... and one for which there is no room
  }
  const { user, system } = process.cpuUsage(start);
  sink.unsubscribe();
  return ((user + system) * 1_000) / VALUES;
}

/** The cost by capacity, and whether it depends on that: medians, the capacities in turn. */
export async function shedCost({ sluice = built } = {}) {
  const library = await sluice();
  /** @type {[name: string, options: object][]} */
  const kinds = [
    ['', {}],
    [' with maxAge', { maxAge: 1e9 }],
  ];
  return kinds.flatMap(([name, options]) => {
    const rounds = Array.from({ length: ROUNDS }, () => CAPACITIES.map((capacity) => cost(library, capacity, options)));
    const medians = CAPACITIES.map(
      (_, i) => rounds.map((round) => round[i] ?? 0).sort((a, b) => a - b)[ROUNDS >> 1] ?? 0,
    );
    return [
      ...medians.map((ns, i) => atMost(`a value in a full shed${name} of ${CAPACITIES[i]}`, Math.round(ns), 200, 'ns')),
      atMost(`the dearest over the cheapest${name}`, Math.max(...medians) / Math.min(...medians), 1.3),
    ];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.table(rows(await shedCost()));
