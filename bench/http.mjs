// What admission costs a server, and what a flood costs those who are let in: `npm run build && node bench/http.mjs` (some three minutes; `--quick`
// tries it). The server is a process of its own, and so is who sends the flood: this file, started with the role as its argument.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';

const [role, setting] = process.argv.slice(2);
const quick = process.argv.includes('--quick');
const [SECONDS, ROUNDS] = quick ? [1, 3] : [2, 15];

/** @param {number[]} values @param {number} part */
const quantile = (values, part) => values.sort((a, b) => a - b)[Math.floor((values.length - 1) * part)];
/** @param {number[]} values */
const median = (values) => quantile([...values], 0.5);

/** A server: bare, or behind an admission. It measures each request, from when its handler is called to when the answer is written out. */
async function serve() {
  const { tokenBucket } = await import('../dist/index.js');
  const { admission } = await import('../dist/http.js');
  // The flood comes from one address, and the others by a header of a proxy, so that they have limits of their own.
  const admit = admission({
    limiter: tokenBucket(setting === 'flood' ? { rate: 100, burst: 100 } : { rate: 1e9, burst: 1e9 }),
    trustProxy: setting === 'flood' ? 1 : 0,
    quotaHeaders: setting === 'refused' ? 'refused' : 'all',
  });
  const body = JSON.stringify({ hello: 'world' });
  /** @param {import('node:http').ServerResponse} response */
  const handle = (response) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(body);
  };
  /** @type {Record<string, number[]>} */
  const times = { 200: [], 429: [] };
  let count = 0;
  let used = process.cpuUsage();
  const server = createServer((request, response) => {
    count++;
    if (setting === 'bare') return handle(response);
    if (setting === 'flood') {
      const start = performance.now();
      response.once('finish', () => times[response.statusCode].push(performance.now() - start));
    }
    if (admit.node(request, response)) handle(response);
  });
  server.listen(0, '127.0.0.1', () => process.send?.({ port: server.address().port }));
  process.on('message', () => {
    const figures = Object.entries(times).map(([status, all]) => [
      status,
      all.length,
      quantile(all, 0.5),
      quantile(all, 0.99),
    ]);
    for (const all of Object.values(times)) all.length = 0;
    const { user, system } = process.cpuUsage(used);
    const cpu = (user + system) / count;
    [count, used] = [0, process.cpuUsage()];
    process.send?.({ figures, cpu });
  });
  process.on('disconnect', () => process.exit());
}

/** Sends, and says how it went. */
async function send() {
  const { port, address, connections, rate, seconds } = JSON.parse(setting);
  const headers = address === undefined ? {} : { 'x-forwarded-for': address };
  const result = await autocannon({
    url: `http://127.0.0.1:${port}`,
    connections,
    duration: seconds,
    headers,
    ...(rate !== undefined && { overallRate: rate }),
  });
  const { p50, p99 } = result.latency;
  process.send?.({
    rate: result.requests.average,
    ok: result['2xx'],
    refused: result['4xx'],
    errors: result.errors,
    p50,
    p99,
  });
  process.disconnect?.();
}

/** @param {string[]} args */
function start(...args) {
  const child = fork(fileURLToPath(import.meta.url), args);
  /** @type {Promise<any>} */
  const said = once(child, 'message').then(([message]) => message);
  return { child, said };
}

/** @param {object} options */
const sent = (options) => start('send', JSON.stringify(options)).said;

/** What a server has measured since it was last asked. @param {import('node:child_process').ChildProcess} child */
async function ask(child) {
  child.send('figures');
  return (await once(child, 'message'))[0];
}

async function compare() {
  const kinds = ['bare', 'refused', 'all'];
  const servers = await Promise.all(
    kinds.map(async (kind) => {
      const { child, said } = start('serve', kind);
      return { kind, child, port: (await said).port, rates: [0].slice(1), cpus: [0].slice(1) };
    }),
  );
  for (const { port, child } of servers) {
    await sent({ port, connections: 50, seconds: 1 }); // warm
    await ask(child);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { port, child, rates, cpus } of round % 2 ? [...servers].reverse() : servers) {
      rates.push((await sent({ port, connections: 50, seconds: SECONDS })).rate);
      cpus.push((await ask(child)).cpu);
    }
  }
  const [bare] = servers;
  const percent = (/** @type {number[]} */ ratios) => `${(100 * median(ratios)).toFixed(1)} %`;
  const rows = servers.map(({ kind, rates, cpus }) => ({
    server: kind,
    'requests/s': Math.round(median(rates)),
    'of bare': percent(rates.map((rate, i) => rate / bare.rates[i])),
    'CPU µs a request': median(cpus).toFixed(1),
    'requests a CPU second, of bare': percent(cpus.map((cpu, i) => bare.cpus[i] / cpu)),
  }));
  for (const { child } of servers) child.disconnect();
  console.table(rows);
}

/** The well-behaved send 50 requests a second, of the 100 that each may; the flood sends 1,000. */
async function flood() {
  const { child, said } = start('serve', 'flood');
  const { port } = await said;
  const seconds = quick ? 2 : 6;
  const good = { port, address: '198.51.100.1', connections: 5, rate: 50, seconds };
  const bad = { port, address: '203.0.113.7', connections: 20, rate: 1_000, seconds };
  const asked = async () => (await ask(child)).figures;
  /** @type {Record<string, any[]>} */
  const found = { alone: [], beside: [], flood: [] };
  for (let round = 0; round < (quick ? 2 : 5); round++) {
    const alone = await sent(good);
    found.alone.push({ ...there(await asked(), '200'), client: alone.p99, refused: alone.refused });
    const [beside, flooded] = await Promise.all([sent(good), sent(bad)]);
    const figures = await asked();
    found.beside.push({ ...there(figures, '200'), client: beside.p99, refused: beside.refused });
    found.flood.push({ ...there(figures, '429'), client: flooded.p99, refused: flooded.refused });
  }
  child.disconnect();
  console.table(
    Object.entries(found).map(([who, rounds]) => {
      const of = (/** @type {string} */ name) => median(rounds.map((round) => round[name]));
      return {
        who,
        answers: of('count'),
        'refused with 429': of('refused'),
        'server p50 ms': of('p50').toFixed(3),
        'server p99 ms': of('p99').toFixed(3),
        'client p99 ms': of('client'),
      };
    }),
  );
}

/** @param {any[]} figures @param {string} status */
function there(figures, status) {
  const [, count, p50 = NaN, p99 = NaN] = figures.find(([name]) => name === status);
  return { count, p50, p99 };
}

if (role === 'serve') await serve();
else if (role === 'send') await send();
else {
  await compare();
  await flood();
}
