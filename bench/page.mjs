// docs/benchmarks.md and its charts, from the results.
import { writeFileSync } from 'node:fs';
import { chart, GREY, table, verdict } from './chart.mjs';
import { queues } from './queue/page.mjs';

const docs = new URL('../docs/', import.meta.url);

const ns = (/** @type {number} */ value) => `${Math.round(value).toLocaleString('en')} ns`;
const times = (/** @type {number} */ ratio) => `${ratio.toFixed(2)}×`;

/** @param {any} r */
export async function page(r) {
  const c = r.concurrent;
  const limit = c['bare async loops'] + c['RxJS from → map'];
  const s = r.synchronous;
  const b = r.bridges;
  const at = (/** @type {number} */ i) => r.scaling[i];
  const last = r.scaling.at(-1);
  const bridge = (/** @type {string} */ ours, /** @type {string} */ source) =>
    b[`${ours}, ${source}`] / b[`for await, ${source}`];

  /** @type {[string, string, string, boolean][]} */
  const bars = [
    [
      'pull → map → pool(async, 16) against 16 bare loops plus from → map',
      '≤ 1.3×',
      times(c.sluice / limit),
      c.sluice / limit <= 1.3,
    ],
    ['… against p-map', '≥ 4× faster', times(c['p-map'] / c.sluice), c['p-map'] / c.sluice >= 4],
    [
      '… against fastq.promise',
      '≥ 12× faster',
      times(c['fastq.promise'] / c.sluice),
      c['fastq.promise'] / c.sluice >= 12,
    ],
    ['… against mergeMap', '≥ 100× faster', times(c['RxJS mergeMap'] / c.sluice), c['RxJS mergeMap'] / c.sluice >= 100],
    ...['array', 'generator'].map((source) => {
      const ratio = s[`sluice, ${source}`] / s[`RxJS, ${source}`];
      return /** @type {[string, string, string, boolean]} */ ([
        `pull → map → filter → boundedBuffer(64) over ${source === 'array' ? 'an array' : 'a generator'}, against RxJS from → map → filter`,
        '≤ 1.25×',
        times(ratio),
        ratio <= 1.25,
      ]);
    }),
    [
      `cost per value at ${last.values.toLocaleString('en')} against ${at(1).values.toLocaleString('en')}`,
      '≤ 1.2×',
      times(last.ns / at(1).ns),
      last.ns / at(1).ns <= 1.2,
    ],
    ['heap after that, against before', '≤ 5 MB more', `${last.heapGrowth.toFixed(1)} MB`, last.heapGrowth <= 5],
    [
      `peak heap over ${last.values.toLocaleString('en')} values`,
      '≤ 60 MB',
      `${r.longPeak.toFixed(1)} MB`,
      r.longPeak <= 60,
    ],
    ['1,000,000 synchronous inner completions, one at a time', 'ends', `${(r.inners.ns / 1000).toFixed(2)} s`, true],
    ...['array', 'generator', 'each for an async call'].map((work) => {
      const ratio = r.batches[`RxJS bufferTime, ${work}`] / r.batches[`sluice batch, ${work}`];
      return /** @type {[string, string, string, boolean]} */ ([
        `batch of 100 against bufferTime(1000, null, 100), ${work}`,
        '≥ 3× faster',
        times(ratio),
        ratio >= 3,
      ]);
    }),
    [
      'broadcast to 100 subscribers, a value and subscriber, against an RxJS Subject',
      '≤ 1.5×',
      times(r.fanOut.ratio),
      r.fanOut.ratio <= 1.5,
    ],
    [
      'heap of its ring of 10,000 objects with 100 subscribers, against 1',
      'one ring',
      `${r.fanOut.heap[100].toFixed(2)} MB against ${r.fanOut.heap[1].toFixed(2)} MB`,
      r.fanOut.heap[100] <= 1.05 * r.fanOut.heap[1],
    ],
    ['peak heap of batches over 10,000,000 values', '≤ 60 MB', `${r.batchPeak.toFixed(1)} MB`, r.batchPeak <= 60],
    ...[
      ['toAsyncIterable', 'async generator'],
      ['toAsyncIterable', 'generator'],
      ['fromReadable', 'Readable of objects'],
      ['fromReadable', 'file'],
    ].map(
      ([ours = '', source = '']) =>
        /** @type {[string, string, string, boolean]} */ ([
          `${ours} over ${source}, against the bare for await`,
          '≤ 1.2×',
          times(bridge(ours, source)),
          bridge(ours, source) <= 1.2,
        ]),
    ),
  ];

  const rows = Object.entries(c).map(([name, value]) => ({ name, ns: /** @type {number} */ (value) }));
  await chart('bench/concurrent', {
    title: `Nanoseconds a value, an async function 16 at once, ${r.values.toLocaleString('en')} values (log scale)`,
    width: 520,
    data: { values: rows },
    encoding: {
      y: { field: 'name', type: 'nominal', sort: { field: 'ns', op: 'min' }, title: null },
      x: { field: 'ns', type: 'quantitative', scale: { type: 'log', domainMin: 10, nice: true }, title: 'ns a value' },
    },
    layer: [
      {
        mark: 'bar',
        encoding: {
          x2: { datum: 10 },
          color: { condition: { test: "indexof(datum.name, 'sluice') === 0", value: '#2f81f7' }, value: GREY },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 4, color: GREY },
        encoding: { text: { field: 'ns', type: 'quantitative', format: ',.0f' } },
      },
    ],
  });
  await chart('bench/scaling', {
    title: 'Cost of a value, by how many there are',
    width: 420,
    height: 220,
    data: { values: r.scaling },
    mark: { type: 'line', point: true, color: '#2f81f7' },
    encoding: {
      x: {
        field: 'values',
        type: 'quantitative',
        scale: { type: 'log' },
        title: 'values',
        axis: { format: '~s', values: r.scaling.map((/** @type {any} */ one) => one.values) },
      },
      y: { field: 'ns', type: 'quantitative', title: 'ns a value', scale: { zero: true } },
    },
  });

  await chart('bench/memory', {
    title: 'Heap while work is slower than its source: 50,000 records of 1 kB, 16 at once',
    width: 520,
    height: 240,
    data: {
      values: r.memory.flatMap((/** @type {any} */ { name, samples }) =>
        samples.map((/** @type {object} */ sample) => ({ name, ...sample })),
      ),
    },
    mark: { type: 'line', interpolate: 'monotone' },
    encoding: {
      x: { field: 'done', type: 'quantitative', title: 'work done', axis: { format: '%' } },
      y: { field: 'heap', type: 'quantitative', title: 'MB of heap' },
      color: {
        field: 'name',
        type: 'nominal',
        sort: r.memory.map((/** @type {any} */ { name }) => name),
        scale: { range: ['#2f81f7', '#d29922', '#db6d28', '#a371f7', '#3fb950'] },
        legend: { title: null, labelColor: GREY },
      },
    },
  });

  writeFileSync(
    new URL('benchmarks.md', docs),
    `# Benchmarks

Written by \`npm run bench\` from measurements on Node ${r.node}, ${r.cpu}, 2 cores. Each case runs in a process of its own, all cases in turn for
several rounds; a figure is the median of the rounds' medians. Peers do the same work: an async function that returns at once, so what is
measured is their own cost. \`mergeMap\` and \`concatMap\` take time with the square of what waits, and run once.

## Targets

${table(
  ['what', 'target', 'measured', ''],
  bars.map(([what, target, measured, met]) => [what, target, measured, verdict(met)]),
)}

## An async function, 16 at once

![Nanoseconds a value, by library](assets/bench/concurrent.svg)

${table(
  ['', 'ns a value', 'against sluice'],
  rows.sort((x, y) => x.ns - y.ns).map(({ name, ns: value }) => [name, ns(value), times(value / c.sluice)]),
)}

"RxJS from → map" does no asynchronous work: with the bare loops it is the least that RxJS and 16 promises can cost. "RxJS concatMap" and
"Web Streams" run one at a time.

## Many values

\`pull → map → boundedBuffer(1000) → pool(8)\`

![Cost of a value, by how many there are](assets/bench/scaling.svg)

${table(
  ['values', 'ns a value', 'heap after, against before', 'peak memory of the process'],
  r.scaling.map((/** @type {any} */ one) => [
    one.values.toLocaleString('en'),
    ns(one.ns),
    `${one.heapGrowth.toFixed(1)} MB`,
    `${one.rss.toFixed(0)} MB`,
  ]),
)}

## Memory while work is slower than its source

50,000 records of 1 kB, work that takes a turn of the event loop, 16 at once: what waits is in the heap, unless the source waits instead.

![Heap over the time of the work, by library](assets/bench/memory.svg)

${table(
  ['', 'heap before', 'peak heap'],
  r.memory.map((/** @type {any} */ { name, before, peak }) => [
    name,
    `${before.toFixed(0)} MB`,
    `${peak.toFixed(0)} MB`,
  ]),
)}

## Bridges, synchronous pipelines and batches

${table(
  ['', 'ns a value'],
  [...Object.entries(b), ...Object.entries(s), ...Object.entries(r.batches)].map(([name, value]) => [
    name,
    ns(/** @type {number} */ (value)),
  ]),
)}

A value of an async generator that passes through a pipeline takes a promise more than the loop that reads the generator itself: "one .then a
value" is that promise alone, with nothing else done. The file is read in chunks: its figure is a run's time over 200,000, and only the ratio means something.

## Single operations

${table(
  ['', 'a second'],
  Object.entries(r.operations).map(([name, hz]) => [name, Math.round(/** @type {number} */ (hz)).toLocaleString('en')]),
)}
${await queues(r.queues)}`,
  );
}
