// The e-mail service: takes 8 mails at a time, 20 ms each, and answers 503 to more. Run as a process of its own.
// @ts-check
import { createServer } from 'node:http';

const AT_A_TIME = 8;
const MS_EACH = 20;

let busy = 0;
let sent = 0;

const server = createServer((request, response) => {
  request.resume();
  if (busy >= AT_A_TIME) return void response.writeHead(503).end();
  busy++;
  setTimeout(() => {
    busy--;
    sent++;
    response.writeHead(200).end();
  }, MS_EACH);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send?.({ address: server.address() }));
process.on('message', () => process.send?.({ sent }));
process.on('disconnect', () => process.exit());
