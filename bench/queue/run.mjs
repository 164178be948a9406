// Measures queues and stores: `npm run build && node bench/queue/run.mjs` (some fifteen minutes) writes what came into bench/results.json and
// docs/benchmarks.md, and so does `--only publish` for one part; `--quick` tries it, with less of everything, and writes nothing; `--page`
// writes the page anew. `npm run bench` does this too.
import { readFileSync, writeFileSync } from 'node:fs';
import { page } from '../page.mjs';
import { barsOf } from './bars.mjs';
import { parts } from './parts.mjs';

const quick = process.argv.includes('--quick');
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : undefined;
const file = new URL('../results.json', import.meta.url);
/** @type {Record<string, any>} */
const results = JSON.parse(readFileSync(file, 'utf8'));
if (quick) results['queues'] = {};

for (const [name, part] of Object.entries(parts)) {
  if (process.argv.includes('--page') || (only ?? name) !== name) continue;
  (results['queues'] ??= {})[name] = part();
  // At once: what was measured stays when the next part fails.
  if (!quick) writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
}
for (const { what, target, measured, met } of barsOf(results['queues'] ?? {}))
  console.log(`${met ? 'met   ' : 'MISSED'} ${what}: ${measured} (${target})`);
if (!quick) {
  await page(results);
  console.log('wrote bench/results.json and docs/benchmarks.md');
}
