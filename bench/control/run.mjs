// Measures all bars and writes results.json and docs/control.md: `npm run bench:control`. `node bench/control/run.mjs --quick` tries it with
// one seed, `--seeds 20` takes more, `--only elastic` does one part, `--virtual` leaves out what needs a quiet machine, `--page` writes the page anew.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { adaptiveBars, adaptiveFigure } from './adaptive.mjs';
import { met, shown } from './bars.mjs';
import { elasticBars } from './elastic.mjs';
import { overheadBars } from './overhead.mjs';
import { draw, page } from './page.mjs';
import { rateBars } from './rate.mjs';
import { realRateBars } from './rateReal.mjs';
import { retryBars } from './retries.mjs';
import { shedBars } from './shed.mjs';
import { shedCost } from './shedCost.mjs';
import { shedFigures } from './shedFigures.mjs';

/** @param {string} name */
const option = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined);
const quick = process.argv.includes('--quick');
const seeds = Array.from({ length: quick ? 1 : Number(option('--seeds') ?? 5) }, (_, i) => i + 1);

/**
 * The parts of the page. Each gives bars, and perhaps figures for charts. Those that are `real` go by the real clock.
 * @type {Record<string, { real?: boolean, run: () => any }>}
 */
const parts = {
  rate: { run: () => rateBars(seeds) },
  realRate: { real: true, run: () => realRateBars(quick ? { seconds: 3, rates: [1_000], count: 1e5 } : {}) },
  shed: { run: async () => ({ bars: await shedBars(seeds), figures: () => shedFigures(seeds) }) },
  elastic: { run: () => elasticBars(seeds) },
  adaptive: { run: () => ({ ...adaptiveBars(seeds), figures: () => [adaptiveFigure(1)] }) },
  adaptiveTarget: { run: () => adaptiveBars(seeds, { latencyTarget: 75, settles: 11_000 }) },
  retries: { run: () => retryBars(seeds) },
  shedCost: { real: true, run: async () => ({ bars: await shedCost() }) },
  overhead: { real: true, run: () => overheadBars(quick ? { values: 50_000, rounds: 3 } : {}) },
};

/** @type {Record<string, any>} */
const measured = {};
const only = option('--only');
for (const [name, { real = false, run }] of Object.entries(parts)) {
  if (process.argv.includes('--page') || (only ?? name) !== name || (real && process.argv.includes('--virtual')))
    continue;
  const { figures, ...result } = await run();
  const drawn = [];
  for (const figure of (!quick && (await figures?.())) || []) drawn.push(await draw(figure));
  measured[name] = {
    ...(real ? { node: process.version } : { seeds: seeds.length }),
    ...result,
    figures: drawn,
  };
  for (const bar of result.bars) {
    const [figure, limit] = shown(bar);
    console.log(`${met(bar) ? 'met   ' : 'MISSED'} ${bar.bar}: ${figure} (${limit})`);
    if (!met(bar)) process.exitCode = 1;
  }
}
if (quick) {
  console.log('quick: nothing was written');
} else {
  const file = new URL('results.json', import.meta.url);
  const results = { ...(existsSync(file) && JSON.parse(readFileSync(file, 'utf8'))), ...measured };
  writeFileSync(file, `${JSON.stringify(results, (_, value) => rounded(value), 2)}\n`);
  page(results);
  console.log('wrote bench/control/results.json and docs/control.md');
}

/** Five digits are enough. @param {unknown} value */
function rounded(value) {
  return typeof value === 'number' && Number.isFinite(value) ? Number(value.toPrecision(5)) : value;
}
