// docs/control.md and its charts, from the results.
import { writeFileSync } from 'node:fs';
import { chart, COLOURS, GREY, table, verdict } from '../chart.mjs';
import { met, shown } from './bars.mjs';

/** What the page says about each part of the results, in this order. */
const SECTIONS = [
  {
    part: 'rate',
    title: 'Rates',
    text: `\`tokenBucket\` and \`rateLimit\` in virtual time: any costs at any times, the vectors of Go's and throttled's tests, a clock that is set back 10 s
and forward an hour, ten million tokens of a third of a millisecond, a line of which a fifth gives up.`,
  },
  {
    part: 'realRate',
    title: 'Rates on the real clock',
    text: `Each limiter for 5 s, as its documentation says, alone and beside code that blocks the event loop for 15 ms each 50 ms.`,
  },
  {
    part: 'shed',
    title: 'Shedding',
    text: `A pool of ten workers of 20 ms (exponentially distributed), which can do 500 a second, behind \`shed({ capacity: 50, maxAge: 100 })\` and what else one might put there;
who has waited for 250 ms has gone. Five classes of callers, 10, 20, 30, 25 and 15 % of what comes. Figures are means over the seeds, of waits,
inversions and violations the worst. The control is a queue of 500, first come, first served. S9 is \`throttleCalls\`.`,
  },
  {
    part: 'elastic',
    title: 'Elastic pools',
    text: `\`pool\` with \`elastic({ min: 1, max: 200 })\`: calls of 100 ms on average, exponentially distributed, of which 50 a second come, 500 after a minute, and 50
again after four. The control is Kubernetes' Horizontal Pod Autoscaler by the number of values that wait.`,
  },
  {
    part: 'adaptive',
    title: 'Adaptive pools',
    text: `\`pool\` with \`adaptive({ max: 200 })\`: a server with K places and a queue, calls of 50 ms (lognormal, a deviation of a quarter), and 1.2, 3 and 10 times the load
it bears. The control is Netflix's Gradient2 with its defaults. C9, the vectors of Netflix's AIMD, is a test of the value; those of its
Vegas are of a rule for each call, and this one decides by windows.`,
  },
  {
    part: 'adaptiveTarget',
    title: 'Adaptive pools with a latency',
    text: `The same with \`latencyTarget: 75\`: no baseline, so no drift, and a slower rise.`,
  },
  {
    part: 'retries',
    title: 'Retries',
    text: `\`pool\` with \`retry: { attempts: 4, backoff: decorrelated(…), budget }\` and \`timeout: 1_000\`, against a server that does what it is asked for in turn, whether or not
somebody still waits for it.`,
  },
  {
    part: 'shedCost',
    title: 'What shed costs',
    text: `Four lanes that are full, processor time of a value, medians.`,
  },
  {
    part: 'overhead',
    title: 'What a rule costs',
    text: `The same pool of 16 over an async function that returns at once, in turns; medians.`,
  },
];

/** @param {Record<string, any>} results */
export function page(results) {
  const sections = [];
  for (const { part, title, text } of SECTIONS) {
    const result = results[part];
    if (result === undefined) continue;
    const images = result.figures.map(
      (/** @type {{ name: string, title: string }} */ it) => `![${it.title}](assets/control/${it.name}.svg)`,
    );
    const tables = [bars(result), ...(result.rows === undefined ? [] : [peers(result.rows)])];
    sections.push([`## ${title}`, `${text}\n${measured(result)}`, ...images, ...tables].join('\n\n'));
  }
  writeFileSync(
    new URL('../../docs/control.md', import.meta.url),
    `# Control, measured

Written by \`npm run bench:control\` from simulations of the real operators in virtual time, and from measurements where it says so. A bar is a figure
that is to be reached; of several seeds it is the worst, of reversals and changes the mean. Where it says "must miss", the bar is held against
something that others use, to show that it can fail. A quick form of each bar is a test of the project.

${sections.join('\n\n')}
`,
  );
}

/** @param {any} result */
const measured = ({ seeds, node }) =>
  seeds === undefined ? `Real clock, Node ${node}.` : `Virtual time, ${seeds} seeds.`;

/** @param {any} result */
function bars(result) {
  const rows = result.bars.map((/** @type {any} */ bar) => [bar.bar, ...shown(bar), verdict(met(bar))]);
  return table(['bar', 'figure', 'limit', ''], rows);
}

/** How far each was off its rate, by rate. @param {any[]} rows */
function peers(rows) {
  const rates = [...new Set(rows.map(({ rate }) => rate))];
  const cases = rates.flatMap((rate) => [false, true].map((blocked) => ({ rate, blocked })));
  const names = [...new Set(rows.map(({ name }) => name))];
  const cell = (/** @type {string} */ name, /** @type {any} */ { rate, blocked }) => {
    const row = rows.find((it) => it.name === name && it.rate === rate && it.blocked === blocked);
    return `${(100 * row.error).toFixed(2)} %`;
  };
  const most = (/** @type {string} */ name) =>
    Math.max(...rows.filter((row) => row.name === name).map((row) => row.most)).toFixed(2);
  return table(
    [
      '',
      ...cases.map(({ rate, blocked }) => `${rate.toLocaleString('en')}${blocked ? ', blocked' : ''}`),
      'most in a second',
    ],
    names.map((name) => [name, ...cases.map((it) => cell(name, it)), `${most(name)}×`]),
  );
}

/** Draws a figure; returns what the page says of it. @param {import('./bars.mjs').Figure} figure */
export async function draw({ name, title, x, logX = false, ticks, reference, panels }) {
  const names = [...new Set(panels.flatMap(({ values }) => values.map((point) => point.name)))];
  await chart(`control/${name}`, {
    title: { text: title, anchor: 'start' },
    vconcat: panels.map(({ y, log = false, values }) => ({
      width: 560,
      height: 180,
      data: { values: values.filter((point) => Number.isFinite(point.y)) },
      mark: { type: 'line', strokeWidth: 1.5, point: values.length < 100 },
      encoding: {
        x: {
          field: 'x',
          type: 'quantitative',
          title: x,
          scale: logX ? { type: 'log', nice: false } : { zero: false },
          axis: ticks === undefined ? {} : { tickCount: ticks },
        },
        y: { field: 'y', type: 'quantitative', title: y, scale: { type: log ? 'log' : 'linear' } },
        strokeDash: { condition: { test: { field: 'name', equal: reference ?? '' }, value: [5, 4] }, value: [1, 0] },
        color: {
          field: 'name',
          type: 'nominal',
          sort: names,
          scale: { domain: names, range: COLOURS },
          legend: { title: null, labelColor: GREY, labelLimit: 0, orient: 'bottom' },
        },
      },
    })),
  });
  return { name, title };
}
