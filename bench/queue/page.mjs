// The section of docs/benchmarks.md on queues and stores, and its charts.
import { chart, GREY, table, verdict } from '../chart.mjs';
import { barsOf } from './bars.mjs';

const whole = (/** @type {number} */ value) => Math.round(value).toLocaleString('en');
const BLUE = '#2f81f7';

/**
 * Bars from left to right, a picture for each group; ours are blue.
 * @param {string} name @param {string} title @param {{ group: string, name: string, rate: number, theirs: boolean }[]} values
 */
const rates = (name, title, values) =>
  chart(name, {
    title,
    vconcat: [...new Set(values.map(({ group }) => group))].map((group) => ({
      title: { text: group, color: GREY, fontWeight: 'normal', anchor: 'start' },
      width: 420,
      data: { values: values.filter((value) => value.group === group) },
      encoding: {
        y: { field: 'name', type: 'nominal', sort: null, title: null, axis: { labelLimit: 240 } },
        x: { field: 'rate', type: 'quantitative', title: 'a second' },
      },
      layer: [
        {
          mark: 'bar',
          encoding: { color: { condition: { test: 'datum.theirs', value: GREY }, value: BLUE } },
        },
        {
          mark: { type: 'text', align: 'left', dx: 4, color: GREY },
          encoding: { text: { field: 'rate', type: 'quantitative', format: ',.0f' } },
        },
      ],
    })),
  });

/** @param {any} r the results of bench/queue; undefined where it never ran */
export async function queues(r) {
  if (r === undefined) return '';
  const { machine, publish, consume, both, jobs, backlog, idle, wake, memory, crash } = r;
  const parts = [
    `## Queues

Messages of 200 bytes as JSON, on Node ${machine.node}; SQLite in WAL mode on ${machine.inMemory ? 'a file system in memory' : 'a disk'} that writes and syncs
4 kB ${whole(machine.syncs)} times a second (fdatasync: ${machine.p50.toFixed(2)} ms, p99 ${machine.p99.toFixed(2)} ms). Durability is \`'full'\` (\`synchronous = FULL\`) where nothing else is said. Each case runs in a process of its own,
what is compared in turn, several rounds of it; a figure is the median.

${table(
  ['what', 'target', 'measured', ''],
  barsOf(r).map(({ what, target, measured, met }) => [what, target, measured, verdict(met)]),
)}`,
  ];

  if (publish !== undefined && consume !== undefined) {
    const rows = Object.entries({ publish, consume }).flatMap(([group, cases]) =>
      Object.entries(cases).map(([name, { rate, cpu, n }]) => ({
        group,
        name,
        rate,
        cpu: cpu / n,
        theirs: name.startsWith('raw'),
      })),
    );
    await rates('bench/queue-raw', 'Messages a second on SQLite, against better-sqlite3 alone', rows);
    parts.push(`### Against SQLite alone

![Messages a second, against better-sqlite3 alone](assets/bench/queue-raw.svg)

${table(
  ['', 'messages a second', 'µs of processor a message'],
  rows.map(({ group, name, rate, cpu }) => [`${group}: ${name}`, whole(rate), (cpu * 1e6).toFixed(1)]),
)}

"Raw" is a table of \`id INTEGER PRIMARY KEY, body TEXT\` and prepared statements; its body is one string that is ready, and what is taken is not
parsed. A queue makes and parses JSON, keeps order, leases and attempts, and writes twice for each message that is taken: the lease, and the acknowledgement.`);
  }

  if (both !== undefined)
    parts.push(`### Both at once

64 publishers and a consumer, with a backlog that never ends, in one process and in two.

${table(
  ['', 'published a second', 'handled a second'],
  Object.entries(both).map(([where, { published, handled }]) => [where, whole(published), whole(handled)]),
)}`);

  if (jobs !== undefined) {
    /** @type {Record<string, string>} */
    const titles = { bulk: 'enqueued, then worked off', steady: 'enqueued while worked off' };
    const rows = ['bulk', 'steady'].flatMap((shape) =>
      Object.entries(jobs[shape]).map(([name, { rate, cpu, n }]) => ({
        group: titles[shape] ?? '',
        name,
        rate,
        cpu: cpu / n,
        theirs: !name.startsWith('sluice'),
        against: jobs[shape]['sluice, normal'].rate / rate,
        full: jobs[shape]['sluice, full'].rate / rate,
      })),
    );
    await rates('bench/queue-jobs', 'Jobs a second that do nothing, from enqueued to done', rows);
    parts.push(`### Jobs a second

Jobs that do nothing, from enqueued to done. plainjob and liteque set \`synchronous = NORMAL\`, so sluice is measured with \`durability: 'normal'\` too, and
the targets are about that; ${jobs.redis === null ? 'no Redis answered, so BullMQ was not measured.' : `BullMQ runs on a Redis ${jobs.redis} of this machine that keeps nothing on the disk.`}

![Jobs a second, against other queues](assets/bench/queue-jobs.svg)

${table(
  [
    '',
    '',
    'jobs a second',
    "µs of this process's processor a job",
    'sluice, normal, against it',
    'sluice, full, against it',
  ],
  rows.map(({ group, name, rate, cpu, against, full }) => [
    group,
    name,
    whole(rate),
    (cpu * 1e6).toFixed(1),
    `${against.toFixed(1)}×`,
    `${full.toFixed(1)}×`,
  ]),
)}

Each as its documentation says is fastest: plainjob with \`addMany\` and one worker that polls at once (a second process makes it no faster on two cores);
liteque with a transaction of its own around what is enqueued at once, and 16 at a time; BullMQ with \`addBulk\`, a concurrency of 100, and jobs that are removed
when they are done; sluice with \`publishMany\` and a concurrency of 256. liteque takes no jobs with better-sqlite3 from 11.10 on, and runs on 11.9.`);
  }

  if (backlog !== undefined)
    parts.push(`### A long backlog

Each message that is handled publishes one, so that the backlog stays as long as it is.

${table(
  ['', 'messages a second', 'heap', 'memory of the process'],
  Object.entries(backlog).map(([name, { rate, heap, rss }]) => [
    name.replace(/\d+$/, (length) => whole(Number(length))),
    whole(rate),
    `${heap.toFixed(1)} MB`,
    `${rss.toFixed(0)} MB`,
  ]),
)}

The memory store has its backlog in the heap; SQLite has it on the disk.`);

  if (idle !== undefined && wake !== undefined)
    parts.push(`### Standing still, and waking up

${table(
  ['a consumer that waits', 'processor'],
  Object.entries(idle).map(([name, { percent }]) => [
    name === 'nothing' ? 'a process that does nothing' : name,
    `${percent.toFixed(2)} %`,
  ]),
)}

${table(
  ['wake-up', 'p50', 'p99', 'longest', 'p50 from the call of publish', 'p99 from the call of publish'],
  Object.entries(wake).map(([name, { p50, p99, max, callP50, callP99 }]) => [
    name,
    ...[p50, p99, max, callP50, callP99].map((value) => `${value.toFixed(2)} ms`),
  ]),
)}

From when \`publish\` has resolved to when the handler begins, 300 messages at random intervals of 5 to 50 ms; 0 where the handler began before.`);

  if (memory !== undefined)
    parts.push(`### The memory store

Published, handled by an async function that does nothing, and acknowledged; the capacity is 2,000, so that publishers can not run ahead.

${table(
  ['', 'messages a second', 'ns of processor a message'],
  Object.entries(memory).map(([name, { rate, cpu, n }]) => [name, whole(rate), whole((cpu / n) * 1e9)]),
)}`);

  if (crash !== undefined)
    parts.push(`### The crash proof

Publishers, consumers and a process that checkpoints work on one SQLite file and are killed with SIGKILL at random instants, ${crash.kills} times
(${Object.entries(crash.killed)
      .map(([role, count]) => `${count} times a ${role}`)
      .join(', ')}), over ${whole(crash.seconds)} seconds.

${table(
  ['', ''],
  [
    ['publishes that were acknowledged', whole(crash.acknowledged)],
    ['of those never handled', whole(crash.missing)],
    ['messages that were handled', whole(crash.handled)],
    ['delivered again since their handler threw', whole(crash.retried)],
    ['delivered again since they were in flight at a kill', whole(crash.redelivered)],
    ['handled more than once', whole(crash.handledTwice)],
    ['leases that ran out while their consumer stood still', whole(crash.afterStall)],
    ['database afterwards', crash.database],
    ['promises that were broken', crash.wrong.length === 0 ? 'none' : crash.wrong.join('; ')],
  ],
)}`);
  return `\n${parts.join('\n\n')}\n`;
}
