// The e-mail service of the durable part: it remembers what it sent, and refuses some addresses until it is repaired. Run as a process of its own.
// @ts-check
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

const MS_EACH = 20;

/** How often each order was mailed. @type {Map<number, number>} */
const sent = new Map();
let refused = 0;
let repaired = false;

const server = createServer(async (request, response) => {
  const { id, email } = JSON.parse(await text(request));
  setTimeout(() => {
    if (!repaired && email.endsWith('@unreachable.example')) {
      refused++;
      return void response.writeHead(502).end();
    }
    sent.set(id, (sent.get(id) ?? 0) + 1);
    response.writeHead(200).end();
  }, MS_EACH);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send?.({ address: server.address() }));
process.on('message', (message) => {
  if (message === 'repair') repaired = true;
  else process.send?.({ mails: { sent: [...sent], refused } });
});
process.on('disconnect', () => process.exit());
