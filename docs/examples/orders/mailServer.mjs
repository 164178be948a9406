// The e-mail service: takes so many mails at a time, so long each, and answers 503 to more. Run as a process of its own: `mailServer.mjs [8] [20]`.
// @ts-check
import { createServer } from 'node:http';

const [atATime = 8, msEach = 20] = process.argv.slice(2).map(Number);

let busy = 0;
let sent = 0;

const server = createServer((request, response) => {
  request.resume();
  if (busy >= atATime) return void response.writeHead(503).end();
  busy++;
  setTimeout(() => {
    busy--;
    sent++;
    response.writeHead(200).end();
  }, msEach);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send?.({ address: server.address() }));
process.on('message', () => process.send?.({ sent }));
process.on('disconnect', () => process.exit());
