import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    http: 'src/http/index.ts',
    memory: 'src/stores/memory/index.ts',
    monitor: 'src/monitor/index.ts',
    node: 'src/node/index.ts',
    opentelemetry: 'src/opentelemetry/index.ts',
    prometheus: 'src/prometheus/index.ts',
    queue: 'src/queue/index.ts',
    sqlite: 'src/stores/sqlite/index.ts',
    terminal: 'src/terminal/index.ts',
    testing: 'src/testing/index.ts',
    threads: 'src/threads/index.ts',
  },
  format: ['esm', 'cjs'],
  target: 'es2022',
  dts: true,
  clean: true,
  treeshake: true,
  splitting: true,
  sourcemap: false,
  // src/threads/piscina.ts asks for `__filename` first, which CommonJS has.
  esbuildOptions: (options) => void (options.logOverride = { 'empty-import-meta': 'silent' }),
});
