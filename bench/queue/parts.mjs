// What is measured of queues and stores. What is compared runs in turn, each time in a process of its own, for several rounds.
import { execFileSync } from 'node:child_process';
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { jobsOf, SHAPES, VALUES } from './names.mjs';
import { disk, median } from './tools.mjs';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 1 : 5;
const scale = quick ? 0.1 : 1;
const script = fileURLToPath(new URL('case.mjs', import.meta.url));

/** @param {string} name @param {object} options */
function run(name, options) {
  const args = ['--expose-gc', script, name, JSON.stringify(options)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1e8, timeout: 600_000 }));
}

/**
 * Each in turn, for several rounds; of each figure the median.
 * @template {Record<string, [name: string, options: object]>} T
 * @param {T} cases @param {number} [rounds] @returns {Record<keyof T, Record<string, number>>}
 */
function compare(cases, rounds = ROUNDS) {
  /** @type {Record<string, Record<string, number>[]>} */
  const all = {};
  for (let round = 0; round < rounds; round++)
    for (const [label, [name, options]] of Object.entries(cases)) {
      const figures = run(name, options);
      if (figures.seconds !== undefined) figures.rate = figures.n / figures.seconds;
      (all[label] ??= []).push(figures);
      console.log(`${label}, round ${round + 1}: ${JSON.stringify(figures)}`);
    }
  return /** @type {any} */ (
    Object.fromEntries(
      Object.entries(all).map(([label, figures]) => [
        label,
        Object.fromEntries(
          Object.keys(figures[0] ?? {}).map((key) => [key, median(figures.map((one) => one[key] ?? NaN))]),
        ),
      ]),
    )
  );
}

/** Each part, and how it is measured. @type {Record<string, () => any>} */
export const parts = {
  machine: () => ({ ...disk(), node: process.version, system: release() }),
  publish: () =>
    compare(
      {
        'raw, 64 a transaction': ['raw.publish', { n: 128_000 * scale, batch: 64 }],
        '64 publishers': ['ours.publish', { n: 128_000 * scale, batch: 64 }],
        'raw, 1,000 a transaction': ['raw.publish', { n: 400_000 * scale, batch: 1_000 }],
        'publishMany of 1,000': ['ours.publish', { n: 400_000 * scale, batch: 1_000, many: true }],
      },
      quick ? 1 : 9,
    ),
  consume: () =>
    compare({
      'raw, 100 a transaction': ['raw.consume', { n: 200_000 * scale }],
      'take, handle, ack': ['ours.consume', { n: 200_000 * scale }],
    }),
  both: () =>
    compare(
      {
        'one process': ['ours.both', { seconds: quick ? 2 : 5, processes: 1 }],
        'two processes': ['ours.both', { seconds: quick ? 2 : 5, processes: 2 }],
      },
      quick ? 1 : 3,
    ),
  jobs: () => {
    const version = run('peers.redis', {});
    const names = jobsOf(version !== null);
    const each = (/** @type {string} */ shape) =>
      compare(
        Object.fromEntries(names.map((by) => [by, ['jobs.run', { by, shape, n: 10_000 * scale }]])),
        quick ? 1 : 3,
      );
    return { redis: version, bulk: each('bulk'), steady: each('steady') };
  },
  backlog: () =>
    compare(
      Object.fromEntries(
        ['sqlite', 'memory'].flatMap((by) =>
          [1e3, 1e6 * scale].map((backlog) => [
            `${by}, ${backlog}`,
            ['standing.backlog', { by, backlog, n: (by === 'memory' ? 500_000 : 50_000) * scale }],
          ]),
        ),
      ),
      quick ? 1 : 3,
    ),
  idle: () =>
    compare(
      Object.fromEntries(
        ['nothing', 'sqlite', 'memory'].map((by) => [by, ['standing.idle', { by, seconds: quick ? 3 : 10 }]]),
      ),
      quick ? 1 : 3,
    ),
  wake: () =>
    compare(
      {
        'memory, the same process': ['standing.wake', { by: 'memory', n: quick ? 50 : 300, processes: 1 }],
        'sqlite, the same process': ['standing.wake', { by: 'sqlite', n: quick ? 50 : 300, processes: 1 }],
        'sqlite, another process': ['standing.wake', { by: 'sqlite', n: quick ? 50 : 300, processes: 2 }],
      },
      quick ? 1 : 3,
    ),
  memory: () =>
    compare(
      Object.fromEntries(
        VALUES.flatMap((value) =>
          SHAPES.map((shape) => [
            `${shape}, ${value}`,
            ['inMemory.run', { shape, value, n: 500_000 * scale, runs: quick ? 2 : 5 }],
          ]),
        ),
      ),
      quick ? 1 : 3,
    ),
  crash: () => {
    const crash = fileURLToPath(new URL('../crash/run.mjs', import.meta.url));
    const args = [crash, '--kills', quick ? '50' : '500', '--json'];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  },
};
