// Rates on the real clock, ours and others': bars R1, R4, R5 and R9. Needs a quiet machine.
import Bottleneck from 'bottleneck';
import { RateLimiter } from 'limiter';
import pThrottle from 'p-throttle';
import { RateLimiterMemory, RateLimiterQueue } from 'rate-limiter-flexible';
import { asyncScheduler } from 'rxjs';
import { pull, rateLimit, tokenBucket } from '../../dist/index.js';
import { worst } from './bars.mjs';
import { Envelope } from './rate.mjs';
import { mean, quantile } from './simulation.mjs';

const RATES = [100, 1_000, 5_000, 20_000];
const SECOND = 1_000;
/** Before this a burst passes and the code gets warm. */
const WARM_UP = 500;
/** The event loop does something else for so long, so often. */
const BLOCK = 15;
const EVERY = 50;
/** Of this rate there is a chart. */
const CHARTED = 1_000;
/** Callers of a peer that always have more to do. */
const CALLERS = 32;

/** A limiter at work: `pass` is called each time, `stop` ends it. @typedef {(rate: number, pass: () => void) => () => void} Peer */

/** Callers that wait for `take` again and again. @param {() => PromiseLike<unknown>} take @param {() => void} pass */
function callers(take, pass) {
  let over = false;
  const caller = async () => {
    while (!over) {
      await take();
      if (!over) pass();
    }
  };
  for (let i = 0; i < CALLERS; i++) void caller();
  return () => void (over = true);
}

/** Each as its documentation says for so many a second. @type {Record<string, Peer>} */
export const PEERS = {
  sluice: (rate, pass) => {
    function* endless() {
      for (;;) yield 0;
    }
    const subscription = pull(endless()).pipe(rateLimit({ rate })).subscribe(pass);
    return () => subscription.unsubscribe();
  },
  bottleneck: (rate, pass) => {
    const limiter = new Bottleneck({ minTime: SECOND / rate });
    return callers(() => limiter.schedule(() => Promise.resolve()), pass);
  },
  'p-throttle': (rate, pass) =>
    callers(
      pThrottle({ limit: rate, interval: SECOND })(async () => {}),
      pass,
    ),
  'p-throttle, strict': (rate, pass) =>
    callers(
      pThrottle({ limit: rate, interval: SECOND, strict: true })(async () => {}),
      pass,
    ),
  limiter: (rate, pass) => {
    const limiter = new RateLimiter({ tokensPerInterval: rate, interval: 'second' });
    return callers(() => limiter.removeTokens(1), pass);
  },
  'rate-limiter-flexible': (rate, pass) => {
    const queue = new RateLimiterQueue(new RateLimiterMemory({ points: rate, duration: 1 }));
    return callers(() => queue.removeTokens(1), pass);
  },
};

/** When a limiter let something pass, for so many seconds. @param {Peer} peer @param {number} rate @param {number} seconds @param {boolean} blocked */
async function record(peer, rate, seconds, blocked) {
  /** @type {number[]} */
  const times = [];
  const block = () => {
    for (const end = performance.now() + BLOCK; performance.now() < end;);
  };
  const blocks = blocked ? setInterval(block, EVERY) : undefined;
  const stop = peer(rate, () => times.push(performance.now()));
  await new Promise((resolve) => setTimeout(resolve, WARM_UP + seconds * SECOND));
  stop();
  clearInterval(blocks);
  return times;
}

/**
 * The slope of the line that fits best to how many had passed when: what passes comes in bunches, and it is not to matter where in one the
 * time begins and ends.
 *
 * @param {number[]} times
 */
export function rateOf(times) {
  const from = (times[0] ?? 0) + WARM_UP;
  const warm = times.filter((time) => time >= from);
  const [middle, half] = [mean(warm), (warm.length - 1) / 2];
  let [product, square] = [0, 0];
  for (const [i, time] of warm.entries()) {
    product += (time - middle) * (i - half);
    square += (time - middle) ** 2;
  }
  return (product / square) * SECOND;
}

/** The most that passed in any second. @param {number[]} times */
export function mostInASecond(times) {
  let [most, first] = [0, 0];
  for (const [i, time] of times.entries()) {
    while (/** @type {number} */ (times[first]) <= time - SECOND) first++;
    most = Math.max(most, i - first + 1);
  }
  return most;
}

/** How far above or below the rate all was up to a time, from when it is warm. @param {number[]} times @param {number} rate */
function progress(times, rate) {
  const from = (times[0] ?? 0) + WARM_UP;
  const points = [];
  const last = times.at(-1) ?? 0;
  for (let [at, i, before] = [from + 100, 0, 0]; at < last; at += 100) {
    for (; /** @type {number} */ (times[i]) <= at; i++) if (/** @type {number} */ (times[i]) <= from) before++;
    points.push({ x: (at - from) / SECOND, y: (100 * (i - before) * SECOND) / (rate * (at - from)) - 100 });
  }
  return points;
}

/** How far our limiter went above rate × time + burst by the clock that it goes by. @param {number} rate @param {number} seconds */
async function envelopeOf(rate, seconds) {
  let read = 0;
  const scheduler = {
    now: () => (read = Date.now()),
    schedule: asyncScheduler.schedule.bind(asyncScheduler),
  };
  const burst = Math.max(1, rate / 20);
  const envelope = new Envelope(rate / SECOND, burst);
  function* endless() {
    for (;;) yield 0;
  }
  const values = pull(endless()).pipe(rateLimit({ rate, burst, scheduler }));
  const subscription = values.subscribe(() => envelope.taken(1, read));
  await new Promise((resolve) => setTimeout(resolve, seconds * SECOND));
  subscription.unsubscribe();
  return envelope.above;
}

/** `tryTake` beside a loop with nothing but the algorithm, in turns: millions a second. @param {number} count */
function takes(count) {
  const [interval, burst] = [1e-6, 1e8];
  let fullAt = 0;
  const bare = () => {
    const now = Date.now();
    const full = Math.max(fullAt, now);
    if (full + (1 - burst) * interval > now) return false;
    fullAt = full + interval;
    return true;
  };
  const bucket = tokenBucket({ rate: 1e9, burst });
  /** @type {Record<string, () => boolean>} */
  const cases = {
    bare,
    ours: () => bucket.tryTake().ok,
    keyed: () => bucket.tryTake(1, 'key').ok,
  };
  /** @type {Record<string, number[]>} */
  const speeds = { bare: [], ours: [], keyed: [] };
  for (let round = 0; round < 9; round++) {
    for (const [name, take] of Object.entries(cases)) {
      const from = performance.now();
      let taken = 0;
      for (let i = 0; i < count; i++) if (take()) taken++;
      const speed = taken / (performance.now() - from) / 1_000;
      if (round > 1) /** @type {number[]} */ (speeds[name]).push(speed);
    }
  }
  const median = (/** @type {string} */ name) => quantile(/** @type {number[]} */ (speeds[name]), 0.5);
  return { bare: median('bare'), ours: median('ours'), keyed: median('keyed') };
}

/** @param {{ name: string, line: { x: number, y: number }[] }[]} rows @returns {import('./bars.mjs').Figure} */
function figure(rows) {
  const values = rows.flatMap(({ name, line }) => line.map((point) => ({ name, ...point })));
  return {
    name: 'rate',
    title: `What came through of ${CHARTED} a second, up to a time, with blocks of 15 ms each 50 ms`,
    x: 'seconds',
    panels: [{ y: '% above the rate', values }],
  };
}

/** @param {{ seconds?: number, rates?: number[], count?: number }} [size] */
export async function realRateBars({ seconds = 5, rates = RATES, count = 2e6 } = {}) {
  const speed = takes(count);
  const rows = [];
  for (const rate of rates) {
    for (const blocked of [false, true]) {
      for (const [name, peer] of Object.entries(PEERS)) {
        const times = await record(peer, rate, seconds, blocked);
        const error = rateOf(times) / rate - 1;
        const line = rate === CHARTED && blocked ? progress(times, rate) : [];
        rows.push({ name, rate, blocked, error, most: mostInASecond(times) / rate, line });
        console.log(`${name}, ${rate} a second${blocked ? ', blocked' : ''}: ${(100 * error).toFixed(2)} %`);
      }
    }
  }
  const above = [];
  for (const rate of rates) above.push(await envelopeOf(rate, Math.min(2, seconds)));
  const ours = (/** @type {boolean} */ blocked) =>
    worst(
      rows.filter((row) => row.name === 'sluice' && row.blocked === blocked),
      (row) => Math.abs(row.error),
    );
  return {
    figures: () => [figure(rows)],
    rows: rows.map(({ name, rate, blocked, error, most }) => ({ name, rate, blocked, error, most })),
    speed,
    bars: [
      { bar: 'R1 tokens above rate × time + burst, real clock', limit: 1e-6, figure: Math.max(...above) },
      { bar: 'R4 part of the rate off, real clock', limit: 0.005, figure: ours(false) },
      { bar: 'R5 … with blocks of 15 ms each 50 ms', limit: 0.005, figure: ours(true) },
      { bar: 'R9 tryTake, millions a second', least: 8, figure: speed.ours },
      { bar: 'R9 … over a loop with nothing but the algorithm', least: 0.5, figure: speed.ours / speed.bare },
    ],
  };
}
