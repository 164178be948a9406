/** Every example of the documentation type-checks against the built package, and prints what its `// =>` comments say. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import ts from 'typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../package/project.js';
import { examples, type Example } from './examples.js';

const all = examples();

// Inside the project, where `sluice` is the package itself: what package.json exports of dist/.
mkdirSync(join(root, '.cache'), { recursive: true });
const folder = mkdtempSync(join(root, '.cache', 'examples-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = ({ place }: Example, extension: string): string => join(folder, place.replace(/\W/g, '_') + extension);
let mistakes: ReadonlyMap<string, string[]>;

beforeAll(() => {
  for (const example of all) writeFileSync(path(example, '.ts'), example.code);
  mistakes = typeCheck(all.map((example) => path(example, '.ts')));
}, 60_000);

test.concurrent.for(all.map((example) => [example.place, example] as const))(
  '%s',
  { timeout: 30_000 },
  async ([, example]) => {
    expect(mistakes.get(path(example, '.ts')) ?? []).toEqual([]);
    expect(example.noRun, 'no-run needs a reason').not.toBe('');
    if (example.expected.length === 0 || example.noRun !== undefined) return;
    expect(await run(example)).toEqual(example.expected);
  },
);

test('an example that is wrong would be found', () => {
  const wrong = join(folder, 'wrong.ts');
  writeFileSync(wrong, `import { pull } from 'sluice';\npull(['a']).subscribe((value: number) => value);`);
  expect(typeCheck([wrong]).get(wrong)).toHaveLength(1);
});

/** What TypeScript has to say about each file. */
function typeCheck(files: readonly string[]): Map<string, string[]> {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram(files, {
    ...options,
    isolatedDeclarations: false,
    noUnusedLocals: false, // an example shows a call, not what is done with the result
    moduleDetection: ts.ModuleDetectionKind.Force,
  });
  const found = new Map<string, string[]>();
  for (const { file, start, messageText } of ts.getPreEmitDiagnostics(program)) {
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1;
    const message = `line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    found.set(file?.fileName ?? '', [...(found.get(file?.fileName ?? '') ?? []), message]);
  }
  return found;
}

/** Runs an example in a process of its own and returns the lines it prints. */
async function run(example: Example): Promise<string[]> {
  const { code } = await transform(example.code, { loader: 'ts', format: 'esm', target: 'node20' });
  writeFileSync(path(example, '.mjs'), code);
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined };
  const { stdout } = await promisify(execFile)(process.execPath, [path(example, '.mjs')], { env, timeout: 20_000 });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd());
}
