/** What users would install: the files in it, and what publint and are-the-types-wrong say about it. */
import { readFileSync } from 'node:fs';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, expect, test } from 'vitest';
import { filesBelow, pack, read, temporaryFolder } from './project.js';

const folder = temporaryFolder();
const tarball = readFileSync(pack(folder.path));
afterAll(() => folder.remove());

const manifest = JSON.parse(read('package.json')) as Record<string, object | undefined>;

test('it has what is built, the texts that belong to it and the docs, nothing else', () => {
  const files = createPackageFromTarballData(tarball).listFiles();
  const [texts, built, docs] = [
    /sluice\/((README|CHANGELOG|CONTRIBUTING)\.md|LICENSE|package\.json)$/,
    /sluice\/dist\/[\w-]+\.(js|cjs|d\.ts|d\.cts)$/,
    /sluice\/docs\/.*\.(md|svg|mjs|json)$/,
  ];
  expect(files.filter((file) => ![texts, built, docs].some((kind) => kind.test(file)))).toEqual([]);
  expect(files.filter((file) => texts.test(file))).toHaveLength(5);
  expect(files.filter((file) => docs.test(file)).length).toBeGreaterThan(20); // the README refers to them
});

test('it has no runtime dependency', () => {
  expect(manifest['dependencies'] ?? {}).toEqual({});
  const { rxjs, ...optional } = manifest['peerDependencies'] as Record<string, string>;
  expect(rxjs).toBe('^7.8.0');
  expect(optional).toEqual({
    '@opentelemetry/api': '^1.9.0',
    'better-sqlite3': '>=11.0.0 <14.0.0',
    'fast-check': '^4.0.0',
    piscina: '^5.3.2',
    'prom-client': '^15.0.0',
  });
  const meta = Object.fromEntries(Object.keys(optional).map((name) => [name, { optional: true }]));
  expect(manifest['peerDependenciesMeta']).toEqual(meta);
});

test('the licence of each package that is built in is there', () => {
  const builtIn = filesBelow('dist', '.js').flatMap((file) =>
    [...read(file).matchAll(/^\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)/gm)].map(([, name]) => name!),
  );
  expect(builtIn.length).toBeGreaterThan(0);
  expect([...new Set(builtIn)].filter((name) => !read('LICENSE').includes(`--- ${name}\n`))).toEqual([]);
});

test('publint finds nothing', async () => {
  const { messages, pkg } = await publint({ pack: { tarball: Uint8Array.from(tarball).buffer }, strict: true });
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
});

test('the types are right for each kind of resolution', async () => {
  const result = await checkPackage(createPackageFromTarballData(tarball));
  if (!result.types) throw new Error('the package has no types');
  expect(Object.keys(result.entrypoints).sort()).toEqual(Object.keys(manifest['exports']!).sort());
  // TypeScript's oldest resolution, `node10`, knows no `exports`: only the main entry can be found by it.
  const problems = result.problems.filter(
    (problem) =>
      !(problem.kind === 'NoResolution' && problem.resolutionKind === 'node10' && problem.entrypoint !== '.'),
  );
  expect(problems).toEqual([]);
});

test('the lock file names no registry', () => {
  expect(read('package-lock.json')).not.toMatch(/"resolved": "http/);
});
