// Single operations, measured by the `benchmark` package.
import Benchmark from 'benchmark';

/** @param {Record<string, () => unknown>} cases @returns {Promise<Record<string, number>>} operations a second */
export function operations(cases) {
  const suite = new Benchmark.Suite();
  for (const [name, operation] of Object.entries(cases)) suite.add(name, operation);
  return new Promise((resolve) => {
    suite
      .on('complete', () => resolve(Object.fromEntries(suite.map((/** @type {any} */ one) => [one.name, one.hz]))))
      .run();
  });
}
