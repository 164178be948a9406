// The pool that finds out what the other side bears: bars C1 to C8, against a server with K places and a queue.
import { Observable, Subject } from 'rxjs';
import { adaptive, boundedBuffer, pool, pull } from '../../dist/index.js';
import { mean, quantile, Simulation } from './simulation.mjs';

const BASE = 50;
const SECOND = 1_000;
const MINUTE = 60_000;

/** First come, first served, `places` at once. */
class Server {
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
      this.sim.after(this.sim.lognormal(BASE, 0.25), () => {
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
 * @param {{ load?: number, places?: number, latencyTarget?: number, end: number, during?: (sim: Simulation, server: Server) => void, concurrency?: any }} options
 *   `load` in parts of the capacity; without one there is always more to do
 */
export function trace(seed, { load, places = 20, latencyTarget, end, during, concurrency }) {
  const sim = new Simulation(seed);
  const server = new Server(sim, places);
  const source = new Subject();
  /** @type {{ at: number, n: number, running: number, done: number }[]} */
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
  const queue = boundedBuffer({ capacity: 50, overflow: 'drop-newest', scheduler: sim.scheduler });
  (load === undefined ? pull(endless()) : source.pipe(queue))
    .pipe(
      pool(work, {
        concurrency: rule,
        scheduler: sim.scheduler,
        retry: { attempts: Infinity, backoff: () => 1 },
        monitor: { add: (/** @type {any} */ added) => (stage = added) },
      }),
    )
    .subscribe();
  if (load !== undefined)
    sim.arrivals(
      () => load * server.places * (1_000 / BASE),
      () => source.next(sim.time),
    );
  sim.every(100, () => limits.push({ at: sim.time, n: stage.concurrency, running: inFlight, done: server.done }));
  during?.(sim, server);
  sim.runUntil(end);
  return { limits, times, over };
}

const between = (/** @type {any[]} */ list, /** @type {number} */ from, /** @type {number} */ to) =>
  list.filter(({ at }) => at >= from && at < to);

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

/** @param {number[]} seeds @param {{ latencyTarget?: number, long?: number }} [options] */
export function run(seeds, { latencyTarget, long = 20 * MINUTE } = {}) {
  const steady = seeds.flatMap((seed) =>
    [10, 20, 40].flatMap((places) =>
      [1.2, 3, 10].map((load) => {
        const { limits, times, over } = trace(seed, { load, places, latencyTarget, end: 60_000 });
        const ns = between(limits, 15_000, 60_000).map((l) => l.n);
        return {
          places,
          load,
          over,
          throughput: throughput(limits, 15_000, 60_000, places),
          rtt:
            quantile(
              between(times, 15_000, 60_000).map((t) => t.time),
              0.5,
            ) / BASE,
          n: mean(ns) / places,
          deviation: Math.sqrt(mean(ns.map((n) => (n - mean(ns)) ** 2))) / mean(ns),
        };
      }),
    ),
  );
  const steps = seeds.map((seed) => {
    const { limits, times } = trace(seed, {
      latencyTarget,
      end: 3 * MINUTE,
      during: (sim, server) => {
        sim.after(MINUTE, () => (server.places = 10));
        sim.after(2 * MINUTE, () => (server.places = 40));
      },
    });
    return { down: settled(limits, MINUTE), up: settled(limits, 2 * MINUTE), limits, times };
  });
  const drifts = seeds.map((seed) => {
    const { limits } = trace(seed, { latencyTarget, end: long });
    const n = (/** @type {number} */ from, /** @type {number} */ to) =>
      mean(between(limits, from * long, to * long).map((l) => l.n));
    return Math.abs(n(0.9, 1) / n(0.15, 0.25) - 1);
  });
  const limited = seeds.map((seed) => {
    const { limits } = trace(seed, { load: 0.5, latencyTarget, end: 2 * MINUTE });
    const peak = Math.max(...limits.map((l) => l.running));
    return {
      n: Math.max(...limits.map((l) => l.n)) / Math.max(20, 2.5 * peak),
      throughput: throughput(limits, 20_000, 2 * MINUTE, 10),
    };
  });
  const stalls = seeds.map((seed) => {
    const { limits } = trace(seed, {
      latencyTarget,
      end: 2 * MINUTE,
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
      after: Math.max(...between(limits, 90_000, 100_000).map((l) => l.n)),
    };
  });
  const worst = (/** @type {any[]} */ list, /** @type {(row: any) => number} */ of) => Math.max(...list.map(of));
  const least = (/** @type {any[]} */ list, /** @type {(row: any) => number} */ of) => Math.min(...list.map(of));
  return {
    steps,
    steady,
    bars: [
      { bar: 'C1 throughput, parts of the capacity', least: 0.97, figure: least(steady, (r) => r.throughput) },
      { bar: 'C2 median time over the idle one', limit: 1.5, figure: worst(steady, (r) => r.rtt) },
      { bar: 'C2 mean limit over K, lowest', least: 1, figure: least(steady, (r) => r.n) },
      { bar: 'C2 mean limit over K, highest', limit: 1.6, figure: worst(steady, (r) => r.n) },
      { bar: 'C3 settled after 20 → 10, ms', limit: 5_000, figure: worst(steps, (r) => r.down) },
      { bar: 'C3 settled after 10 → 40, ms', limit: 5_000, figure: worst(steps, (r) => r.up) },
      { bar: 'C4 drift of the limit in 20 min', limit: 0.15, figure: Math.max(...drifts) },
      { bar: 'C5 deviation of the limit', limit: 0.15, figure: worst(steady, (r) => r.deviation) },
      { bar: 'C6 limit with half of the load, over its bound', limit: 1, figure: worst(limited, (r) => r.n) },
      { bar: 'C6 throughput with half of the load', least: 0.99, figure: least(limited, (r) => r.throughput) },
      { bar: 'C7 limit at the end of a stall of 30 s', limit: 5, figure: worst(stalls, (r) => r.low) },
      { bar: 'C7 limit within 10 s after, over K', least: 0.8, figure: least(stalls, (r) => r.after) / 20 },
      { bar: 'C8 calls begun above the limit', limit: 0, figure: worst(steady, (r) => r.over) },
    ],
  };
}
