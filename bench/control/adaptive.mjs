// The pool that finds out what the other side bears: bars C1 to C8, against a server with K places and a queue.
import { Observable, Subject } from 'rxjs';
import { adaptive, boundedBuffer, pool, pull } from '../../dist/index.js';
import { between, least, worst } from './bars.mjs';
import { gradient2 } from './controls.mjs';
import { mean, quantile, Simulation } from './simulation.mjs';

const BASE = 50;
const SECOND = 1_000;
const MINUTE = 60_000;
/** What a drift is measured over. */
const LONG = 20 * MINUTE;

/** First come, first served, `places` at once. */
class Server {
  /** What a call takes when nothing queues. */
  base = BASE;
  /** @type {{ subscriber: import('rxjs').Subscriber<number>, at: number }[]} */
  queue = [];
  busy = 0;
  done = 0;
  stalled = false;

  /** @param {Simulation} sim @param {number} places */
  constructor(sim, places) {
    this.sim = sim;
    this.places = places;
  }

  /** @type {() => Observable<number>} */
  call = () =>
    new Observable((subscriber) => {
      const call = { subscriber, at: this.sim.time };
      this.queue.push(call);
      this.serve();
      if (this.stalled) this.timeOut(call);
    });

  /** From now on nothing is answered. */
  stall() {
    this.stalled = true;
    for (const call of this.queue) this.timeOut(call);
  }

  /** @param {{ subscriber: import('rxjs').Subscriber<number> }} call */
  timeOut(call) {
    this.sim.after(SECOND, () => {
      this.queue = this.queue.filter((other) => other !== call);
      call.subscriber.error(Object.assign(new Error('timeout'), { name: 'TimeoutError' }));
    });
  }

  serve() {
    while (!this.stalled && this.busy < this.places) {
      const call = this.queue.shift();
      if (call === undefined) return;
      if (call.subscriber.closed) continue;
      this.busy++;
      this.sim.after(this.sim.lognormal(this.base, 0.25), () => {
        this.busy--;
        this.done++;
        call.subscriber.next(this.sim.time - call.at);
        call.subscriber.complete();
        this.serve();
      });
    }
  }
}

/**
 * @param {number} seed
 * @param {{
 *   load?: number, places?: number, base?: number, latencyTarget?: number, end: number, wholeMs?: boolean,
 *   during?: (sim: Simulation, server: Server) => void, concurrency?: import('./controls.mjs').Rule,
 * }} options `load` in parts of the capacity; without one there is always more to do. With `wholeMs` the pool's clock has no parts of one.
 */
export function trace(
  seed,
  { load, places = 20, base = BASE, latencyTarget, end, wholeMs = false, during, concurrency },
) {
  const sim = new Simulation(seed);
  const server = new Server(sim, places);
  server.base = base;
  const scheduler = wholeMs ? { ...sim.scheduler, now: () => Math.floor(sim.time) } : sim.scheduler;
  const source = new Subject();
  /** @type {{ at: number, n: number, running: number, done: number, offered: number }[]} */
  const limits = [];
  /** @type {{ at: number, time: number }[]} */
  const times = [];
  /** @type {any} */
  let stage;
  let over = 0;
  let inFlight = 0;
  const work = () => {
    inFlight++;
    if (inFlight > stage.concurrency) over++;
    return new Observable((subscriber) => {
      const call = server.call().subscribe({
        next: (time) => times.push({ at: sim.time, time }),
        error: (error) => {
          inFlight--;
          subscriber.error(error);
        },
        complete: () => {
          inFlight--;
          subscriber.complete();
        },
      });
      return call;
    });
  };
  function* endless() {
    for (;;) yield sim.time;
  }
  const rule = concurrency ?? adaptive({ max: 200, latencyTarget, random: sim.random });
  const queue = boundedBuffer({ capacity: 50, overflow: 'drop-newest', scheduler });
  (load === undefined ? pull(endless()) : source.pipe(queue))
    .pipe(
      pool(work, {
        concurrency: rule,
        scheduler,
        retry: { attempts: Infinity, backoff: () => 1 },
        monitor: { add: (/** @type {any} */ added) => (stage = added) },
      }),
    )
    .subscribe();
  let offered = 0;
  if (load !== undefined)
    sim.arrivals(
      () => load * server.places * (1_000 / server.base),
      () => {
        offered++;
        source.next(sim.time);
      },
    );
  sim.every(100, () =>
    limits.push({ at: sim.time, n: stage.concurrency, running: inFlight, done: server.done, offered }),
  );
  during?.(sim, server);
  sim.runUntil(end);
  return { limits, times, over };
}

/** What was done in parts of what `places` could do. @param {any[]} limits @param {number} from @param {number} to @param {number} places */
function throughput(limits, from, to, places) {
  const part = between(limits, from, to);
  const seconds = (part.at(-1).at - part[0].at) / 1_000;
  return (part.at(-1).done - part[0].done) / (seconds * places * (1_000 / BASE));
}

/** Milliseconds until the limit stays within 30 % of its later mean, for 8 of the next 10 s. @param {any[]} limits @param {number} from */
function settled(limits, from) {
  const final = mean(between(limits, from + 20_000, from + 40_000).map((l) => l.n));
  const near = (/** @type {any} */ l) => Math.abs(l.n / final - 1) <= 0.3;
  for (let t = from; t < from + 30_000; t += 100) {
    const next = between(limits, t, t + 10_000);
    if (next.filter(near).length >= 0.8 * next.length) return t - from;
  }
  return Infinity;
}

const numbers = (/** @type {{ n: number }[]} */ limits) => limits.map(({ n }) => n);
const median = (/** @type {{ time: number }[]} */ times) =>
  quantile(
    times.map(({ time }) => time),
    0.5,
  );

/** A load that does not change, from 15 s on. @param {number} seed @param {{ places: number, load: number, latencyTarget?: number }} options */
function steady(seed, options) {
  const { limits, times, over } = trace(seed, { ...options, end: 60_000 });
  const ns = numbers(between(limits, 15_000, 60_000));
  return {
    over,
    throughput: throughput(limits, 15_000, 60_000, options.places),
    time: median(between(times, 15_000, 60_000)) / BASE,
    n: mean(ns) / options.places,
    deviation: Math.sqrt(mean(ns.map((n) => (n - mean(ns)) ** 2))) / mean(ns),
  };
}

/** K 20 → 10 → 40. @param {number} seed @param {{ latencyTarget?: number, concurrency?: import('./controls.mjs').Rule }} rule */
function step(seed, rule) {
  const { limits, times } = trace(seed, {
    ...rule,
    end: 3 * MINUTE,
    during: (sim, server) => {
      sim.after(MINUTE, () => (server.places = 10));
      sim.after(2 * MINUTE, () => (server.places = 40));
    },
  });
  return { down: settled(limits, MINUTE), up: settled(limits, 2 * MINUTE), limits, times };
}

/** How far the limit is from what it was at first, after `long` ms at three times the load. */
function drift(/** @type {number} */ seed, /** @type {number} */ long, /** @type {object} */ options) {
  const { limits } = trace(seed, { load: 3, ...options, end: long });
  const n = (/** @type {number} */ from, /** @type {number} */ to) =>
    mean(numbers(between(limits, from * long, to * long)));
  return Math.abs(n(0.9, 1) / n(0.15, 0.25) - 1);
}

/** Half of the load. @param {number} seed @param {number} [latencyTarget] */
function easy(seed, latencyTarget) {
  const { limits } = trace(seed, { load: 0.5, latencyTarget, end: 2 * MINUTE });
  const peak = Math.max(...limits.map((l) => l.running));
  const [first, last] = [limits[200], limits.at(-1)];
  return {
    n: Math.max(...numbers(limits)) / Math.max(20, 2.5 * peak),
    done: (last.done - first.done) / (last.offered - first.offered),
  };
}

/** Nothing is answered for half a minute. @param {number} seed @param {number} [latencyTarget] */
function stall(seed, latencyTarget) {
  const { limits } = trace(seed, {
    latencyTarget,
    end: 1.75 * MINUTE,
    during: (sim, server) => {
      sim.after(MINUTE, () => server.stall());
      sim.after(1.5 * MINUTE, () => {
        server.stalled = false;
        server.serve();
      });
    },
  });
  return {
    low: between(limits, 89_000, 89_900).at(-1).n,
    after: Math.max(...numbers(between(limits, 90_000, 100_000))),
  };
}

/** Calls take four times as long from 40 s on: limit over K a minute later. @param {number} seed */
function slower(seed) {
  const { limits } = trace(seed, {
    end: 2 * MINUTE,
    during: (sim, server) => sim.after(40_000, () => (server.base = 4 * BASE)),
  });
  return mean(numbers(between(limits, 100_000, 2 * MINUTE))) / 20;
}

/** Calls of half a millisecond on a clock of whole ones. @param {number} seed */
function short(seed) {
  const base = 0.5;
  const end = 8_000;
  const { limits, times } = trace(seed, { base, wholeMs: true, end });
  const part = between(limits, end / 2, end);
  const capacity = ((part.at(-1).at - part[0].at) / base) * 20;
  return { throughput: (part.at(-1).done - part[0].done) / capacity, time: median(between(times, end / 2, end)) };
}

/**
 * @param {number[]} seeds
 * @param {{ latencyTarget?: number, long?: number, places?: number[], loads?: number[], settles?: number }} [options]
 *   `long` is what the drift is measured over
 */
export function adaptiveBars(seeds, options = {}) {
  const { latencyTarget, long = LONG, places = [10, 20, 40], loads = [1.2, 3, 10], settles = 5_000 } = options;
  const cases = places.flatMap((k) => loads.map((load) => ({ places: k, load, latencyTarget })));
  const steadies = seeds.flatMap((seed) => cases.map((it) => steady(seed, it)));
  const steps = seeds.map((seed) => step(seed, { latencyTarget }));
  const easies = seeds.map((seed) => easy(seed, latencyTarget));
  const stalls = seeds.map((seed) => stall(seed, latencyTarget));
  const bars = [
    { bar: 'C1 throughput, parts of the capacity', least: 0.97, figure: least(steadies, (r) => r.throughput) },
    { bar: 'C2 median time over the idle one', limit: 1.5, figure: worst(steadies, (r) => r.time) },
    { bar: 'C2 mean limit over K, lowest', least: 1, figure: least(steadies, (r) => r.n) },
    { bar: 'C2 mean limit over K, highest', limit: 1.6, figure: worst(steadies, (r) => r.n) },
    { bar: 'C3 settled after 20 → 10, ms', limit: settles, figure: worst(steps, (r) => r.down) },
    { bar: 'C3 settled after 10 → 40, ms', limit: settles, figure: worst(steps, (r) => r.up) },
    {
      bar: 'C4 drift of the limit in 20 min',
      limit: 0.15,
      figure: Math.max(...seeds.map((seed) => drift(seed, long, { latencyTarget }))),
    },
    { bar: 'C5 deviation of the limit', limit: 0.15, figure: worst(steadies, (r) => r.deviation) },
    { bar: 'C6 limit with half of the load, over its bound', limit: 1, figure: worst(easies, (r) => r.n) },
    { bar: 'C6 done of half of the load', least: 0.99, figure: least(easies, (r) => r.done) },
    { bar: 'C7 limit at the end of a stall of 30 s', limit: 5, figure: worst(stalls, (r) => r.low) },
    { bar: 'C7 limit within 10 s after, over K', least: 0.8, figure: least(stalls, (r) => r.after) / 20 },
    { bar: 'C8 calls begun above the limit', limit: 0, figure: worst(steadies, (r) => r.over) },
  ];
  return { bars: latencyTarget === undefined ? [...bars, ...ownBars(seeds)] : bars };
}

/** What only the rule without a latency has to show. @param {number[]} seeds */
function ownBars(seeds) {
  const gradient = seeds.map((seed) => drift(seed, LONG, { concurrency: gradient2({ min: 20, max: 200 }) }));
  const shorts = seeds.map(short);
  return [
    { bar: 'C4 must miss it: Gradient2', least: 1, figure: Math.min(...gradient) },
    { bar: 'limit over K, calls having become four times as long', least: 0.8, figure: least(seeds, slower) },
    {
      bar: 'throughput, calls of 0.5 ms, a clock of whole ms',
      least: 0.97,
      figure: least(shorts, (r) => r.throughput),
    },
    { bar: '… their median time, ms', limit: 2.5, figure: worst(shorts, (r) => r.time) },
  ];
}

/** The limits of three rules while K changes. @param {number} seed @returns {import('./bars.mjs').Figure} */
export function adaptiveFigure(seed) {
  const rules = {
    adaptive: {},
    'adaptive, latencyTarget: 75': { latencyTarget: 1.5 * BASE },
    Gradient2: { concurrency: gradient2({ min: 20, max: 200 }) },
  };
  const traces = Object.entries(rules).map(([name, rule]) => ({ name, ...step(seed, rule) }));
  const places = [0, 60, 60, 120, 120, 180].map((x, i) => ({ name: 'K', x, y: [20, 20, 10, 10, 40, 40][i] }));
  const spans = Array.from({ length: 180 }, (_, i) => 1_000 * i);
  const limits = traces.flatMap(({ name, limits }) =>
    limits.filter((_, i) => i % 5 === 0).map(({ at, n }) => ({ name, x: at / 1_000, y: n })),
  );
  const times = traces.flatMap(({ name, times }) =>
    spans.map((at) => ({ name, x: at / 1_000, y: median(between(times, at, at + 1_000)) })),
  );
  return {
    name: 'adaptive',
    reference: 'K',
    title: 'A server of K places, which becomes half as large after 60 s and four times as large after 120 s',
    x: 'seconds',
    panels: [
      { y: 'limit', values: [...limits, ...places] },
      { y: 'median time of calls, ms', values: times },
    ],
  };
}
