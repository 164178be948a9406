import { createServer, type RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { admission, politeFetch } from '../../src/http/index.js';
import { OptionError, pool, pull, retryBudget, tokenBucket } from '../../src/index.js';
import { VirtualTime } from '../../src/testing/index.js';
import { listening, overHttp, type Running } from './servers.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A server that answers as the test says: each request is noted, and gets the next answer, or the last again. */
class Trial {
  readonly time: VirtualTime = new VirtualTime();
  readonly sent: string[] = [];
  readonly results: string[] = [];

  constructor(private readonly answers: readonly (() => Response)[]) {}

  readonly fetch: typeof fetch = async (input, init) => {
    const request = input instanceof Request ? input : undefined;
    const method = init?.method ?? request?.method ?? 'GET';
    const body = init?.body == null ? await request?.text() : await new Response(init.body).text();
    this.sent.push(`${this.time.now} ${method} ${new URL(request?.url ?? (input as string)).pathname}${body ?? ''}`);
    return this.answers[Math.min(this.sent.length, this.answers.length) - 1]!();
  };
  note(response: Promise<Response>): void {
    response.then(
      async ({ status }) => this.results.push(`${this.time.now} ${status}`),
      (error: unknown) => this.results.push(`${this.time.now} ${(error as Error).message}`),
    );
  }
  /** Time goes on until nothing is left to do. */
  async run(ms = 200_000): Promise<void> {
    for (const end = this.time.now + ms; this.time.now < end;) {
      for (let i = 0; i < 5; i++) await turn();
      this.time.advanceBy(500);
    }
  }
}
const [AT_5, AT_7] = ['Thu, 01 Jan 2026 00:00:05 GMT', 'Thu, 01 Jan 2026 00:00:07 GMT'];
const T_7 = Date.parse(AT_7) / 1_000;
const NONE = { 'X-RateLimit-Remaining': '0' };
const url = 'https://api.example/a';
const ok =
  (headers: Record<string, string> = {}) =>
  () =>
    new Response('ok', { headers });
const no =
  (status: number, headers: Record<string, string> = {}) =>
  () =>
    new Response('no', { status, headers });

describe('politeFetch', () => {
  test.each([
    ['Retry-After in seconds', { 'Retry-After': '2' }, 2_000],
    ['Retry-After as a date', { 'Retry-After': 'Thu, 01 Jan 1970 00:00:03 GMT' }, 3_000],
    ['a date, by the clock of the server', { 'Retry-After': AT_7, Date: AT_5 }, 2_000],
    ['a time in the older headers, by that too', { ...NONE, 'X-RateLimit-Reset': `${T_7}`, Date: AT_5 }, 2_000],
    ['RateLimit', { RateLimit: '"a";r=0;t=4' }, 4_000],
    ['the older headers', { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '5' }, 5_000],
    ['the longer of them', { 'Retry-After': '2', RateLimit: '"a";r=0;t=6' }, 6_000],
  ])('sends again what was refused, when it is told to: %s', async (_, headers, wait) => {
    for (const status of [429, 503]) {
      const trial = new Trial([no(status, headers), ok()]);
      trial.note(politeFetch({ fetch: trial.fetch, scheduler: trial.time.scheduler })(url));
      await trial.run(10_000);
      expect(trial.sent).toEqual(['0 GET /a', `${wait} GET /a`]);
      expect(trial.results).toEqual([`${wait} 200`]);
    }
  });

  test.each([
    ['that says nothing', no(503)],
    ['that makes no sense', no(429, { 'Retry-After': 'soon', RateLimit: '"a;r=0' })],
    ['that says more than maxWait', no(429, { 'Retry-After': '11' })],
    ['of another kind', no(500, { 'Retry-After': '1' })],
  ])('an answer %s is returned as it is', async (_, answer) => {
    const trial = new Trial([answer, ok()]);
    trial.note(politeFetch({ fetch: trial.fetch, maxWait: 10_000, scheduler: trial.time.scheduler })(url));
    await trial.run(20_000);
    expect(trial.sent).toHaveLength(1);
  });

  test.each([
    ['one that says more than maxWait holds later requests up for maxWait', 10_000, 10_000],
    ['with Infinity, for what it says', Infinity, 90_000],
  ])('%s', async (_, maxWait, wait) => {
    const trial = new Trial([no(429, { 'Retry-After': '90' }), ok()]);
    const get = politeFetch({ fetch: trial.fetch, maxWait, retry: 'idempotent', scheduler: trial.time.scheduler });
    trial.note(get(url, { method: 'POST' }));
    await trial.run(500);
    expect(trial.results).toEqual(['0 429']);
    trial.note(get(url));
    await trial.run(100_000);
    expect(trial.sent).toEqual(['0 POST /a', `${wait} GET /a`]);
  });

  test('waits for longer than any timer, where nothing bounds it', async () => {
    const trial = new Trial([no(429, { 'Retry-After': '999999999999999' }), ok()]);
    const controller = new AbortController();
    const get = politeFetch({ fetch: trial.fetch, maxWait: Infinity, scheduler: trial.time.scheduler });
    trial.note(get(url, { signal: controller.signal }));
    await trial.run(10_000);
    trial.time.advanceBy(1e10);
    for (let i = 0; i < 5; i++) await turn();
    expect([trial.sent, trial.results]).toEqual([['0 GET /a'], []]);
    controller.abort(new Error('long enough'));
    await trial.run(500);
    expect(trial.results).toEqual([`${trial.time.now - 500} long enough`]);
  });

  test('gives up after so many attempts, and returns the last answer', async () => {
    const trial = new Trial([no(429, { 'Retry-After': '1' })]);
    trial.note(politeFetch({ fetch: trial.fetch, attempts: 4, scheduler: trial.time.scheduler })(url));
    await trial.run(10_000);
    expect(trial.sent).toHaveLength(4);
    expect(trial.results).toEqual(['3000 429']);
  });

  test('a budget bounds what is sent again', async () => {
    const trial = new Trial([no(429, { 'Retry-After': '0' })]);
    const { scheduler } = trial.time;
    const budget = retryBudget({ ratio: 0, minPerSecond: 0.1, scheduler });
    const get = politeFetch({ fetch: trial.fetch, attempts: 9, budget, scheduler });
    for (let i = 0; i < 5; i++) await get(url);
    expect(trial.sent).toHaveLength(6);
  });

  test('sends again only what may be, and can be', async () => {
    const stream = () => new Response('body').body!;
    const attempts = async (
      init: RequestInit,
      retry: 'idempotent' | 'all',
      input: RequestInfo = url,
    ): Promise<number> => {
      const trial = new Trial([no(503, { 'Retry-After': '0' })]);
      await politeFetch({ fetch: trial.fetch, retry, scheduler: trial.time.scheduler })(input, init);
      expect(new Set(trial.sent).size).toBe(1);
      return trial.sent.length;
    };
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE']) expect(await attempts({ method }, 'idempotent')).toBe(3);
    expect(await attempts({ method: 'put', body: 'x' }, 'idempotent')).toBe(3);
    expect(await attempts({ method: 'POST', body: 'x' }, 'idempotent')).toBe(1);
    expect(await attempts({ method: 'PATCH' }, 'idempotent')).toBe(1);
    const bodies = ['x', new Uint8Array([120]), new URLSearchParams('x'), new Blob(['x'])];
    for (const body of bodies) expect(await attempts({ method: 'POST', body }, 'all')).toBe(3);
    expect(await attempts({ method: 'PUT', body: stream() }, 'all')).toBe(1);
    expect(await attempts({}, 'all', new Request(url))).toBe(3);
    expect(await attempts({}, 'all', new Request(url, { method: 'PUT', body: 'x' }))).toBe(1);
    expect(await attempts({ body: 'y' }, 'all', new Request(url, { method: 'PUT', body: 'x' }))).toBe(3);
  });

  test('waits before it runs into a limit: as many go as are left, then one that asks', async () => {
    const trial = new Trial([
      ok({ RateLimit: '"a";r=2;t=10' }),
      ok(),
      ok({ RateLimit: '"a";r=0;t=10' }),
      ok({ RateLimit: '"a";r=9;t=1' }),
    ]);
    const get = politeFetch({ fetch: trial.fetch, scheduler: trial.time.scheduler });
    await get(url);
    for (let i = 0; i < 5; i++) trial.note(get(url));
    await trial.run(30_000);
    expect(trial.sent.map((line) => line.split(' ')[0])).toEqual(['0', '0', '0', '10000', '10000', '10000']);
    expect(trial.results).toHaveLength(5);
  });

  test('each origin, or each key, by itself', async () => {
    const trial = new Trial([ok({ RateLimit: '"a";r=0;t=10' })]);
    const { scheduler } = trial.time;
    const get = politeFetch({ fetch: trial.fetch, scheduler });
    await get(url);
    trial.note(get('https://api.example/b'));
    trial.note(get(new URL('https://other.example/c')));
    await trial.run(1_000);
    expect(trial.sent).toEqual(['0 GET /a', '0 GET /c']);
    const keyed = politeFetch({ fetch: trial.fetch, key: ({ pathname }, method) => method + pathname, scheduler });
    for (const path of ['/a', '/b']) await keyed(`https://api.example${path}`);
    expect(trial.sent.slice(2).map((line) => line.split(' ')[2])).toEqual(['/a', '/b']);
    await trial.run(20_000);
  });

  test('a signal ends a wait, before the first attempt or the next', async () => {
    const trial = new Trial([no(429, { 'Retry-After': '10' })]);
    const get = politeFetch({ fetch: trial.fetch, scheduler: trial.time.scheduler });
    const controllers = [new AbortController(), new AbortController()];
    for (const { signal } of controllers) {
      trial.note(get(signal === controllers[0]!.signal ? new Request(url, { signal }) : url, { signal }));
      await turn();
      await turn();
    }
    controllers.forEach((controller, i) => controller.abort(new Error(`gone ${i}`)));
    await turn();
    expect(trial.results).toEqual(['0 gone 0', '0 gone 1']);
    expect(trial.sent).toHaveLength(1);
    expect(trial.time.pending).toBe(0);
  });

  test('what fails is passed on, and holds nobody up', async () => {
    const trial = new Trial([
      ok({ RateLimit: '"a";r=0;t=1' }),
      () => {
        throw new TypeError('fetch failed');
      },
      ok(),
    ]);
    const get = politeFetch({ fetch: trial.fetch, scheduler: trial.time.scheduler });
    await get(url);
    for (let i = 0; i < 3; i++) trial.note(get(url));
    await trial.run(2_000);
    expect(trial.results).toEqual(['1000 fetch failed', '1000 200', '1000 200']);
    await expect(get('no url')).rejects.toThrow(TypeError);
  });

  test.each([
    { fetch: 1 },
    { attempts: 0 },
    { attempts: Infinity },
    { maxWait: -1 },
    { maxWait: NaN },
    { maxWait: '9' },
    { budget: {} },
    { retry: 'never' },
    { key: 'origin' },
    { retries: 3 },
  ])('refuses %o', (options) => {
    expect(() => politeFetch(options as never)).toThrow(OptionError);
  });
});

describe('politeFetch and real servers', () => {
  const open: Running[] = [];
  afterEach(() => Promise.all(open.splice(0).map((server) => server.close())));

  async function serving(listener: RequestListener): Promise<string> {
    const server = await listening(createServer(listener));
    open.push(server);
    return `http://127.0.0.1:${server.port}/`;
  }

  test('a pool calls an API behind an admission, and is never refused', async () => {
    const admit = admission({ limiter: tokenBucket({ rate: 10, burst: 4 }) });
    const counts: Record<number, number> = {};
    const address = await serving((request, response) => {
      if (admit.node(request, response)) response.end(request.url);
      counts[response.statusCode] = (counts[response.statusCode] ?? 0) + 1;
    });
    const get = politeFetch({ fetch: overHttp });
    await (await get(address)).text();
    const found: string[] = [];
    await pull([1, 2, 3, 4, 5, 6])
      .pipe(pool(async (n, { signal }) => (await get(`${address}${n}`, { signal })).text(), { concurrency: 6 }))
      .forEach((body) => void found.push(body));
    expect(found.sort()).toEqual(['/1', '/2', '/3', '/4', '/5', '/6']);
    expect(counts).toEqual({ 200: 7 });
  });

  test('a body is sent again whole, and an answer that is thrown away frees its connection', async () => {
    const bodies: string[] = [];
    const address = await serving((request, response) => {
      void text(request).then((body) => {
        const isFirst = bodies.push(body) === 1;
        if (isFirst) response.writeHead(503, { 'Retry-After': '0' });
        response.end('x'.repeat(1_000_000));
      });
    });
    const response = await politeFetch({ fetch: overHttp })(address, { method: 'PUT', body: 'an order' });
    expect([response.status, (await response.text()).length]).toEqual([200, 1_000_000]);
    expect(bodies).toEqual(['an order', 'an order']);
  });
});
