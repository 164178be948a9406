// What elastic and adaptive add to the pool's cost of a value: the same pool with a number, in turns. Needs a quiet machine.
import { adaptive, elastic, pool, pull } from '../../dist/index.js';
import { quantile } from './simulation.mjs';

const AT_ONCE = 16;
/** With `min` as `max`, so that all run as many calls at once. @type {Record<string, () => any>} */
const RULES = {
  number: () => AT_ONCE,
  elastic: () => elastic({ min: AT_ONCE, max: AT_ONCE }),
  adaptive: () => adaptive({ min: AT_ONCE, max: AT_ONCE }),
  'adaptive, latencyTarget': () => adaptive({ min: AT_ONCE, max: AT_ONCE, latencyTarget: 100 }),
};

/** Nanoseconds a value. @param {any} concurrency @param {number} values */
async function cost(concurrency, values) {
  const list = Array.from({ length: values }, (_, i) => i);
  const from = performance.now();
  await new Promise((resolve, reject) => {
    pull(list)
      .pipe(pool(async (n) => n, { concurrency }))
      .subscribe({ complete: () => resolve(undefined), error: reject });
  });
  return ((performance.now() - from) * 1e6) / values;
}

/** @param {{ values?: number, rounds?: number }} [size] */
export async function overheadBars({ values = 300_000, rounds = 25 } = {}) {
  /** @type {Record<string, number[]>} */
  const costs = Object.fromEntries(Object.keys(RULES).map((name) => [name, []]));
  for (let round = -3; round < rounds; round++) {
    const names = Object.keys(RULES);
    if (round % 2 === 0) names.reverse(); // what comes first has a fuller heap behind it, or an emptier one
    for (const name of names) {
      const ns = await cost(/** @type {() => any} */ (RULES[name])(), values);
      if (round >= 0) /** @type {number[]} */ (costs[name]).push(ns);
    }
  }
  const { number = [], ...rules } = costs;
  return {
    ns: Object.fromEntries(Object.entries(costs).map(([name, all]) => [name, quantile(all, 0.5)])),
    bars: Object.entries(rules).map(([name, all]) => ({
      bar: `cost of a value in a pool with ${name}, over one with a number`,
      limit: 1.1,
      figure: quantile(
        all.map((ns, i) => ns / /** @type {number} */ (number[i])),
        0.5,
      ),
    })),
  };
}
