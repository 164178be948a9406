// Orders for three times what the e-mail service can take, with sluice and with mergeMap; customers of four classes; a service that
// is killed and loses nothing; then a large file, streamed.
// @ts-check
import { parseArgs } from 'node:util';
import { durable } from './durable.mjs';
import { end, message, postOrders, start } from './processes.mjs';
import { count, Live, table } from './table.mjs';
import { balanced, tripled } from './triple.mjs';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    mb: { type: 'string', default: '200' },
    quick: { type: 'boolean' },
  },
});
const seconds = options.quick ? 2 : Number(options.seconds);
const megabytes = options.quick ? 20 : Number(options.mb);

/** What the e-mail service can take is 8 / 20 ms = 400 a second. */
const ORDERS_PER_SECOND = 3 * 400;
const HEAP_LIMIT_MB = 100;

let id = 0;
const order = () => ({ id: id++, item: 'book', ...(id % 50 > 0 && { email: `reader${id}@example.org` }) });

/** Runs the service under load and returns its final report. @param {'sluice' | 'mergeMap'} kind */
async function underLoad(kind) {
  const mailServer = start('mailServer.mjs');
  const mail = await message(mailServer, 'address');
  const service = start('service.mjs', kind, mail.port);
  const { port } = await message(service, 'address');
  const live = new Live(
    kind === 'sluice' ? 'With sluice: boundedQueue → boundedBuffer → pool' : 'With RxJS alone: Subject → mergeMap',
  );
  service.on('message', (/** @type {any} */ { report }) => report && live.show(report));

  await postOrders({ port, rate: ORDERS_PER_SECOND, seconds, connections: 50, order });
  service.send('finish');
  const final = await message(service, 'final');
  live.end();
  mailServer.send('count');
  const sentByMailServer = await message(mailServer, 'sent');
  await end(service, mailServer);
  return { ...final, sentByMailServer };
}

console.log(
  `${count(ORDERS_PER_SECOND)} orders a second for ${seconds} s, to an e-mail service that takes 400 a second`,
);
const sluice = await underLoad('sluice');
const plain = await underLoad('mergeMap');

const row = (/** @type {string} */ name, /** @type {(report: any) => string} */ of) => [name, of(sluice), of(plain)];
console.log(
  `\n${table([
    ['', 'sluice', 'mergeMap'],
    row('orders received', (r) => count(r.received)),
    row('  sent', (r) => count(r.sent)),
    row('  rejected by validation', (r) => count(r.rejected)),
    row('  answered 429', (r) => count(r.refused)),
    row('  lost in the queue at the end', (r) => count(r.received - r.sent - r.rejected - r.refused - r.failed)),
    row('waiting when the load ended', (r) => count(r.left)),
    row('from accepted to sent, p50', (r) => `${count(r.p50)} ms`),
    row('from accepted to sent, p99', (r) => `${count(r.p99)} ms`),
    row('heap, peak', (r) => `${r.peakHeap.toFixed(0)} MB`),
  ])}`,
);

console.log(
  `\n${table([
    ['ledger', 'in', 'out', 'dropped', 'held'],
    ...sluice.snapshot.stages.map((/** @type {import('sluice/monitor').StageSnapshot} */ l) => [
      l.stage,
      ...[l.in, l.out, l.dropped, l.held].map(count),
    ]),
    ['the service', ...[sluice.received, sluice.sent, sluice.refused + sluice.rejected + sluice.failed, 0].map(count)],
    ['mergeMap', ...[plain.received, plain.sent, plain.rejected + plain.failed, 0].map(count)],
  ])}`,
);

const classes = await tripled(seconds);
const lives = await durable(seconds);

const file = start('ndjson.mjs', megabytes);
const streamed = await message(file, 'streamed');
console.log(
  `\n${streamed.megabytes.toFixed(0)} MB of NDJSON, ${count(streamed.rows)} rows, streamed from disk through pool in ` +
    `${streamed.seconds.toFixed(1)} s; peak heap ${streamed.heap.toFixed(0)} MB`,
);

/** What must hold, and whether it does. @type {[string, boolean][]} */
const checks = [
  [
    'sluice: received = sent + rejected + answered 429',
    sluice.received === sluice.sent + sluice.rejected + sluice.refused,
  ],
  ['sluice: every stage’s in = out + dropped + held, and nothing is held', sluice.snapshot.stages.every(balanced)],
  ['sluice: the e-mail service counted what was sent', sluice.sentByMailServer === sluice.sent],
  ...classes,
  ...lives,
  ['NDJSON: every row was summed up', streamed.right],
  [`NDJSON: the heap stayed under ${HEAP_LIMIT_MB} MB`, streamed.heap < HEAP_LIMIT_MB],
];
console.log(`\n${checks.map(([what, holds]) => `${holds ? '✓' : '✗'} ${what}`).join('\n')}`);
process.exitCode = checks.every(([, holds]) => holds) ? 0 : 1;
