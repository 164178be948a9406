// The SMS provider: takes 100 in any second and answers 429 to more. Run as a process of its own.
// @ts-check
import { createServer } from 'node:http';

const LIMIT = 100;
const PER_MS = 1_000;

/** When the messages of the last second came. @type {number[]} */
const recent = [];
let sent = 0;
let refused = 0;

const server = createServer((request, response) => {
  request.resume();
  const now = performance.now();
  while (recent.length > 0 && now - /** @type {number} */ (recent[0]) >= PER_MS) recent.shift();
  if (recent.length >= LIMIT) {
    refused++;
    return void response.writeHead(429, { 'retry-after': '1' }).end();
  }
  recent.push(now);
  sent++;
  response.writeHead(200).end();
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send?.({ address: server.address() }));
process.on('message', () => process.send?.({ counted: { sent, refused } }));
process.on('disconnect', () => process.exit());
