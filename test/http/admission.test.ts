import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { connect, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import autocannon from 'autocannon';
import express, { type NextFunction, type Request as ExpressRequest, type Response as ExpressResponse } from 'express';
import { concatMap, tap, type Observable } from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import { admission, refuse, requestReply, type Exchange, type RequestReply, type Visit } from '../../src/http/index.js';
import { OptionError, pool, RefusedError, ReturnError, shed, slidingWindow, tokenBucket } from '../../src/index.js';
import { VirtualTime } from '../../src/testing/index.js';
import { get, listening, servers, type Handler, type Options, type Reply, type Running } from './servers.js';

/** `n` requests for each key, and no more ever: its clock stands still. */
const quota = (n: number) => tokenBucket({ rate: 1, per: 10_000, burst: n, scheduler: new VirtualTime().scheduler });
const hello: Handler = () => 'hello';
const open: Running[] = [];
afterEach(() => Promise.all(open.splice(0).map((server) => server.close())));

async function run(name: string, options: Options, handler = hello): Promise<number> {
  const server = await servers[name]!(options, handler);
  open.push(server);
  return server.port;
}
const statuses = (replies: readonly Reply[]): number[] => replies.map(({ status }) => status);
async function inTurn(port: number, ...headers: Record<string, string | string[]>[]): Promise<number[]> {
  const found: number[] = [];
  for (const one of headers) found.push((await get(port, one)).status);
  return found;
}

describe.each(Object.keys(servers))('%s', (name) => {
  test('answers what is over the limit 429, and says how much is left and when to come again', async () => {
    const port = await run(name, { limiter: quota(2), name: 'per caller' });
    const replies = [await get(port), await get(port), await get(port)];
    expect(statuses(replies)).toEqual([200, 200, 429]);
    expect(replies.map(({ headers }) => headers['ratelimit-policy'])).toEqual(Array(3).fill('"per caller";q=2;w=20'));
    expect(replies.map(({ headers }) => headers['ratelimit'])).toEqual([
      '"per caller";r=1;t=10',
      '"per caller";r=0;t=10',
      '"per caller";r=0;t=10',
    ]);
    expect(replies.map(({ headers }) => headers['retry-after'])).toEqual([undefined, undefined, '10']);
    expect(replies.map(({ body }) => body).slice(0, 2)).toEqual(['hello', 'hello']);
    expect(replies[2]!.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(JSON.parse(replies[2]!.body)).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      'violated-policies': ['per caller'],
    });
  });

  test('says so only where it is told to', async () => {
    for (const [quotaHeaders, told] of [
      ['all', [true, true]],
      ['refused', [false, true]],
      ['none', [false, false]],
    ] as const) {
      const port = await run(name, { limiter: quota(1), quotaHeaders });
      const replies = [await get(port), await get(port)];
      expect(replies.map(({ headers }) => 'ratelimit' in headers)).toEqual(told);
      expect(replies.map(({ headers }) => 'ratelimit-policy' in headers)).toEqual(told);
      expect('retry-after' in replies[1]!.headers).toBe(true);
    }
  });

  test('a header that anybody may write makes no new caller', async () => {
    const port = await run(name, { limiter: quota(2) });
    const said = ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'];
    const headers = said.map((address) => ({ 'X-Forwarded-For': address, Forwarded: `for=${address}` }));
    expect(await inTurn(port, ...headers)).toEqual([200, 200, 429, 429]);
  });

  test('behind a proxy callers are told apart, IPv6 by its network', async () => {
    const port = await run(name, { limiter: quota(1), trustProxy: 1 });
    const by = (value: string | string[]) => ({ 'X-Forwarded-For': value });
    expect(
      await inTurn(
        port,
        by('1.1.1.1'),
        by('2.2.2.2'),
        by('3.3.3.3, 1.1.1.1'),
        by(['4.4.4.4', '2.2.2.2']),
        by('::ffff:1.1.1.1'),
      ),
    ).toEqual([200, 200, 429, 429, 429]);
    expect(await inTurn(port, by('2001:db8:0:1::1'), by('2001:db8:0:1:ffff::9'), by('2001:db8:0:2::1'))).toEqual([
      200, 429, 200,
    ]);
  });

  test('Forwarded, where that is what the proxy writes', async () => {
    const port = await run(name, { limiter: quota(1), trustProxy: 1, proxyHeader: 'forwarded' });
    const by = (forwarded: string) => ({ Forwarded: forwarded, 'X-Forwarded-For': `${Math.random()}` });
    expect(
      await inTurn(port, by('for=1.1.1.1;proto=http'), by('for=6.6.6.6, for="1.1.1.1:80"'), by('for=2.2.2.2')),
    ).toEqual([200, 429, 200]);
  });

  test('where headers are huge, missing or make no sense, callers behind the proxy are one, and nothing breaks', async () => {
    const port = await run(name, { limiter: quota(1), trustProxy: 1 });
    const senseless = [
      '',
      ' ',
      ',,,,',
      'unknown',
      '999.1.1.1',
      '1.1.1.1, x',
      'for=1.1.1.1',
      '\u00ff',
      `${'1.1.1.1,'.repeat(1_500)}x`,
    ];
    const headers = senseless.map((value) => ({ 'X-Forwarded-For': value }));
    expect(await inTurn(port, {}, ...headers, { 'X-Forwarded-For': ['y', 'z'] })).toEqual([
      200,
      ...Array<number>(10).fill(429),
    ]);
  });

  test('a cost that can never be paid is an error of the server, and lets nobody in', async () => {
    let served = 0;
    const port = await run(name, { limiter: quota(2), cost: () => 3 }, () => `${++served}`);
    expect((await get(port)).status).toBe(500);
    expect(served).toBe(0);
  });

  test.each([undefined, null, NaN, -1, '1'])('a cost of %s is one too', async (cost) => {
    let served = 0;
    const port = await run(name, { limiter: quota(2), cost: () => cost as number }, () => `${++served}`);
    expect((await get(port)).status).toBe(500);
    expect(served).toBe(0);
  });

  test('a flood lets in what the limit allows, to the one', async () => {
    let served = 0;
    const port = await run(name, { limiter: quota(50) }, () => `${++served}`);
    const result = await autocannon({ url: `http://127.0.0.1:${port}`, connections: 20, amount: 1_000 });
    await tick();
    expect([result['2xx'], result['4xx'], result['5xx'], result.errors]).toEqual([50, 950, 0, 0]);
    expect(served).toBe(50);
  });

  test('requests wait for their turn, and those that have to give way are answered 503', async () => {
    const waiting: (() => void)[] = [];
    let most = 0;
    const handler = async (): Promise<string> => {
      const done = new Promise<void>((resolve) => waiting.push(resolve));
      most = Math.max(most, waiting.length);
      await done;
      return 'served';
    };
    const turns = atOnce(2, 3);
    const port = await run(name, { turns, name: 'service', limiter: quota(100) }, handler);
    const replies = Array.from({ length: 8 }, () => get(port));
    const refused = await firstOf(replies, 3);
    expect(statuses(refused)).toEqual([503, 503, 503]);
    for (const { headers, body } of refused) {
      expect(headers['retry-after']).toBe('1');
      expect(headers['content-type']).toMatch(/^application\/problem\+json/);
      expect((JSON.parse(body) as { type: string }).type).toMatch('temporary-reduced-capacity');
    }
    expect(waiting).toHaveLength(2);
    for (let left = 5; left > 0; left--) {
      while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
      waiting.shift()!();
    }
    const all = await Promise.all(replies);
    expect(statuses(all).sort()).toEqual([200, 200, 200, 200, 200, 503, 503, 503]);
    expect(most).toBe(2);
    const closed = turns.close();
    expect((await get(port)).status).toBe(503); // it is draining
    await closed;
    expect(turns.open).toBe(0);
  });

  test('a caller who goes away while it waits is not served, and its place is free', async () => {
    const waiting: (() => void)[] = [];
    let served = 0;
    const handler = (): Promise<string> => {
      served++;
      return new Promise((resolve) => waiting.push(() => resolve('served')));
    };
    const turns = atOnce(1, 9);
    const port = await run(name, { turns }, handler);
    const first = get(port);
    while (turns.open < 1) await tick();
    const leaving = new AbortController();
    const second = get(port, {}, { signal: leaving.signal }).catch((error: unknown) => error);
    while (turns.open < 2) await tick();
    leaving.abort();
    await second;
    while (turns.open > 1) await tick();
    const third = get(port);
    while (waiting.length < 1) await tick();
    waiting.shift()!();
    expect((await first).body).toBe('served');
    while (waiting.length < 1) await tick();
    waiting.shift()!();
    expect((await third).body).toBe('served');
    expect(served).toBe(2);
    while (turns.open > 0) await tick();
  });

  test('what fails in the pipeline is an error of the server, and lets nobody in', async () => {
    const turns = requestReply<Visit<unknown>, unknown>((visits) =>
      visits.pipe(
        shed({
          capacity: 1,
          priority: () => {
            throw new Error('no such class');
          },
        }),
      ),
    );
    let served = 0;
    const port = await run(name, { turns }, () => `${++served}`);
    expect((await get(port)).status).toBe(500);
    expect(served).toBe(0);
  });

  test('a pipeline that sends what is no exchange is an error of the server, and ends no process', async () => {
    const release: (() => void)[] = [];
    const handler = (): Promise<string> => new Promise((resolve) => release.push(() => resolve('served')));
    const turns = requestReply<Visit<unknown>, unknown>(
      (visits) => visits.pipe(pool(async ({ value }) => value.serve() as never, { concurrency: 1 })),
      { capacity: 9 },
    );
    const port = await run(name, { turns }, handler);
    const first = get(port);
    while (release.length < 1) await tick();
    const second = get(port);
    while (turns.open < 2) await tick();
    release[0]!();
    await first; // on Node it has its answer before that is known
    expect((await second).status).toBe(500);
    while (turns.open > 0) await tick();
    expect(release).toHaveLength(1);
  });

  test('a pipeline that only lets through has the request served', async () => {
    const turns = requestReply<Visit<unknown>, Visit<unknown>>((visits) => visits);
    const port = await run(name, { turns });
    expect((await get(port)).body).toBe('hello');
  });
});

/** So many at once, and so many that wait. */
function atOnce(concurrency: number, capacity: number): RequestReply<Visit<unknown>, unknown> {
  return requestReply((visits: Observable<Exchange<Visit<unknown>>>) =>
    visits.pipe(
      shed({ capacity, priority: () => 0, onDrop: refuse }),
      pool((exchange) => exchange.run((visit) => visit.serve()), { concurrency, waiting: 0 }),
    ),
  );
}
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The first `n` to resolve. */
function firstOf<T>(promises: readonly Promise<T>[], n: number): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const found: T[] = [];
    for (const promise of promises) {
      promise.then((value) => {
        if (found.push(value) === n) resolve([...found]);
      }, reject);
    }
  });
}

describe('node', () => {
  async function plain(options: Parameters<typeof admission>[0], host?: string): Promise<number> {
    const admit = admission(options);
    const server = await listening(
      createServer((request, response) => {
        if (admit.node(request, response)) response.end('hello');
      }),
      host,
    );
    open.push(server);
    return server.port;
  }

  test('without `next` it says whether to go on', async () => {
    const port = await plain({
      limiter: slidingWindow({ limit: 1, per: 60_000, scheduler: new VirtualTime().scheduler }),
    });
    const replies = [await get(port), await get(port), await get(port, {}, { method: 'HEAD' })];
    expect(replies.map(({ status, body }) => `${status} ${body.slice(0, 5)}`)).toEqual([
      '200 hello',
      '429 {"typ',
      '429 ',
    ]);
    expect(replies[2]!.headers['ratelimit']).toBe('"default";r=0;t=60');
  });

  test('on a socket for both, a caller by IPv4 is the same as by IPv4 alone', async () => {
    const keys: unknown[] = [];
    const limiter = quota(9);
    const tryTake = limiter.tryTake.bind(limiter);
    limiter.tryTake = (cost, key) => (keys.push(key), tryTake(cost, key));
    const port = await plain({ limiter }, '::');
    await get(port, {}, { host: '127.0.0.1' });
    await get(port, {}, { host: '::1' });
    expect(keys).toEqual(['127.0.0.1', '0:0:0:0::/64']);
  });

  test('several limits are told in one header each', async () => {
    const [user, service] = [
      admission({ limiter: quota(5), name: 'user' }),
      admission({ limiter: quota(1), name: 'all' }),
    ];
    const server = await listening(
      createServer((request, response) => {
        if (user.node(request, response) && service.node(request, response)) response.end('hello');
      }),
    );
    open.push(server);
    expect((await get(server.port)).headers['ratelimit']).toBe('"user";r=4;t=10, "all";r=0;t=10');
    const { status, headers } = await get(server.port);
    expect([status, headers['ratelimit']]).toEqual([429, '"user";r=3;t=20, "all";r=0;t=10']);
  });

  test('a request whose caller has gone already takes no place', async () => {
    const turns = atOnce(1, 1);
    const admit = admission({ turns });
    const request = new IncomingMessage(new Socket());
    const response = new ServerResponse(request);
    response.destroy();
    let served = false;
    admit.node(request, response, () => (served = true));
    while (turns.open > 0) await tick();
    expect(served).toBe(false);
    expect(await turns({ request, serve: async () => undefined })).toBeUndefined();
  });

  test('requests whose connection ends before those before them are answered give their places back', async () => {
    const turns = atOnce(3, 9);
    const admit = admission({ turns });
    let served = 0;
    const server = await listening(createServer((request, response) => admit.node(request, response, () => served++)));
    open.push(server);
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5)); // three are let in, two wait
    while (turns.open < 5) await tick();
    socket.destroy();
    while (turns.open > 0) await tick();
    expect(served).toBe(3);
  });

  test('one that somebody else has answered while it waited is neither served nor answered again', async () => {
    const turns = atOnce(1, 1);
    const admit = admission({ turns });
    const responses: ServerResponse[] = [];
    const served: (string | undefined)[] = [];
    const server = await listening(
      createServer((request, response) => {
        responses.push(response);
        admit.node(request, response, () => void served.push(request.url));
      }),
    );
    open.push(server);
    const ask = (n: number) => `GET /${n} HTTP/1.1\r\nHost: x\r\n\r\n`;
    // Pipelined: the answer to the second stays where it is until the first has its own.
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
    socket.write(ask(1) + ask(2));
    while (turns.open < 2) await tick();
    responses[1]!.end('timed out');
    const closed = turns.close();
    responses[0]!.end('served');
    await closed;
    expect(served).toEqual(['/1']);
    socket.destroy();
  });

  test('one that somebody else has answered is not refused any more', async () => {
    let reject: (error: unknown) => void;
    const promise = new Promise((_, no) => (reject = no));
    const turns = requestReply<Visit<unknown>, unknown>((visits) => visits.pipe(concatMap(() => promise as never)));
    const request = new IncomingMessage(new Socket());
    const response = new ServerResponse(request);
    let error: unknown = 'none';
    admission({ turns }).node(request, response, (thrown) => (error = thrown));
    response.end('timed out');
    reject!(new RefusedError('turns', 'full', 1_000, '{}'));
    while (turns.open > 0) await tick();
    await tick(); // what is thrown where nobody catches it fails the test
    expect(error).toBe('none');
  });

  test('a mistake of the pipeline that comes when nobody waits is told to the next one, and to no other', async () => {
    const turns = requestReply<Visit<unknown>, unknown>(
      (visits) => visits.pipe(pool(async ({ value }) => value.serve() as never, { concurrency: 1 })),
      { capacity: 9 },
    );
    const admit = admission({ turns });
    const told: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      const request = new IncomingMessage(new Socket());
      const response = new ServerResponse(request);
      await new Promise<void>((resolve) =>
        admit.node(request, response, (error) => {
          told.push(error);
          response.emit('close'); // it has been answered
          resolve();
        }),
      );
      while (turns.open > 0) await tick();
      await tick();
    }
    expect(told).toEqual([undefined, expect.any(ReturnError), undefined]);
  });

  test.each([{}, [], new Date(0), Promise.resolve('ada'), () => 'ada'])(
    'a key has to be one that can be the same again: %o lets nobody in, and takes no memory',
    (key) => {
      const limiter = quota(1);
      const admit = admission({ limiter, key: (() => key) as never });
      const request = new IncomingMessage(new Socket());
      const errors: unknown[] = [];
      for (let i = 0; i < 3; i++) admit.node(request, new ServerResponse(request), (error) => errors.push(error));
      expect(errors).toEqual(Array(3).fill(expect.any(ReturnError)));
      expect(errors[0]).toMatchObject({ stage: 'admission', received: key });
      expect(limiter.keys).toBe(0);
    },
  );

  test.each(['ada', '', 7, NaN, 7n, true, Symbol('ada'), null, undefined])('a key may be %o', (key) => {
    const admit = admission({ limiter: quota(1), key: () => key });
    const request = new IncomingMessage(new Socket());
    const ask = (): boolean => admit.node(request, new ServerResponse(request));
    expect([ask(), ask()]).toEqual([true, false]);
  });

  test('needs `next` with turns, and throws what `key` throws without', () => {
    const request = new IncomingMessage(new Socket());
    const response = new ServerResponse(request);
    expect(() => admission({ turns: atOnce(1, 1) }).node(request, response)).toThrow(OptionError);
    const key = (): never => {
      throw new RangeError('no such caller');
    };
    expect(() => admission({ limiter: quota(1), key }).node(request, response)).toThrow(RangeError);
  });

  test('two requests in one write, and one cut off in its headers', async () => {
    const port = await plain({ limiter: quota(1) });
    const socket = connect(port, '127.0.0.1');
    socket.end('GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const both = await text(socket);
    expect(both.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 429']);
    const cut = connect(port, '127.0.0.1');
    cut.end('GET / HTTP/1.1\r\nX-Forwarded-For: 1.1');
    expect(await text(cut)).toContain('400 Bad Request');
  });
});

describe('fetch', () => {
  const request = new Request('https://shop.example/orders');

  test('answers a request that is refused, and nothing to one that is let in', async () => {
    const admit = admission<Request>({ limiter: quota(1), key: () => 'one' });
    expect(admit.fetch(request)).toBeUndefined();
    const response = admit.fetch(request)!;
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '10']);
    expect(await response.json()).toMatchObject({ status: 429 });
  });

  test('tells what is left on answers that can not be changed too', async () => {
    const admit = admission<Request>({ limiter: quota(9), key: () => 'one' });
    for (const make of [() => new Response('x'), () => Response.redirect('https://shop.example/')]) {
      const response = await admit.fetch(request, make);
      expect(response.headers.get('ratelimit')).toMatch(/^"default";r=\d;t=\d+$/);
    }
  });

  test('what the handler throws is passed on, with turns and without', async () => {
    const failing = (): never => {
      throw new RangeError('out of cups');
    };
    const admit = admission<Request>({ limiter: quota(9), key: () => 'one' });
    await expect(admit.fetch(request, failing)).rejects.toThrow(RangeError);
    await expect(admission<Request>({ turns: atOnce(1, 1) }).fetch(request, failing)).rejects.toThrow(RangeError);
  });

  test('the handler is called once, however often and early the pipeline lets in', async () => {
    const turns = requestReply<Visit<Request>, unknown>((visits) =>
      visits.pipe(tap(({ value }) => void Promise.all([value.serve(), value.serve()]))),
    );
    let calls = 0;
    const response = await admission<Request>({ turns }).fetch(request, async () => {
      await tick();
      return new Response(`${++calls}`);
    });
    expect([await response.text(), calls]).toEqual(['1', 1]);
  });

  test('one who gives up while waiting gets its reason', async () => {
    const turns = atOnce(1, 1);
    const admit = admission<Request>({ turns });
    let done: (response: Response) => void;
    const first = admit.fetch(request, () => new Promise<Response>((resolve) => (done = resolve)));
    const controller = new AbortController();
    const waiting = admit.fetch(new Request(request, { signal: controller.signal }), () => new Response('never'));
    controller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    done!(new Response('served'));
    expect(await (await first).text()).toBe('served');
  });

  test('knows no address, and has to have a handler with turns', () => {
    expect(() => admission<Request>({ limiter: quota(1) }).fetch(request)).toThrow(OptionError);
    expect(() => admission<Request>({ turns: atOnce(1, 1) }).fetch(request)).toThrow(OptionError);
  });
});

test('a RefusedError of a handler is answered by the frameworks themselves', async () => {
  const handler = (): never => {
    throw new RefusedError('orders', 'full', 2_500, '{}');
  };
  for (const name of ['Express', 'Fastify', 'Hono']) {
    const port = await run(name, { limiter: quota(9) }, () => Promise.resolve().then(handler));
    const { status, headers } = await get(port);
    expect([name, status, headers['retry-after']]).toEqual([name, 503, '3']);
  }
});

test('on Express, the error handler of the documentation answers what the handlers refuse', async () => {
  const app = express();
  app.set('env', 'test'); // the default logs otherwise
  app.get('/', () => Promise.reject(new RefusedError('orders', 'full', 2_500, '{"status":503}')));
  app.get('/bug', () => Promise.reject(new RangeError('out of cups')));
  app.use((error: unknown, _request: ExpressRequest, response: ExpressResponse, next: NextFunction) => {
    if (!(error instanceof RefusedError) || response.headersSent) return next(error);
    response.status(error.status).set(error.headers).type('application/problem+json').send(error.body);
  });
  const server = await listening(createServer(app as never));
  open.push(server);
  const { status, headers, body } = await get(server.port);
  expect([status, headers['retry-after'], body]).toEqual([503, '3', '{"status":503}']);
  expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  const other = await get(server.port, {}, { path: '/bug' });
  expect([other.status, other.headers['content-type']]).toEqual([500, 'text/html; charset=utf-8']); // by the default
});

test.each([
  {},
  { limiter: {} },
  { limiter: quota(1), turns: {} },
  { limiter: quota(1), key: 'ip' },
  { limiter: quota(1), cost: 1 },
  { limiter: quota(1), name: 'a"b' },
  { limiter: quota(1), name: 'é' },
  { limiter: quota(1), name: '' },
  { limiter: quota(1), quotaHeaders: true },
  { limiter: quota(1), trustProxy: 'all' },
  { limiter: quota(1), trustproxy: 1 },
  { limiter: quota(1), proxyHeader: 'forwarded' },
])('%#: wrong options', (options) => {
  expect(() => admission(options as never)).toThrow(OptionError);
});
