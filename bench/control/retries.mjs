// Retries with a budget, and without one, against a server that breaks down for 10 s; and the jitter between them: bars X1 and X2.
import { Observable } from 'rxjs';
import { decorrelated, pool, pull, retryBudget } from '../../dist/index.js';
import { between, least, worst } from './bars.mjs';
import { mean, Simulation } from './simulation.mjs';

const SECOND = 1_000;
/** Requests a second, and what the server can do of them. */
const OFFERED = 400;
const CAPACITY = 500;
const BROKEN = 150;
/** When it breaks down, and is well again. */
const BREAKS = 20 * SECOND;
const MENDS = 30 * SECOND;
/** Calls that wait in the server; more are refused. Those in excess of a second's work are served when nobody waits for them any more. */
const QUEUE = 1_000;
const TIMEOUT = SECOND;
const ATTEMPTS = 4;

/** @typedef {{ end: number, scale: number }} Size `scale` multiplies rates and what waits: the quick form does less of the same. */

/** One call at a time, first come, first served; it does not know who has given up. */
class Server {
  /** @type {import('rxjs').Subscriber<never>[]} */
  queue = [];
  busy = false;

  /** @param {Simulation} sim @param {number} scale */
  constructor(sim, scale) {
    this.sim = sim;
    this.capacity = CAPACITY * scale;
    this.places = QUEUE * scale;
  }

  call() {
    return new Observable((subscriber) => {
      if (this.queue.length >= this.places) return subscriber.error(new Error('full'));
      this.queue.push(subscriber);
      this.serve();
    });
  }

  serve() {
    const next = this.busy ? undefined : this.queue.shift();
    if (next === undefined) return;
    this.busy = true;
    this.sim.after(this.sim.exponential(SECOND / this.capacity), () => {
      this.busy = false;
      next.complete();
      this.serve();
    });
  }
}

/**
 * Each request is a pool of its own, as where each HTTP request makes a call; they share the budget.
 *
 * @param {number} seed @param {Size} size
 * @param {(scheduler: import('rxjs').SchedulerLike) => import('../../dist/index.js').RetryBudget | undefined} budgetFor
 */
export function outage(seed, { end, scale }, budgetFor) {
  const sim = new Simulation(seed);
  const server = new Server(sim, scale);
  const { scheduler } = sim;
  const budget = budgetFor(scheduler);
  const backoff = decorrelated({ base: 50, max: 500 });
  const retry = {
    attempts: ATTEMPTS,
    backoff: {
      delay: (/** @type {number} */ attempt, /** @type {number} */ before) =>
        backoff.delay(attempt, before, sim.random),
    },
    budget,
  };
  /** @type {{ at: number, ok: boolean }[]} */
  const requests = [];
  /** @type {{ at: number }[]} */
  const attempts = [];
  const work = () => {
    attempts.push({ at: sim.time });
    return server.call();
  };
  const request = () => {
    const made = { at: sim.time, ok: false };
    requests.push(made);
    pull([0])
      .pipe(pool(work, { concurrency: 1, timeout: TIMEOUT, retry, scheduler }))
      .subscribe({ complete: () => (made.ok = true), error: () => {} });
  };
  sim.arrivals(() => OFFERED * scale, request);
  sim.after(BREAKS, () => (server.capacity = BROKEN * scale));
  sim.after(MENDS, () => (server.capacity = CAPACITY * scale));
  sim.runUntil(end + ATTEMPTS * (TIMEOUT + 500));
  return { requests, attempts };
}

/** Requests of a span of time that were answered, in parts of them. @param {{ at: number, ok: boolean }[]} requests @param {number} from @param {number} to */
export function goodput(requests, from, to) {
  const all = between(requests, from, to);
  return all.filter(({ ok }) => ok).length / all.length;
}

/** @param {number} seed @param {Size} size @param {Parameters<typeof outage>[2]} budgetFor */
function measure(seed, size, budgetFor) {
  const { requests, attempts } = outage(seed, size, budgetFor);
  const broken = /** @type {const} */ ([BREAKS, MENDS]);
  return {
    requests,
    load: between(attempts, ...broken).length / between(requests, ...broken).length,
    back: goodput(requests, MENDS + 20 * SECOND, size.end),
  };
}

/** The waits of calls that fail again and again. @param {number} seed */
function jitter(seed) {
  const { random } = new Simulation(seed);
  const [base, max] = [100, 10_000];
  const backoff = decorrelated({ base, max });
  let outside = 0;
  const ratios = [];
  for (let call = 0; call < 2_000; call++) {
    let wait = 0;
    for (let attempt = 1; attempt <= 10; attempt++) {
      const next = backoff.delay(attempt, wait, random);
      if (next < base || next > max) outside++;
      if (wait > 0) ratios.push(next / wait);
      wait = next;
    }
  }
  return { outside, ratio: mean(ratios) };
}

/** @typedef {ReturnType<typeof measure>} Measured */

/** @param {Measured | undefined} ours @param {Measured | undefined} wild @param {number} end @returns {import('./bars.mjs').Figure} */
function figure(ours, wild, end) {
  const line = (/** @type {string} */ name, /** @type {Measured | undefined} */ measured) =>
    Array.from({ length: end / SECOND }, (_, i) => ({
      name,
      x: i,
      y: 100 * goodput(/** @type {Measured} */ (measured).requests, i * SECOND, (i + 1) * SECOND),
    }));
  const values = [...line('with a budget of 10 %', ours), ...line('without', wild)];
  return {
    name: 'retries',
    title: 'A server that can do 500 a second, from 20 s to 30 s only 150; 400 come, with 3 retries each',
    x: 'seconds',
    panels: [{ y: '% of the requests answered', values }],
  };
}

/** @param {number[]} seeds @param {Partial<Size>} [size] */
export function retryBars(seeds, { end = 70 * SECOND, scale = 1 } = {}) {
  const size = { end, scale };
  const budget = (/** @type {import('rxjs').SchedulerLike} */ scheduler) =>
    retryBudget({ ratio: 0.1, minPerSecond: scale, scheduler });
  const rows = seeds.map((seed) => measure(seed, size, budget));
  const wild = seeds.map((seed) => measure(seed, size, () => undefined));
  const jitters = seeds.map(jitter);
  return {
    figures: () => [figure(rows[0], wild[0], end)],
    bars: [
      { bar: 'X1 attempts over requests in the outage', limit: 1.15, figure: worst(rows, (r) => r.load) },
      { bar: 'X1 answered of the requests from 20 s after it', least: 0.95, figure: least(rows, (r) => r.back) },
      { bar: 'X1 must miss it: without a budget', limit: 0.05, figure: worst(wild, (r) => r.back) },
      { bar: 'X2 waits outside [base, max]', limit: 0, figure: worst(jitters, (r) => r.outside) },
      { bar: 'X2 mean of a wait over the one before', limit: 2, figure: worst(jitters, (r) => r.ratio) },
    ],
  };
}
