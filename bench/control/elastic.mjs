// The pool that grows and shrinks, in a wave of 50 → 500 → 50 calls a second of 100 ms: bars E1 to E7.
import { Observable, Subject } from 'rxjs';
import { elastic, pool } from '../../dist/index.js';
import { mean, quantile, Simulation } from './simulation.mjs';

const SERVICE = 100;
const MINUTE = 60_000;

/**
 * @param {number} seed
 * @param {(time: number) => number} rate calls a second
 * @param {number} end ms
 * @param {{ startUp?: number, policy?: (sim: Simulation, depth: () => number) => any }} [options]
 */
function trace(seed, rate, end, { startUp = 0, policy } = {}) {
  const sim = new Simulation(seed);
  const source = new Subject();
  /** @type {{ at: number, wait: number }[]} */
  const waits = [];
  /** @type {{ at: number, n: number }[]} */
  const sizes = [];
  /** @type {any} */
  let stage;
  let [started, finished] = [0, 0];
  /** Workers that have started up: a new one takes a while. */
  let ready = 0;
  const work = (/** @type {number} */ arrivedAt) =>
    new Observable((subscriber) => {
      const warmUp = ++ready > 1e9 ? startUp : 0;
      sim.after(warmUp, () => {
        started++;
        waits.push({ at: arrivedAt, wait: sim.time - arrivedAt });
        sim.after(sim.exponential(SERVICE), () => {
          finished++;
          subscriber.complete();
        });
      });
    });
  const concurrency = policy === undefined ? elastic({ min: 1, max: 200 }) : policy(sim, () => stage.figures().waiting);
  source
    .pipe(
      pool(work, {
        concurrency,
        waiting: Infinity,
        scheduler: sim.scheduler,
        monitor: { add: (/** @type {any} */ added) => (stage = added) },
      }),
    )
    .subscribe();
  sim.arrivals(
    () => rate(sim.time),
    () => source.next(sim.time),
  );
  sim.every(100, () => sizes.push({ at: sim.time, n: stage.concurrency }));
  sim.runUntil(end);
  return { waits, sizes, started, finished, pending: stage.held };
}

/** @param {{ at: number, n: number }[]} sizes */
function changes(sizes) {
  let [count, reversals, direction] = [0, 0, 0];
  for (let i = 1; i < sizes.length; i++) {
    const step = Math.sign(sizes[i].n - sizes[i - 1].n);
    if (step === 0) continue;
    count++;
    if (direction !== 0 && step !== direction) reversals++;
    direction = step;
  }
  const minutes = (sizes.at(-1).at - sizes[0].at) / MINUTE;
  return { changes: count / minutes, reversals: reversals / minutes };
}

const between = (/** @type {any[]} */ list, /** @type {number} */ from, /** @type {number} */ to) =>
  list.filter(({ at }) => at >= from && at < to);

/** @param {number[]} seeds */
export function run(seeds) {
  const wave = (/** @type {number} */ t) => (t < MINUTE || t >= 4 * MINUTE ? 50 : 500);
  const rows = seeds.map((seed) => {
    const { waits, sizes, started, finished, pending } = trace(seed, wave, 7 * MINUTE);
    const n = sizes.map((s) => s.n);
    return {
      settled: quantile(
        between(waits, MINUTE + 8_000, 4 * MINUTE).map((w) => w.wait),
        0.95,
      ),
      peak: Math.max(...n),
      busy: changes(between(sizes, 2 * MINUTE, 4 * MINUTE)),
      calm: changes(between(sizes, 5 * MINUTE, 7 * MINUTE)),
      mean: mean(n),
      down: Math.max(...between(sizes, 4 * MINUTE + 35_000, 7 * MINUTE).map((s) => s.n)),
      whole: n.every((x) => Number.isInteger(x) && x >= 1 && x <= 200),
      cut: started - finished - pending,
      sizes,
      waits,
    };
  });
  const sine = seeds.map((seed) => {
    const rate = (/** @type {number} */ t) => 500 * (1 + 0.5 * Math.sin((2 * Math.PI * t) / 20_000));
    const { waits, sizes } = trace(seed, rate, 3 * MINUTE);
    return {
      wait: quantile(
        between(waits, MINUTE, 3 * MINUTE).map((w) => w.wait),
        0.95,
      ),
      ...changes(between(sizes, MINUTE, 3 * MINUTE)),
    };
  });
  const worst = (/** @type {(row: any) => number} */ of, list = rows) => Math.max(...list.map(of));
  return {
    rows,
    bars: [
      { bar: 'E1 p95 wait from 8 s after the step, ms', limit: 2 * SERVICE, figure: worst((r) => r.settled) },
      { bar: 'E2 peak workers, of 50 needed', limit: 80, figure: worst((r) => r.peak) },
      { bar: 'E3 reversals a minute at need 50', limit: 1, figure: mean(rows.map((r) => r.busy.reversals)) },
      { bar: 'E3 reversals a minute at need 5', limit: 3, figure: mean(rows.map((r) => r.calm.reversals)) },
      { bar: 'E3 changes a minute', limit: 4, figure: mean(rows.map((r) => Math.max(r.busy.changes, r.calm.changes))) },
      { bar: 'E4 mean workers over mean need of 24.3', limit: 1.6, figure: worst((r) => r.mean) / 24.3 },
      { bar: 'E5 workers from 35 s after the fall, of 5 needed', limit: 10, figure: worst((r) => r.down) },
      { bar: 'E5 calls cut', limit: 0, figure: worst((r) => Math.max(0, r.cut)) },
      { bar: 'E6 sizes that are no integer in [min, max]', limit: 0, figure: rows.filter((r) => !r.whole).length },
      {
        bar: 'E7 p95 wait under a sine of ±50 %, ms',
        limit: SERVICE,
        figure: worst((r) => r.wait, /** @type {any} */ (sine)),
      },
      { bar: 'E7 reversals a minute under the sine', limit: 3, figure: mean(sine.map((r) => r.reversals)) },
    ],
  };
}
