// The pool that grows and shrinks, in a wave of 50 → 500 → 50 calls a second of 100 ms: bars E1 to E7.
import { Observable, Subject } from 'rxjs';
import { elastic, pool } from '../../dist/index.js';
import { between, least, worst } from './bars.mjs';
import { hpaOnDepth } from './controls.mjs';
import { mean, quantile, Simulation } from './simulation.mjs';

const SERVICE = 100;
const MINUTE = 60_000;

/** What a new worker takes to start up. */
const START_UP = 1_000;

/**
 * @param {number} seed
 * @param {(time: number) => number} rate calls a second
 * @param {number} end ms
 * @param {{ startUp?: number, concurrency?: import('./controls.mjs').Rule }} [options]
 */
function trace(seed, rate, end, { startUp = 0, concurrency = elastic({ min: 1, max: 200 }) } = {}) {
  const sim = new Simulation(seed);
  const source = new Subject();
  /** @type {{ at: number, wait: number }[]} */
  const waits = [];
  /** @type {{ at: number, n: number }[]} */
  const sizes = [];
  /** @type {any} */
  let stage;
  let [started, finished] = [0, 0];
  /** Workers that have started up, or do so; those that the pool has no place for any more are gone. */
  let workers = 0;
  const work = (/** @type {number} */ arrivedAt) =>
    new Observable((subscriber) => {
      const isNew = stage.running > workers;
      if (isNew) workers++;
      sim.after(isNew ? startUp : 0, () => {
        started++;
        waits.push({ at: arrivedAt, wait: sim.time - arrivedAt });
        sim.after(sim.exponential(SERVICE), () => {
          finished++;
          subscriber.complete();
          workers = Math.min(workers, stage.concurrency);
        });
      });
    });
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

/** 50, 500 and 50 calls a second. @param {number} time */
const wave = (time) => (time < MINUTE || time >= 4 * MINUTE ? 50 : 500);
/** Of the workers that the wave needs at least: 5, 50 and 5. */
const MEAN_NEED = 24.3;
const p95 = (/** @type {{ wait: number }[]} */ waits) =>
  quantile(
    waits.map(({ wait }) => wait),
    0.95,
  );
const sizesOf = (/** @type {{ n: number }[]} */ sizes) => sizes.map(({ n }) => n);

/** @param {number} seed */
function followWave(seed) {
  const { waits, sizes, started, finished, pending } = trace(seed, wave, 7 * MINUTE);
  const n = sizesOf(sizes);
  return {
    settled: p95(between(waits, MINUTE + 8_000, 4 * MINUTE)),
    peak: Math.max(...n),
    busy: changes(between(sizes, 2 * MINUTE, 4 * MINUTE)),
    calm: changes(between(sizes, 5 * MINUTE, 7 * MINUTE)),
    mean: mean(n),
    down: sizes.find(({ at, n }) => at >= 4 * MINUTE && n <= 2 * 5).at - 4 * MINUTE,
    whole: n.every((x) => Number.isInteger(x) && x >= 1 && x <= 200),
    cut: started - finished - pending,
    sizes,
    waits,
  };
}

/** The same with workers that take a while to start up, until the wave has settled. @param {number} seed */
function followSlowly(seed) {
  const { waits, sizes } = trace(seed, wave, 2 * MINUTE, { startUp: START_UP });
  return { settled: p95(between(waits, MINUTE + 10_000, 2 * MINUTE)), peak: Math.max(...sizesOf(sizes)) };
}

/** @param {number} seed */
function followSine(seed) {
  const rate = (/** @type {number} */ t) => 500 * (1 + 0.5 * Math.sin((2 * Math.PI * t) / 20_000));
  const { waits, sizes } = trace(seed, rate, 3 * MINUTE);
  return { wait: p95(between(waits, MINUTE, 3 * MINUTE)), ...changes(between(sizes, MINUTE, 3 * MINUTE)) };
}

/** @param {number} seed */
function hpaWave(seed) {
  const concurrency = hpaOnDepth({ min: 1, max: 200, every: 500, stabilise: 15_000 });
  const { sizes, waits } = trace(seed, wave, 7 * MINUTE, { concurrency });
  return { mean: mean(sizesOf(sizes)), sizes, waits };
}

/** Every two seconds, for a chart. @param {string} name @param {{ sizes: { at: number, n: number }[], waits: { at: number, wait: number }[] }} trace */
function sampled(name, { sizes, waits }) {
  const spans = Array.from({ length: 210 }, (_, i) => 2_000 * i);
  return {
    sizes: spans.map((at) => ({ name, x: at / 1_000, y: sizes.find((it) => it.at >= at)?.n })),
    waits: spans.map((at) => ({ name, x: at / 1_000, y: p95(between(waits, at, at + 2_000)) })),
  };
}

/** @typedef {Parameters<typeof sampled>[1]} Trace */

/** @param {Trace | undefined} ours @param {Trace | undefined} theirs @returns {import('./bars.mjs').Figure} */
function figure(ours, theirs) {
  const both = [
    sampled('elastic', /** @type {Trace} */ (ours)),
    sampled('HPA on depth', /** @type {Trace} */ (theirs)),
  ];
  const need = [0, 60, 60, 240, 240, 420].map((x, i) => ({ name: 'needed', x, y: i === 2 || i === 3 ? 50 : 5 }));
  return {
    name: 'elastic',
    reference: 'needed',
    title: '50, 500 and 50 calls a second of 100 ms',
    x: 'seconds',
    panels: [
      { y: 'workers', values: [...both.flatMap(({ sizes }) => sizes), ...need] },
      {
        y: 'p95 wait, ms',
        log: true,
        values: both.flatMap(({ waits }) => waits.map((it) => ({ ...it, y: Math.max(1, it.y) }))),
      },
    ],
  };
}

/** @param {number[]} seeds */
export function elasticBars(seeds) {
  const waves = seeds.map(followWave);
  const slow = seeds.map(followSlowly);
  const sines = seeds.map(followSine);
  const hpa = seeds.map(hpaWave);
  return {
    figures: () => [figure(waves[0], hpa[0])],
    bars: [
      { bar: 'E1 p95 wait from 8 s after the step, ms', limit: 2 * SERVICE, figure: worst(waves, (r) => r.settled) },
      {
        bar: 'E1 … from 10 s, workers that start up for 1 s',
        limit: 2 * SERVICE,
        figure: worst(slow, (r) => r.settled),
      },
      { bar: 'E2 peak workers over the 50 needed', limit: 1.6, figure: worst(waves, (r) => r.peak) / 50 },
      { bar: 'E2 … workers that start up for 1 s', limit: 2, figure: worst(slow, (r) => r.peak) / 50 },
      { bar: 'E3 reversals a minute at need 50', limit: 1, figure: mean(waves.map((r) => r.busy.reversals)) },
      { bar: 'E3 reversals a minute at need 5', limit: 3, figure: mean(waves.map((r) => r.calm.reversals)) },
      {
        bar: 'E3 changes a minute',
        limit: 4,
        figure: mean(waves.map((r) => Math.max(r.busy.changes, r.calm.changes))),
      },
      { bar: 'E4 mean workers over mean need', limit: 1.6, figure: worst(waves, (r) => r.mean) / MEAN_NEED },
      { bar: 'E4 must miss it: HPA on depth', least: 2, figure: least(hpa, (r) => r.mean) / MEAN_NEED },
      {
        bar: 'E5 seconds after the fall until there are at most twice the 5 needed',
        limit: 35,
        figure: worst(waves, (r) => r.down) / 1_000,
      },
      { bar: 'E5 calls cut', limit: 0, figure: worst(waves, (r) => Math.max(0, r.cut)) },
      {
        bar: 'E6 runs with a size that is no integer in [min, max]',
        limit: 0,
        figure: waves.filter((r) => !r.whole).length,
      },
      { bar: 'E7 p95 wait under a sine of ±50 %, ms', limit: SERVICE, figure: worst(sines, (r) => r.wait) },
      { bar: 'E7 reversals a minute under the sine', limit: 3, figure: mean(sines.map((r) => r.reversals)) },
    ],
  };
}
