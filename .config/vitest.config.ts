import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Where a JSON report is written, besides the one on the terminal. */
const report = process.env['VITEST_REPORT'];

/** Milliseconds for a test: only for one that hangs, for a machine may be slow. */
const PATIENCE = 60_000;

/** Where there are two processors both are used: by default one would be left to the runner, which hardly needs it. */
const WORKERS = Math.max(2, availableParallelism() - 1);

/** `--mode deep` runs each law 100,000 times, as before a release. */
export default defineConfig(({ mode }) => ({
  test: {
    maxWorkers: WORKERS,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    projects: [
      {
        resolve: {
          alias: [
            { find: /^sluice$/, replacement: root('src/index.ts') },
            { find: /^(\.\.\/)+dist\/index\.js$/, replacement: root('src/index.ts') }, // the models of bench/control
            { find: /^sluice\/(memory|sqlite)$/, replacement: root('src/stores/$1/index.ts') },
            {
              find: /^sluice\/(http|monitor|node|opentelemetry|prometheus|queue|terminal|testing|threads)$/,
              replacement: root('src/$1/index.ts'),
            },
          ],
        },
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/package/**', 'test/docs/**'],
          testTimeout: PATIENCE,
          setupFiles: [root('.config/vitest.setup.ts')],
          deps: { interopDefault: false }, // CommonJS as Node and bundlers have it
          ...(mode === 'deep' && { env: { SLUICE_RUNS: '100000' }, testTimeout: 3_600_000 }),
        },
      },
      // What was built: the package as users install it, and the documentation's examples.
      {
        test: {
          name: 'package',
          include: ['test/{package,docs}/**/*.test.ts'],
          testTimeout: PATIENCE,
          hookTimeout: 2 * PATIENCE,
        },
      },
    ],
  },
}));
