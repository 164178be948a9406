// Four classes of customers, and a load that triples half-way.
// @ts-check
import { classOf, CLASSES } from './classes.mjs';
import { end, message, postOrders, start } from './processes.mjs';
import { ClassTable, count, table } from './table.mjs';

/** The SMS provider takes 100 a second. */
const FIRST_RATE = 60;
const THEN_RATE = 3 * FIRST_RATE;

/** Runs the service and returns what must hold. @param {number} seconds @returns {Promise<[string, boolean][]>} */
export async function tripled(seconds) {
  console.log(
    `\n${FIRST_RATE} orders a second from four classes of customers, then ${THEN_RATE}, for an SMS provider that allows 100:` +
      '\nshed by class → invoices in threads → elastic mail → rate limit → SMS',
  );
  const mailServer = start('mailServer.mjs', 64, 100);
  const smsServer = start('smsServer.mjs');
  const [mail, sms] = await Promise.all([message(mailServer, 'address'), message(smsServer, 'address')]);
  const service = start('classedService.mjs', mail.port, sms.port);
  const { port } = await message(service, 'address');
  const half = Math.max(1, seconds / 2);
  const live = new ClassTable(CLASSES.map(({ name }) => name));
  service.on('message', (/** @type {any} */ { report }) => report && live.show(report));

  let id = 0;
  const order = () => ({ id, item: 'book', email: `reader${id}@example.org`, class: classOf(id++) });
  await postOrders({ port, rate: FIRST_RATE, seconds: half, connections: 100, order });
  console.log(`the load triples: ${THEN_RATE} orders a second`);
  await postOrders({ port, rate: THEN_RATE, seconds: half, connections: 600, order });

  service.send('finish');
  const final = await message(service, 'final');
  smsServer.send('count');
  const counted = await message(smsServer, 'counted');
  live.end();
  await end(service, mailServer, smsServer);

  const classes = CLASSES.map(({ name }) => ({ name, ...final.classes[name] }));
  const dropped = (/** @type {any} */ { shed }) => Object.values(shed).reduce((sum, n) => sum + n, 0);
  const part = (/** @type {any} */ { received, done }) => `${((100 * done) / Math.max(1, received)).toFixed(1)} %`;
  console.log(
    `\n${table([
      ['class', 'received', 'done', 'evicted', 'no room', 'too old', 'part done'],
      ...classes.map((row) => [
        row.name,
        ...[row.received, row.done, row.shed.evicted ?? 0, row.shed.overflow ?? 0, row.shed.expired ?? 0].map(count),
        part(row),
      ]),
    ])}`,
  );
  console.log(
    `\n${table([
      ['ledger', 'in', 'out', 'dropped', 'held'],
      ...final.snapshot.stages.map((/** @type {import('sluice/monitor').StageSnapshot} */ l) => [
        l.stage,
        ...[l.in, l.out, l.dropped, l.held].map(count),
      ]),
    ])}`,
  );
  console.log(
    `\nSMS provider: ${count(counted.sent)} sent, ${counted.refused} answered 429. Invoices: ${count(final.bytes / 1e3)} kB of PDF.`,
  );
  const [top] = classes;
  return [
    [
      'classes: received = done + shed, in each class',
      classes.every((row) => row.received === row.done + dropped(row)),
    ],
    ['classes: nobody of the top class was lost', top?.received === top?.done && top?.received > 0],
    ['classes: every stage’s in = out + dropped + held, and nothing is held', final.snapshot.stages.every(balanced)],
    ['classes: the SMS provider never answered 429', counted.refused === 0],
    [
      'classes: the SMS provider counted what was done',
      counted.sent === classes.reduce((sum, row) => sum + row.done, 0),
    ],
  ];
}

/** @param {Pick<import('sluice').Ledger, 'in' | 'out' | 'dropped' | 'held'>} ledger */
export function balanced(ledger) {
  return ledger.in === ledger.out + ledger.dropped && ledger.held === 0;
}
