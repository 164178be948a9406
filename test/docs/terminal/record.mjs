// Records what the monitor of docs/examples/orders tells, for the pictures of docs/assets/monitor/: `node test/docs/terminal/record.mjs`, after
// `npm run build`. Then `npm run docs` draws them.
// @ts-check
import { writeFileSync } from 'node:fs';
import { classOf } from '../../../docs/examples/orders/classes.mjs';
import { end, message, postOrders, start } from '../../../docs/examples/orders/processes.mjs';

const mailServer = start('mailServer.mjs', 64, 100);
const smsServer = start('smsServer.mjs');
const [mail, sms] = await Promise.all([message(mailServer, 'address'), message(smsServer, 'address')]);
const service = start('classedService.mjs', mail.port, sms.port);
const { port } = await message(service, 'address');
/** @type {any} */
let latest;
service.on('message', (/** @type {any} */ { report }) => (latest = report ?? latest));

let id = 0;
const order = () => ({ id, item: 'book', email: `reader${id}@example.org`, class: classOf(id++) });
await postOrders({ port, rate: 60, seconds: 8, connections: 100, order });
const before = latest.snapshot;
await postOrders({ port, rate: 180, seconds: 12, connections: 600, order });
const after = latest.snapshot;

service.send('finish');
await message(service, 'final');
await end(service, mailServer, smsServer);
const recorded = [
  { when: '60 orders a second', snapshot: before },
  { when: '180 orders a second', snapshot: after },
];
writeFileSync(new URL('recorded.json', import.meta.url), JSON.stringify(recorded, null, 2));
