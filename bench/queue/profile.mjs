// Where a case spends its time: `profile.mjs <case> '<options>'` prints the functions that take the most of it, themselves.
// @ts-check
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = mkdtempSync(join(tmpdir(), 'sluice-profile-'));
const script = fileURLToPath(new URL('case.mjs', import.meta.url));
const flags = ['--expose-gc', '--cpu-prof', `--cpu-prof-dir=${folder}`];
console.log(execFileSync(process.execPath, [...flags, script, ...process.argv.slice(2)], { encoding: 'utf8' }));

const [file = ''] = readdirSync(folder);
/** @type {{ nodes: { id: number, callFrame: { functionName: string, url: string, lineNumber: number } }[], samples: number[], timeDeltas: number[] }} */
const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
rmSync(folder, { recursive: true });
const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
/** @type {Map<string, number>} */
const times = new Map();
samples.forEach((id, i) => {
  const { functionName = '', url = '', lineNumber = 0 } = frames.get(id) ?? {};
  const where = `${functionName || '(anonymous)'} ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`;
  times.set(where, (times.get(where) ?? 0) + (timeDeltas[i] ?? 0));
});
const all = [...times.values()].reduce((sum, time) => sum + time, 0);
for (const [where, time] of [...times].sort(([, a], [, b]) => b - a).slice(0, 40))
  console.log(`${((100 * time) / all).toFixed(1).padStart(5)} %  ${where}`);
