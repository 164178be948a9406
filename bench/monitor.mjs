// What a monitor costs a value: each case in processes of its own, with and without, CPU time, the least of many runs. `node bench/monitor.mjs`
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { map } from 'rxjs';
import { boundedBuffer, pool, pull, Sink } from '../dist/index.js';
import { createMonitor } from '../dist/monitor.js';

function* numbers(/** @type {number} */ n) {
  for (let i = 0; i < n; i++) yield i;
}
const work = async (/** @type {number} */ value) => value + 1;
/** @param {import('rxjs').Observable<unknown>} source @returns {Promise<void>} */
const run = (source) =>
  new Promise((resolve, reject) => void source.subscribe({ error: reject, complete: () => resolve() }));

/** @typedef {{ name: string, monitor?: import('sluice').StageMonitor }} Options */
/** @type {Record<string, (n: number, options: Options) => Promise<void>>} */
const cases = {
  'pool over an async function': (n, options) =>
    run(
      pull(numbers(n)).pipe(
        map((v) => v),
        pool(work, { concurrency: 16, ...options }),
      ),
    ),
  'boundedBuffer that holds': (n, options) =>
    new Promise((resolve, reject) => {
      const sink = Sink.on(pull(numbers(n)).pipe(boundedBuffer({ capacity: 64, ...options })), {
        next: () => undefined,
        error: reject,
        complete: () => resolve(),
      });
      const ask = () => {
        if (sink.closed) return;
        sink.request(32);
        queueMicrotask(ask);
      };
      ask();
    }),
  'boundedBuffer passed through': (n, options) =>
    run(pull(numbers(n)).pipe(boundedBuffer({ capacity: 64, ...options }))),
};

const VALUES = 150_000;
const ROUNDS = 7;
const [name, monitored] = process.argv.slice(2);

if (name === undefined) {
  for (const name of Object.keys(cases)) {
    const least = { without: Infinity, with: Infinity };
    for (let round = 0; round < ROUNDS; round++) {
      for (const kind of /** @type {const} */ (['without', 'with'])) {
        const file = fileURLToPath(import.meta.url);
        least[kind] = Math.min(
          least[kind],
          Number(execFileSync(process.execPath, [file, name, kind], { encoding: 'utf8' })),
        );
      }
    }
    const more = least.with - least.without;
    console.log(
      `${name}: ${least.without.toFixed(1)} ns, with a monitor ${least.with.toFixed(1)} ns (+${more.toFixed(1)} ns, ${(least.with / least.without).toFixed(2)}x)`,
    );
  }
} else {
  const measure = /** @type {(n: number, options: Options) => Promise<void>} */ (cases[name]);
  const options = () => ({ name: 'stage', ...(monitored === 'with' && { monitor: createMonitor() }) });
  for (let i = 0; i < 3; i++) await measure(50_000, options());
  let least = Infinity;
  for (let i = 0; i < 25; i++) {
    const before = process.cpuUsage();
    await measure(VALUES, options());
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, ((user + system) * 1_000) / VALUES);
  }
  console.log(least);
}
