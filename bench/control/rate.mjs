// Token buckets in virtual time: bars R1 to R3 and R6 to R9. Those on the real clock are in rateReal.mjs.
import { rateLimit, pull, tokenBucket } from '../../dist/index.js';
import { worst } from './bars.mjs';
import { Simulation } from './simulation.mjs';

const SECOND = 1_000;

/** A scheduler on a simulation's time, whose clock may be set and whose timers are counted. */
class Scheduler {
  /** Milliseconds by which the clock is fast. */
  by = 0;
  timers = 0;
  mostTimers = 0;

  /** @param {Simulation} sim */
  constructor(sim) {
    this.sim = sim;
  }

  now() {
    return this.sim.time + this.by;
  }

  /** @param {any} work @param {number} [delay] @param {any} [state] */
  schedule(work, delay = 0, state) {
    let live = true;
    const end = () => {
      if (live) this.timers--;
      live = false;
    };
    this.mostTimers = Math.max(this.mostTimers, ++this.timers);
    const ring = (/** @type {any} */ value) => {
      end();
      work(value);
    };
    const timer = this.sim.scheduler.schedule(ring, delay, state);
    timer.add(end);
    return timer;
  }
}

/**
 * How far what was taken went above rate × time + burst in the worst of all windows: a leaky bucket of its own, into which all goes that was
 * taken, holds in each moment what the worst window that ends there has above the rate.
 */
export class Envelope {
  level = 0;
  at = 0;
  above = -Infinity;

  /** @param {number} rate a millisecond @param {number} burst */
  constructor(rate, burst) {
    this.rate = rate;
    this.burst = burst;
  }

  /** @param {number} cost @param {number} at */
  taken(cost, at) {
    this.level = Math.max(0, this.level - this.rate * (at - this.at)) + cost;
    this.at = at;
    this.above = Math.max(this.above, this.level - this.burst);
  }
}

/** R1: any costs at any times. @param {number} seed @param {number} operations */
function anything(seed, operations) {
  const sim = new Simulation(seed);
  const [rate, burst] = [1 + 999 * sim.random(), 1 + Math.floor(100 * sim.random())];
  const bucket = tokenBucket({ rate, burst, scheduler: sim.scheduler });
  const envelope = new Envelope(rate / SECOND, burst);
  for (let i = 0; i < operations; i++) {
    sim.time += sim.random() < 0.5 ? 0 : sim.exponential(SECOND / rate);
    const cost = sim.random() < 0.5 ? 1 : burst * sim.random();
    if (bucket.tryTake(cost).ok) envelope.taken(cost, sim.time);
  }
  return envelope.above;
}

/** R2: values that `rateLimit` lets pass in 10 s, above or below what the rate allows. @param {number} rate @param {number} end */
function saturated(rate, end) {
  const sim = new Simulation(1);
  const burst = Math.max(1, rate / 20);
  let passed = 0;
  function* endless() {
    for (;;) yield 0;
  }
  const values = pull(endless()).pipe(rateLimit({ rate, burst, scheduler: sim.scheduler }));
  const subscription = values.subscribe(() => passed++);
  sim.runUntil(end);
  subscription.unsubscribe();
  return Math.abs(passed - Math.floor(burst + (rate * end) / SECOND));
}

/** Go's golang.org/x/time/rate, 10 a second, burst 3: tenths of a second, tokens before, cost, ok. */
const GO = /** @type {const} */ ([
  [0, 3, 2, true],
  [0, 1, 2, false],
  [0, 1, 1, true],
  [0, 0, 1, false],
  [1, 1, 4, false],
  [2, 2, 1, true],
  [3, 2, 1, true],
  [4, 2, 1, true],
  [4, 1, 1, true],
  [4, 0, 1, false],
  [9, 3, 3, true],
  [9, 0, 0, true],
]);
/** throttled, 1 a second, burst 5: seconds, cost, ok, remaining, reset, retry. */
const THROTTLED = /** @type {const} */ ([
  [0, 6, false, 5, 0, Infinity],
  [0, 1, true, 4, 1, 0],
  [0, 1, true, 3, 2, 0],
  [0, 1, true, 2, 3, 0],
  [0, 1, true, 1, 4, 0],
  [0, 1, true, 0, 5, 0],
  [0, 1, false, 0, 5, 1],
  [3, 1, true, 2, 3, 0],
  [3.1, 1, true, 1, 3.9, 0],
  [4, 1, true, 1, 4, 0],
  [8, 1, true, 4, 1, 0],
  [9.5, 1, true, 4, 1, 0],
  [9.5, 0, true, 4, 1, 0],
  [9.5, 2, true, 2, 3, 0],
  [9.5, 5, false, 2, 3, 3],
  [15, 6, false, 5, 0, Infinity],
]);

/** What a bucket answers; a cost above the burst is an error of ours, and never. @param {import('../../dist/index.js').TokenBucket} bucket @param {number} cost */
function answer(bucket, cost) {
  if (cost > bucket.burst) return { ...bucket.peek(0), ok: false, retryAfter: Infinity };
  return bucket.tryTake(cost);
}

/** R3: answers that differ from the vectors. Guava's weights are of a bucket that goes into debt, which this one does not. */
function vectors() {
  const sim = new Simulation(1);
  const { scheduler } = sim;
  let wrong = 0;
  const go = tokenBucket({ rate: 10, burst: 3, scheduler });
  for (const [tenths, tokens, cost, ok] of GO) {
    sim.time = tenths * 100;
    if (go.peek(0).remaining !== tokens || answer(go, cost).ok !== ok) wrong++;
  }
  sim.time = 0;
  const throttled = tokenBucket({ rate: 1, burst: 5, scheduler });
  for (const [seconds, cost, ...expected] of THROTTLED) {
    sim.time = seconds * SECOND;
    const { ok, remaining, resetAfter, retryAfter } = answer(throttled, cost);
    const got = [ok, remaining, resetAfter / SECOND, retryAfter / SECOND];
    const same = (/** @type {any} */ a, /** @type {any} */ b) => a === b || Math.abs(a - b) < 1e-9;
    if (!got.every((value, i) => same(value, expected[i]))) wrong++;
  }
  sim.time = 0;
  if (!tokenBucket({ rate: 0.7692307692307693, burst: 1, scheduler }).tryTake().ok) wrong++;
  const long = tokenBucket({ rate: 100, burst: 100, scheduler });
  let taken = 0;
  for (; sim.time <= 5 * SECOND; sim.time += 2) if (long.tryTake().ok) taken++;
  if (taken < 0.999 * 600 || taken > 601) wrong++;
  return wrong;
}

/** R6: a clock that is set back 10 s, and one that is set forward an hour. @param {number} seed */
function jumps(seed) {
  const sim = new Simulation(seed);
  const scheduler = new Scheduler(sim);
  const [rate, burst] = [100, 10];
  const bucket = tokenBucket({ rate, burst, scheduler });
  const envelope = new Envelope(rate / SECOND, burst);
  let [last, pause] = [0, 0];
  const poll = (/** @type {number} */ end) => {
    for (; sim.time < end; sim.time += sim.random()) {
      if (!bucket.tryTake().ok) continue;
      pause = Math.max(pause, sim.time - last);
      last = sim.time;
      envelope.taken(1, sim.time);
    }
  };
  poll(5 * SECOND);
  scheduler.by = -10 * SECOND;
  poll(10 * SECOND);
  scheduler.by = 3_600 * SECOND;
  let burstThen = 0;
  while (bucket.tryTake().ok) burstThen++;
  return { above: envelope.above, pause, burstThen };
}

/** R7: tokens of a third of a millisecond, as many as there are: the difference to what the rate allows. @param {number} count */
function drift(count) {
  const sim = new Simulation(1);
  const bucket = tokenBucket({ rate: 3_000, burst: 3, scheduler: sim.scheduler });
  let taken = 0;
  for (; sim.time < count / 3; sim.time++) while (bucket.tryTake().ok) taken++;
  return Math.abs(taken - (3 + 3 * (sim.time - 1)));
}

/** R8: a line of those who wait, some of whom give up. @param {number} seed @param {number} count */
async function line(seed, count) {
  const sim = new Simulation(seed);
  const [rate, burst] = [100, 10];
  const bucket = tokenBucket({ rate, burst, scheduler: sim.scheduler });
  const envelope = new Envelope(rate / SECOND, burst);
  /** @type {{ id: number, cost: number, due: number }[]} */
  const waiting = [];
  let [overtaken, late] = [0, 0];
  for (let id = 0; id < count; id++) {
    const cost = 1 + Math.floor(burst * sim.random());
    const ahead = waiting.reduce((sum, it) => sum + it.cost, 0);
    const due = sim.time + Math.max(0, ((ahead + cost - bucket.peek(0).remaining) / rate) * SECOND);
    const it = { id, cost, due };
    const controller = new AbortController();
    waiting.push(it);
    const leave = () => waiting.splice(waiting.indexOf(it), 1);
    const taken = () => {
      if (waiting[0] !== it) overtaken++;
      leave();
      late = Math.max(late, sim.time - due);
      envelope.taken(cost, sim.time);
    };
    bucket.take(cost, { signal: controller.signal }).then(taken, () => {});
    const giveUp = () => {
      if (!waiting.includes(it)) return;
      leave();
      controller.abort();
    };
    if (sim.random() < 0.2) sim.after(sim.exponential(100), giveUp);
    const end = sim.time + sim.exponential(60);
    do
      await Promise.resolve(); // what came true is seen before time goes on
    while (sim.step(end));
  }
  return { overtaken, late, above: envelope.above };
}

/** R9: timers while many wait for several keys, and when none does; keys that are kept. */
async function housekeeping() {
  const sim = new Simulation(1);
  const scheduler = new Scheduler(sim);
  const bucket = tokenBucket({ rate: 100, burst: 1, scheduler });
  const all = Promise.all(Array.from({ length: 500 }, (_, i) => bucket.take(1, { key: i % 10 })));
  sim.runUntil(60 * SECOND);
  await all;
  const { mostTimers, timers: idleTimers } = scheduler;
  for (let i = 0; i < 100_000; i++) {
    sim.time++;
    bucket.tryTake(1, `key ${i}`);
  }
  return { mostTimers, idleTimers, keys: bucket.keys };
}

/** @param {number[]} seeds @param {{ operations?: number, seconds?: number, tokens?: number, waits?: number }} [size] */
export async function rateBars(seeds, { operations = 1e6, seconds = 10, tokens = 1e7, waits = 2_000 } = {}) {
  const jumped = seeds.map(jumps);
  const lines = await Promise.all(seeds.map((seed) => line(seed, waits)));
  const { mostTimers, idleTimers, keys } = await housekeeping();
  const counts = [100, 1_000, 5_000, 20_000].map((rate) => saturated(rate, seconds * SECOND));
  return {
    bars: [
      {
        bar: 'R1 tokens above rate × time + burst, any window',
        limit: 1e-6,
        figure: worst(seeds, (seed) => anything(seed, operations)),
      },
      { bar: 'R2 values more or less than ⌊burst + rate × time⌋', limit: 1, figure: Math.max(...counts) },
      { bar: "R3 answers unlike Go's and throttled's", limit: 0, figure: vectors() },
      { bar: 'R6 tokens above the envelope, clock 10 s back', limit: 1e-6, figure: worst(jumped, (r) => r.above) },
      {
        bar: 'R6 longest pause, tokens of 10 ms, clock 10 s back, ms',
        limit: 12,
        figure: worst(jumped, (r) => r.pause),
      },
      {
        bar: 'R6 tokens at once, burst of 10, clock 1 h forward',
        limit: 10,
        figure: worst(jumped, (r) => r.burstThen),
      },
      { bar: 'R7 tokens of 1/3 ms off', limit: 1, figure: drift(tokens) },
      { bar: 'R8 overtaken in the line', limit: 0, figure: worst(lines, (r) => r.overtaken) },
      { bar: 'R8 later than cost ahead and own, less tokens, ms', limit: 2, figure: worst(lines, (r) => r.late) },
      { bar: 'R8 tokens above the envelope', limit: 1e-6, figure: worst(lines, (r) => r.above) },
      { bar: 'R9 timers while 500 wait', limit: 1, figure: mostTimers },
      { bar: 'R9 timers when nobody waits', limit: 0, figure: idleTimers },
      { bar: 'R9 keys kept of 100,000 used, 10 of them lately', limit: 3_000, figure: keys },
    ],
  };
}
