import fc from 'fast-check';
import { config, map, Observable, of, Subject, take } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { refuse, requestReply, type Exchange } from '../../src/http/index.js';
import { OptionError, OverflowError, pool, rateLimit, RefusedError, ReturnError, shed } from '../../src/index.js';
import { VirtualTime } from '../../src/testing/index.js';

/** A worker that finishes when the test says so. */
class Work {
  readonly started: string[] = [];
  private readonly finish = new Map<string, (result: string) => void>();
  readonly run = (value: string): Promise<string> => {
    this.started.push(value);
    return new Promise((resolve) => this.finish.set(value, resolve));
  };
  done(value: string): Promise<void> {
    this.finish.get(value)!(`${value}!`);
    return turns();
  }
}
const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** What became of each promise so far: its value, its error's reason or message, or `open`. */
async function outcomes(replies: readonly Promise<unknown>[]): Promise<unknown[]> {
  const found: unknown[] = replies.map(() => 'open');
  for (const [i, reply] of replies.entries()) {
    reply.then(
      (value) => (found[i] = value),
      (error: unknown) => (found[i] = error instanceof RefusedError ? error.reason : (error as Error).message),
    );
  }
  await turns();
  return found;
}
const served =
  (worker: (value: string) => Promise<string>, concurrency = 1) =>
  (requests: Observable<Exchange<string>>): Observable<Exchange<string>> =>
    requests.pipe(pool((exchange) => exchange.run(worker), { concurrency, waiting: 0 }));

describe('requestReply', () => {
  test('gives each caller its own reply, through steps that change the value, in whatever order they end', async () => {
    const double = requestReply<number, string>(
      (requests) =>
        requests.pipe(
          pool((exchange) => exchange.run(async (n) => ({ n })), { concurrency: Infinity }),
          pool(
            (exchange) => exchange.run(({ n }) => new Promise<string>((resolve) => setImmediate(resolve, `${2 * n}`))),
            { concurrency: 3 },
          ),
          map((exchange) => exchange.with(`twice is ${exchange.value}`)),
        ),
      { capacity: 100 },
    );
    const numbers = Array.from({ length: 50 }, (_, i) => i);
    expect(await Promise.all(numbers.map((n) => double(n)))).toEqual(numbers.map((n) => `twice is ${2 * n}`));
    expect(double.open).toBe(0);
  });

  test('a request that fails fails alone', async () => {
    const call = requestReply<string, string>(
      served(async (value) => {
        if (value === 'bad') throw new RangeError('bad one');
        return value;
      }),
      { capacity: 9 },
    );
    expect(await outcomes([call('a'), call('bad'), call('b')])).toEqual(['a', 'bad one', 'b']);
  });

  test('one that has failed goes past the steps that come', async () => {
    const work = new Work();
    const call = requestReply<string, string>(
      (requests) =>
        requests.pipe(
          pool((exchange) => exchange.run(async () => Promise.reject<string>(new Error('first'))), { concurrency: 1 }),
          pool((exchange) => exchange.run(work.run), { concurrency: 1 }),
        ),
      { capacity: 9 },
    );
    expect(await outcomes([call('a')])).toEqual(['first']);
    expect(work.started).toEqual([]);
  });

  test('with a capacity, those for whom there is no room are refused as full', async () => {
    const work = new Work();
    const call = requestReply(served(work.run), { capacity: 1, name: 'orders', retryAfter: 2_500 });
    const replies = [call('a'), call('b'), call('c')];
    expect(await outcomes(replies)).toEqual(['open', 'open', 'full']);
    const error = await replies[2]!.catch((refusal: unknown) => refusal as RefusedError);
    expect(error).toMatchObject({
      code: 'SLUICE_REFUSED',
      by: 'orders',
      status: 503,
      statusCode: 503,
      retryAfter: 2_500,
    });
    const response = (error as RefusedError).getResponse();
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '3']);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      title: 'Request cannot be satisfied due to temporary server capacity constraints',
      status: 503,
      'violated-policies': ['orders'],
    });
    await work.done('a');
    await work.done('b');
    expect(await outcomes(replies)).toEqual(['a!', 'b!', 'full']);
  });

  test('without one, a shedder refuses the least important', async () => {
    const work = new Work();
    const time = new VirtualTime();
    const call = requestReply<string, string>((requests) =>
      requests.pipe(
        shed({
          capacity: 2,
          priority: ({ value }) => value.length,
          maxAge: 100,
          onDrop: refuse,
          scheduler: time.scheduler,
        }),
        pool((exchange) => exchange.run(work.run), { concurrency: 1, waiting: 0 }),
      ),
    );
    const replies = ['x', 'a', 'bb', 'ccc', 'd'].map((value) => call(value));
    expect(await outcomes(replies)).toEqual(['open', 'evicted', 'open', 'open', 'overflow']);
    await work.done('x');
    time.advanceBy(101);
    await work.done('ccc');
    expect(await outcomes(replies)).toEqual(['x!', 'evicted', 'expired', 'ccc!', 'overflow']);
  });

  test('a rate that drops refuses too', async () => {
    const { scheduler } = new VirtualTime();
    const call = requestReply<string, string>((requests) =>
      requests.pipe(rateLimit({ rate: 1, burst: 1, excess: 'drop', onDrop: refuse, scheduler })),
    );
    expect(await outcomes([call('a'), call('b')])).toEqual(['a', 'rate']);
  });

  test('a caller may give up: while it waits, while it is worked on, or before', async () => {
    const work = new Work();
    const call = requestReply(served(work.run), { capacity: 9 });
    const [working, waiting] = [new AbortController(), new AbortController()];
    const replies = [
      call('a', { signal: working.signal }),
      call('b', { signal: waiting.signal }),
      call('c', { signal: AbortSignal.abort(new Error('too late')) }),
      call('d'),
    ];
    const given = outcomes(replies);
    working.abort(new Error('gone'));
    waiting.abort(new Error('bored'));
    expect(call.open).toBe(1);
    expect(await given).toEqual(['gone', 'bored', 'too late', 'open']);
    await work.done('a');
    await work.done('d');
    expect(await outcomes(replies)).toEqual(['gone', 'bored', 'too late', 'd!']);
    expect(work.started).toEqual(['a', 'd']);
  });

  test('close refuses those that come, and waits for those that are there', async () => {
    const work = new Work();
    const call = requestReply(served(work.run), { capacity: 9 });
    const replies = [call('a'), call('b')];
    const closed = [call.close(), call.close()];
    replies.push(call('c'));
    expect(await outcomes([...replies, ...closed])).toEqual(['open', 'open', 'closed', 'open', 'open']);
    await work.done('a');
    await work.done('b');
    expect(await outcomes([...replies, ...closed])).toEqual(['a!', 'b!', 'closed', undefined, undefined]);
    expect(await outcomes([call('d'), call.close()])).toEqual(['closed', undefined]);
  });

  test('close of one that was never called resolves', async () => {
    await requestReply(served(async (value) => value)).close();
  });

  test('when the pipeline fails, all who are in it fail, and the next begins a new one', async () => {
    let pipelines = 0;
    const work = new Work();
    const call = requestReply<string, string>((requests) => {
      pipelines++;
      return requests.pipe(
        shed({
          capacity: 9,
          priority: ({ value }) => {
            if (value === 'bad') throw new Error('no such class');
            return 0;
          },
          onDrop: refuse,
        }),
        pool((exchange) => exchange.run(work.run), { concurrency: 1, waiting: 0 }),
      );
    });
    const replies = ['a', 'b', 'bad', 'c'].map((value) => call(value));
    // What the stage held that failed is dropped; `a` is in the next stage, and `c` begins a new pipeline while that ends.
    expect(await outcomes(replies)).toEqual(['open', 'cancelled', 'cancelled', 'open']);
    expect(pipelines).toBe(2);
    const reported = new Promise((resolve) => (config.onUnhandledError = resolve));
    await work.done('c');
    await work.done('a');
    expect(await outcomes(replies)).toEqual(['a!', 'cancelled', 'cancelled', 'c!']);
    // Nobody was left to be told.
    expect(await reported).toEqual(new Error('no such class'));
    config.onUnhandledError = null;
    expect(call.open).toBe(0);
  });

  test('an error of the pipeline is that of those who are in it', async () => {
    const call = requestReply<string, string>((requests) =>
      requests.pipe(
        map((exchange) => {
          if (exchange.value === 'bad') throw new Error('can not be read');
          return exchange;
        }),
      ),
    );
    expect(await outcomes([call('a'), call('bad'), call('b')])).toEqual(['a', 'can not be read', 'b']);
  });

  test('a first stage that takes no more than it asks for needs a capacity: it says so', async () => {
    const work = new Work();
    const call = requestReply(served(work.run));
    const replies = [call('a'), call('b')];
    expect(await outcomes(replies)).toEqual(['open', 'open']);
    await work.done('a');
    await expect(replies[1]).rejects.toThrow(OverflowError);
  });

  test('what a pipeline lets fall is refused when it ends, and one that can not be made fails the call', async () => {
    const some = requestReply<string, string>((requests) => requests.pipe(take(1)));
    expect(await outcomes([some('a'), some('b')])).toEqual(['a', 'b']);
    const none = requestReply<string, string>(() => new Subject());
    const lost = none('a');
    const ended = requestReply<string, string>(() => new Observable((subscriber) => subscriber.complete()));
    expect(await outcomes([lost, ended('a')])).toEqual(['open', 'closed']);
    const broken = requestReply<string, string>(() => {
      throw new Error('can not be made');
    });
    expect(await outcomes([broken('a')])).toEqual(['can not be made']);
    expect(broken.open).toBe(0);
  });

  test.each([
    ['a value', async (exchange: Exchange<unknown>) => exchange.value, "'a' (string)"],
    ['nothing', async () => undefined, 'undefined'],
    ['null', async () => null, 'null'],
    ['what looks like one', async () => ({ reply: () => undefined }), 'an object'],
  ])('a pipeline that sends %s fails all who are in it, and says what it has to send', async (_, worker, received) => {
    const call = requestReply<string, string>((requests) => requests.pipe(pool(worker as never, { concurrency: 2 })), {
      capacity: 9,
      name: 'orders',
    });
    const replies = await Promise.allSettled([call('a'), call('b'), call('c')]);
    replies.push(...(await Promise.allSettled([call('a')]))); // a new one fails the same way
    for (const reply of replies) {
      const error = (reply as PromiseRejectedResult).reason as ReturnError;
      expect([error instanceof ReturnError, error.code, error.stage]).toEqual([true, 'SLUICE_RETURN', 'orders']);
      expect(error.message).toMatch(`sent ${received}, expected an exchange`);
      expect(error.message).toMatch(/exchange\.run.*exchange\.with/);
    }
    expect(call.open).toBe(0);
    await call.close();
  });

  test('what is sent instead of an exchange whose caller has given up is thrown at nobody', async () => {
    const work = new Work();
    const call = requestReply<string, string>(
      (requests) => requests.pipe(pool(({ value }) => work.run(value) as never, { concurrency: 1 })),
      { capacity: 9 },
    );
    const controller = new AbortController();
    const reply = call('a', { signal: controller.signal });
    controller.abort(new Error('gone'));
    await expect(reply).rejects.toThrow('gone');
    await work.done('a'); // what is reported where nobody catches it fails the test
    const next = expect(call('b')).rejects.toThrow(ReturnError);
    await work.done('b');
    await next;
  });

  test('a pipeline that sends something else at once fails the call that began it', async () => {
    const call = requestReply<string, string>(() => of('a') as never);
    await expect(call('a')).rejects.toThrow(ReturnError);
    expect(call.open).toBe(0);
  });

  test.each([
    ['undefined', undefined],
    ['an object', Promise.resolve()],
    ['an array', []],
  ])('a pipeline function that returns %s is named by the error', async (shown, returned) => {
    const call = requestReply<string, string>(() => returned as never, { capacity: 1 });
    const error = await call('a').catch((thrown: unknown) => thrown as ReturnError);
    expect(error).toBeInstanceOf(ReturnError);
    expect(error).toMatchObject({ stage: 'requestReply', received: returned });
    expect((error as ReturnError).message).toMatch(`returned ${shown}, expected an Observable`);
    await call.close();
  });

  test('one who is worked on can see that its caller gave up', async () => {
    const settled: boolean[] = [];
    const work = new Work();
    const call = requestReply<string, string>(
      (requests) =>
        requests.pipe(
          pool(
            (exchange) =>
              exchange.run(async (value) => {
                const result = await work.run(value);
                settled.push(exchange.settled);
                return result;
              }),
            { concurrency: 2 },
          ),
        ),
      { capacity: 9 },
    );
    const controller = new AbortController();
    const replies = outcomes([call('a', { signal: controller.signal }), call('b')]);
    controller.abort(new Error('gone'));
    await work.done('a');
    await work.done('b');
    expect(await replies).toEqual(['gone', 'b!']);
    expect(settled).toEqual([true, false]);
  });

  test('callbacks may call again', async () => {
    let calls = 0;
    const again: Promise<string>[] = [];
    const call = requestReply<string, string>((requests) =>
      requests.pipe(
        shed({
          capacity: 1,
          priority: ({ value }) => value.length,
          onDrop: (drop) => {
            refuse(drop);
            if (calls < 4) again.push(call('x'.repeat(++calls)));
          },
        }),
        pool((exchange) => exchange.run(async (value) => value), { concurrency: 1, waiting: 0 }),
      ),
    );
    const replies = [call('a'), call('b'), call('c')];
    expect(again).toHaveLength(4);
    await Promise.allSettled([...replies, ...again]);
    expect(await outcomes([...replies, ...again])).toEqual([
      ...['a', 'evicted', 'overflow'],
      ...['xxxx', 'evicted', 'evicted', 'overflow'],
    ]);
    expect(call.open).toBe(0);
  });

  test('each call settles once, whatever is dropped, thrown or given up', async () => {
    const act = fc.record({ priority: fc.integer({ min: 0, max: 3 }), fails: fc.boolean(), abort: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 30 }), fc.scheduler(), fc.nat(3), async (acts, s, capacity) => {
        const worker = s.scheduleFunction(async ({ fails }: { fails: boolean }) => {
          if (fails) throw new Error('failed');
          return 'done';
        });
        const call = requestReply<(typeof acts)[number], string>((requests) =>
          requests.pipe(
            shed({ capacity: capacity + 1, priority: ({ value }) => value.priority, onDrop: refuse }),
            pool((exchange) => exchange.run(worker), { concurrency: 2, waiting: 0 }),
          ),
        );
        const replies = acts.map((one) => {
          const controller = new AbortController();
          const reply = call(one, { signal: controller.signal });
          if (one.abort)
            s.schedule(Promise.resolve()).then(
              () => controller.abort(new Error('gone')),
              () => undefined,
            );
          return reply;
        });
        const settled = Promise.allSettled(replies);
        await s.waitFor(settled);
        const closed = call.close();
        await s.waitIdle();
        await closed;
        expect(call.open).toBe(0);
        for (const [i, result] of (await settled).entries()) {
          const { fails, abort } = acts[i]!;
          if (result.status === 'fulfilled') expect(fails).toBe(false);
          else if (!(result.reason instanceof RefusedError)) expect(fails || abort).toBe(true);
        }
      }),
    );
  });

  test.each([
    [() => requestReply(undefined as never)],
    [() => requestReply(served(new Work().run), { capacity: 0 })],
    [() => requestReply(served(new Work().run), { retryAfter: 0 })],
    [() => requestReply(served(new Work().run), { name: 'a"b' })],
    [() => requestReply(served(new Work().run), { waiting: 1 } as never)],
  ])('%#: wrong options', (make) => {
    expect(make).toThrow(OptionError);
  });

  test('a wrong signal rejects', async () => {
    const call = requestReply(
      served(async (value) => value),
      { capacity: 1 },
    );
    await expect(call('a', { signal: {} as never })).rejects.toThrow(OptionError);
    await expect(call('a', { sginal: new AbortController().signal } as never)).rejects.toThrow(OptionError);
    expect(call.open).toBe(0);
  });
});
