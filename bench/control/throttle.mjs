// Calls to something that accepts 500 a second, when 3,000 are to be made: bar S9.
import { atMost, built } from './bars.mjs';
import { mean, Simulation } from './simulation.mjs';

const RATE = 3_000;
const ACCEPTED = 500;
const RECOVERED = 4_000;
const K = 2;

/**
 * Made and refused calls in each second; the other side accepts `ACCEPTED` a second, and `RECOVERED` from second `recovery` on.
 *
 * @param {import('./bars.mjs').Sluice} sluice
 * @param {number} seed
 * @param {{ recovery: number, end: number, window: number }} options in seconds
 */
async function trace({ throttleCalls }, seed, { recovery, end, window }) {
  const sim = new Simulation(seed);
  const seconds = Array.from({ length: end }, () => ({ made: 0, refused: 0 }));
  let [tokens, filledAt] = [0, 0];
  const now = () => /** @type {{ made: number, refused: number }} */ (seconds[Math.floor(sim.time / 1_000)]);
  const accept = () => {
    now().made++;
    const rate = sim.time < recovery * 1_000 ? ACCEPTED : RECOVERED;
    tokens = Math.min(20, tokens + ((sim.time - filledAt) * rate) / 1_000);
    filledAt = sim.time;
    if (tokens < 1) throw Object.assign(new Error('busy'), { status: 503 });
    tokens--;
  };
  const call = throttleCalls(accept, { k: K, window: window * 1_000, scheduler: sim.scheduler });
  const { random } = Math;
  Math.random = sim.random; // the one thing that is not given to it
  try {
    for (;;) {
      const next = sim.time + sim.exponential(1_000 / RATE);
      if (next >= end * 1_000) return seconds;
      sim.runUntil(next);
      const made = now().made;
      await call().catch(() => undefined);
      if (now().made === made) now().refused++;
    }
  } finally {
    Math.random = random;
  }
}

/**
 * @param {number[]} seeds
 * @param {{ window?: number, sluice?: () => Promise<import('./bars.mjs').Sluice> }} [options] `window` in seconds
 */
export async function throttleBars(seeds, { window = 120, sluice = built } = {}) {
  const library = await sluice();
  const recovery = 2 * window;
  const runs = [];
  for (const seed of seeds) runs.push(await trace(library, seed, { recovery, end: 3 * window + 10, window }));
  const refused = (/** @type {{ made: number, refused: number }} */ second) =>
    second.refused / (second.made + second.refused);
  const steady = runs.map((seconds) => seconds.slice(window, recovery));
  const load = mean(steady.map((seconds) => mean(seconds.map(({ made }) => made))));
  const part = mean(steady.map((seconds) => mean(seconds.map(refused))));
  const recovered = runs.map((seconds) => {
    const last = seconds.findLastIndex((second) => refused(second) >= 0.01);
    return last + 1 - recovery;
  });
  return [
    atMost(
      `S9 calls made a second, off ${K} times what is accepted`,
      Math.abs((100 * load) / (K * ACCEPTED) - 100),
      5,
      '%',
    ),
    atMost('S9 part that is refused, off 0.667', Math.abs(part - 2 / 3), 0.02),
    atMost(
      'S9 from recovery until less than 0.01 are refused, of the window',
      (100 * Math.max(...recovered)) / window,
      100,
      '%',
    ),
  ];
}
