// The order service: POST an order, get 202 or 429. Run as a process of its own: `service.mjs <pipeline> <mail port>`.
// @ts-check
import { Agent, createServer, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { createHistogram, performance } from 'node:perf_hooks';
import { withMergeMap, withSluice } from './pipelines.mjs';

const [kind, mailPort] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const latency = createHistogram();
const counts = { received: 0, accepted: 0, refused: 0, rejected: 0, sent: 0, failed: 0 };
let inFlight = 0;
let peakHeap = 0;

/** @param {import('./pipelines.mjs').Mail} mail */
function send(mail) {
  inFlight++;
  return new Promise((/** @type {(value: void) => void} */ resolve) => {
    const ended = (/** @type {boolean} */ ok) => {
      inFlight--;
      counts[ok ? 'sent' : 'failed']++;
      latency.record(Math.max(1, Math.round(performance.now() - mail.at)));
      resolve();
    };
    const post = httpRequest({ agent, port: Number(mailPort), host: '127.0.0.1', method: 'POST' }, (response) => {
      response.resume().on('end', () => ended(response.statusCode === 200));
    });
    post.on('error', () => ended(false)).end(JSON.stringify(mail));
  });
}

const pipeline = (kind === 'sluice' ? withSluice : withMergeMap)(send, () => counts.rejected++);

const server = createServer(async (request, response) => {
  const order = JSON.parse(await text(request));
  counts.received++;
  if (pipeline.offer({ ...order, at: performance.now() }) === 'accepted') {
    counts.accepted++;
    response.writeHead(202).end();
  } else {
    counts.refused++;
    response.writeHead(429, { 'retry-after': '1' }).end();
  }
});

const report = () => {
  const heap = process.memoryUsage().heapUsed / 1e6;
  peakHeap = Math.max(peakHeap, heap);
  const waiting = Math.max(0, pipeline.waiting() - inFlight);
  const [p50, p99] = [latency.percentile(50), latency.percentile(99)];
  return { ...counts, waiting, inFlight, heap, peakHeap, p50, p99, snapshot: pipeline.snapshot() };
};

server.listen(0, '127.0.0.1', () => process.send?.({ address: server.address() }));
const reporting = setInterval(() => process.send?.({ report: report() }), 250);
process.on('message', async () => {
  clearInterval(reporting);
  server.close();
  const left = report(); // before the end: what is still waiting now
  await pipeline.finish();
  process.send?.({ final: { ...report(), left: left.waiting + left.inFlight } });
});
process.on('disconnect', () => process.exit());
