/** Small programs that install the packed tarball, as users would, and run. */
import { spawnSync } from 'node:child_process';
import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { npm, pack, read, root, temporaryFolder } from './project.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

beforeAll(() => {
  cpSync(join(root, 'test/package/consumers'), folder.path, { recursive: true });
  const versions = (JSON.parse(read('package.json')) as { devDependencies: Record<string, string> }).devDependencies;
  const packages = ['rxjs', 'fast-check', 'piscina', 'prom-client', '@opentelemetry/api', '@types/node'].map(
    (name) => `${name}@${versions[name]!}`,
  );
  npm(['install', '--prefer-offline', '--no-audit', '--no-fund', pack(folder.path), ...packages], folder.path);
}, 120_000);

/** Runs a program in the consumers' folder and returns the lines it prints. */
function lines(...args: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder.path, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} failed:\n${stdout}${stderr}`); // tsc reports on stdout
  return stdout.trimEnd().split('\n');
}

const doubled = ['doubled 2', 'doubled 4', 'doubled 6'];

test('ESM', () => {
  expect(lines('esm/main.js')).toEqual([...doubled, 'written a', 'written b', 'true SLUICE_OPTION']);
});

test('ESM, sluice/testing', () => {
  expect(lines('esm/testing.js')).toEqual(['Left over: setInterval']);
});

test.each(['esm/http.js', 'cjs/http.cjs'])('%s', (program) => {
  expect(lines(program)).toEqual(['in', '429 1 "default";r=0;t=1']);
});

/** Runs a program as `lines` does, where the package `name` is not installed. */
function linesWithout(name: string, program: string): string[] {
  const [installed, hidden] = [`node_modules/${name}`, `${name.replace('/', '-')}-hidden`].map((path) =>
    join(folder.path, path),
  );
  renameSync(installed!, hidden!);
  try {
    return lines(program);
  } finally {
    renameSync(hidden!, installed!);
  }
}

test.each(['esm/threads.js', 'cjs/threads.cjs'])('%s, with piscina and without', (program) => {
  expect(lines(program)).toEqual(['4', '9', '16']);
  expect(linesWithout('piscina', program)).toEqual([
    'SLUICE_MISSING_PACKAGE `threads` needs the package `piscina`: npm install piscina@^5.3.2',
  ]);
});

test.each(['esm/laws.js', 'cjs/laws.cjs'])('%s, with fast-check and without', (program) => {
  expect(lines(program)).toEqual(['a', 'lawful']);
  expect(linesWithout('fast-check', program)).toEqual([
    'a',
    'SLUICE_MISSING_PACKAGE `operatorLaws` needs the package `fast-check`: npm install fast-check@^4.0.0',
  ]);
});

test.each(['esm/metrics.js', 'cjs/metrics.cjs'])('%s, with prom-client and OpenTelemetry, and without', (program) => {
  const series = 'sluice_stage_in_total{stage="inbox"} 3';
  expect(lines(program)).toEqual([series, 'sluice.stage.in 3', 'process send']);
  // These entries are of no use without: the import fails, as for any package that is not there, and names it.
  expect(() => linesWithout('prom-client', program)).toThrow(/Cannot find (package|module) 'prom-client'/);
  expect(() => linesWithout('@opentelemetry/api', program)).toThrow(
    /Cannot find (package|module) '@opentelemetry\/api'/,
  );
});

/** Node's own SQLite, where it has one that needs no flag. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const builtIn = major > 22 || (major === 22 && minor >= 13);

test.each(['esm/queue.js', 'cjs/queue.cjs'])('%s, with a driver of SQLite, and without', (program) => {
  const memory = 'memory a ack';
  const without = builtIn ? 'sqlite a ack' : 'SLUICE_MISSING_PACKAGE';
  expect(lines(program)).toEqual([memory, without]);
  // Copied, for to build it takes a minute; built for the Node that installed it: another takes its own instead.
  const drivers = ['better-sqlite3', 'bindings', 'file-uri-to-path'];
  const installed = (name: string): string => join(folder.path, 'node_modules', name);
  for (const name of drivers) cpSync(join(root, 'node_modules', name), installed(name), { recursive: true });
  try {
    expect(lines(program)).toEqual([memory, 'sqlite a ack']);
  } finally {
    for (const name of drivers) rmSync(installed(name), { recursive: true });
  }
});

test('CommonJS, and both formats in one process', () => {
  expect(lines('cjs/main.cjs')).toEqual([
    ...doubled,
    'written a',
    'written b',
    'two copies true',
    'read 6',
    'true SLUICE_OPTION',
  ]);
});

test.each(['node16', 'bundler'])(
  'TypeScript, resolution %s',
  (resolution) => {
    const output = `out-${resolution}`;
    lines(
      join(root, 'node_modules/typescript/bin/tsc'),
      '-p',
      `typescript/tsconfig.${resolution}.json`,
      '--outDir',
      output,
    );
    expect(lines(`${output}/main.js`)).toEqual([
      ...doubled,
      'answered by the handler',
      'traced 1',
      'squared 4',
      'ack after 1 attempt',
      'written a',
      'capacity SLUICE_OPTION',
    ]);
    if (resolution === 'node16') expect(lines(`${output}/required.cjs`)).toEqual(['1.0 function']);
  },
  30_000,
);

test('a bundle for browsers', async () => {
  const { outputFiles } = await build({
    entryPoints: [join(folder.path, 'browser/main.js')],
    bundle: true,
    write: false,
    platform: 'browser',
    target: 'es2022',
  });
  const printed: string[] = [];
  const done = new Promise<void>((resolve) => {
    const log = (...values: unknown[]): void => {
      printed.push(values.join(' '));
      if (printed.length === 6) resolve();
    };
    // What a browser has of what the program needs; no `process`, `Buffer` or `require`.
    const globals = {
      console: { log },
      ReadableStream,
      AbortController,
      setTimeout,
      clearTimeout,
      setInterval,
      clearInterval,
    };
    runInContext(outputFiles[0]!.text, createContext(globals));
  });
  await done;
  expect(printed).toEqual([...doubled, 'accepted full', 'a true', 'true SLUICE_OPTION']);
});
