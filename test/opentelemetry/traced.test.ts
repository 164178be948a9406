import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context } from '@opentelemetry/api';
import { AlwaysOffSampler, BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import {
  lastValueFrom,
  NEVER,
  Observable,
  of,
  Subject,
  throwError,
  toArray,
  type ObservableInput,
  type Subscriber,
} from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fixed, pool, pull, workers, type PoolOptions, type WorkerContext } from 'sluice';
import { spanSources, traced, type TracedOptions } from 'sluice/opentelemetry';
import { ManualConsumer, ManualSource, operatorLaws, VirtualTime } from 'sluice/testing';
import { carryContexts } from './contextManager.js';

let stop: () => void;
beforeAll(() => (stop = carryContexts()));
afterAll(() => stop());

/** What an exporter would be given. */
const spans = { started: 0, ended: [] as ReadableSpan[] };
const provider = new BasicTracerProvider({
  spanProcessors: [
    {
      onStart: () => {
        spans.started++;
      },
      onEnd: (span) => void spans.ended.push(span),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
    },
  ],
});
const tracer = provider.getTracer('test');
beforeEach(() => {
  spans.started = 0;
  spans.ended = [];
});

const named = (name: string): ReadableSpan[] => spans.ended.filter((span) => span.name === name);
const only = (name: string): ReadableSpan => {
  const found = named(name);
  expect(found).toHaveLength(1);
  return found[0]!;
};

type Work = (value: number, call: WorkerContext) => ObservableInput<unknown>;
const run = (
  work: Work,
  options: Partial<PoolOptions<number>> = {},
  values: readonly number[] = [7],
  tracing: TracedOptions<number> = {},
): Promise<unknown[]> =>
  lastValueFrom(
    pull(values).pipe(
      pool(traced(work, { tracer, ...tracing }), { concurrency: 2, name: 'send', ...options }),
      toArray(),
    ),
  );
const child = (name: string): void => tracer.startSpan(name).end();
const isChild = (name: string): void => {
  expect(only(name).parentSpanContext?.spanId).toBe(only('process send').spanContext().spanId);
};

describe('a call is a span', () => {
  test('named after the stage, of a consumer, with what is known of the call', async () => {
    expect(await run(async (value) => value + 1)).toEqual([8]);
    const span = only('process send');
    expect(span.kind).toBe(SpanKind.CONSUMER);
    expect(span.attributes).toEqual({ 'sluice.stage': 'send', 'sluice.index': 0, 'sluice.attempt': 1 });
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.parentSpanContext).toBeUndefined();
  });

  test.each<[string, Work, unknown[]]>([
    ['a Promise', async (value) => value, [7]],
    ['a PromiseLike', (value) => ({ then: (done: (value: number) => unknown) => done(value) }) as never, [7]],
    ['an Observable', (value) => of(value, value), [7, 7]],
    ['an array', (value) => [value, value], [7, 7]],
    ['a string', (value) => `${value}7`, ['7', '7']],
    [
      'a generator',
      (value) =>
        (function* () {
          yield value;
        })(),
      [7],
    ],
    [
      'an async generator',
      (value) =>
        (async function* () {
          yield value;
        })(),
      [7],
    ],
    ['a ReadableStream', (value) => new Blob([`${value}`]).stream().pipeThrough(new TextDecoderStream()), ['7']],
  ])('%s is passed on, and ends it', async (_, work, results) => {
    expect(await run(work)).toEqual(results);
    expect(only('process send').ended).toBe(true);
  });

  test('a Promise is the very one that the worker returned', () => {
    const promise = Promise.resolve(1);
    const session = traced(() => promise, { tracer }).open(1, VirtualTime.prototype as never);
    const { signal } = new AbortController();
    expect(session.run(1, { index: 0, attempt: 1, signal, timeLeft: Infinity })).toBe(promise);
  });

  test('each attempt is one', async () => {
    const work: Work = async (_, { attempt }) => {
      if (attempt < 3) throw new RangeError(`no ${attempt}`);
      return attempt;
    };
    expect(await run(work, { retry: { attempts: 3, backoff: fixed(1) } })).toEqual([3]);
    expect(named('process send').map(({ attributes, status }) => [attributes['sluice.attempt'], status])).toEqual([
      [1, { code: SpanStatusCode.ERROR, message: 'no 1' }],
      [2, { code: SpanStatusCode.ERROR, message: 'no 2' }],
      [3, { code: SpanStatusCode.UNSET }],
    ]);
  });
});

describe('a call that does not succeed', () => {
  const failure = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

  test.each<[string, Work]>([
    [
      'throws',
      () => {
        throw failure;
      },
    ],
    ['rejects', () => Promise.reject(failure)],
    ['gives an Observable that fails', () => throwError(() => failure)],
    [
      'gives a generator that throws',
      () =>
        (function* () {
          yield 1;
          throw failure;
        })(),
    ],
  ])('%s: the error is noted, and passed on', async (_, work) => {
    await expect(run(work)).rejects.toBe(failure);
    const { status, attributes, events } = only('process send');
    expect(status).toEqual({ code: SpanStatusCode.ERROR, message: 'refused' });
    expect(attributes['error.type']).toBe('ECONNREFUSED');
    expect(events.map(({ name, attributes }) => [name, attributes?.['exception.message']])).toEqual([
      ['exception', 'refused'],
    ]);
  });

  test.each([
    [new RangeError('x'), 'RangeError'],
    ['text', '_OTHER'],
    [undefined, '_OTHER'],
    [{ message: 'no class' }, '_OTHER'],
    [Object.create(null), '_OTHER'], // can not be made a string
  ])('what is thrown may be anything: %o', async (thrown: unknown, type) => {
    await expect(run(() => Promise.reject(thrown as Error))).rejects.toBe(thrown);
    const { attributes, ended, status } = only('process send');
    expect([attributes['error.type'], status.code, ended]).toEqual([type, SpanStatusCode.ERROR, true]);
  });

  test('returns nothing: the error of the pool, not tried again', async () => {
    const retry = { attempts: 3, backoff: fixed(1) };
    await expect(run((() => undefined) as never, { retry })).rejects.toMatchObject({
      ...{ code: 'SLUICE_RETURN', stage: 'send' },
    });
    expect(only('process send').attributes['error.type']).toBe('SLUICE_RETURN');
  });

  test.each<[string, Work]>([
    ['a Promise', () => new Promise(() => undefined)],
    ['an Observable', () => NEVER],
  ])('is too slow, %s: the timeout is its error', async (_, work) => {
    const time = new VirtualTime();
    const consumer = new ManualConsumer(
      pull([7]).pipe(
        pool(traced(work, { tracer }), { concurrency: 1, name: 'send', timeout: 50, scheduler: time.scheduler }),
      ),
    );
    consumer.request(1);
    expect(named('process send')).toEqual([]);
    time.advanceBy(51);
    expect(consumer.end).toMatchObject({ error: { code: 'SLUICE_WORKER_TIMEOUT' } });
    expect(only('process send').attributes['error.type']).toBe('SLUICE_WORKER_TIMEOUT');
  });

  test.each<[string, Work]>([
    ['a Promise', () => new Promise(() => undefined)],
    ['an Observable', () => NEVER],
    [
      'an async generator',
      async function* () {
        await new Promise(() => undefined);
      },
    ],
  ])('is unsubscribed, %s: that is noted, and is no error', (_, work) => {
    pull([7])
      .pipe(pool(traced(work, { tracer }), { concurrency: 1, name: 'send' }))
      .subscribe()
      .unsubscribe();
    const { attributes, status } = only('process send');
    expect(attributes['sluice.drop.reason']).toBe('cancelled');
    expect(status.code).toBe(SpanStatusCode.UNSET);
  });
});

describe('where a value came from', () => {
  test('the span is linked to it, not its child, whatever is active where the pool starts the call', async () => {
    const sources = spanSources<{ id: number }>();
    const requests = new Subject<{ id: number }>();
    const work = traced(async ({ id }: { id: number }) => id, { tracer, source: sources.of });
    const done = lastValueFrom(requests.pipe(pool(work, { concurrency: 1, waiting: 8, name: 'send' }), toArray()));
    const ids = [1, 2, 3].map((id) =>
      tracer.startActiveSpan(`request ${id}`, (span) => {
        requests.next(sources.mark({ id }));
        span.end();
        return span.spanContext().spanId;
      }),
    );
    requests.complete();
    expect(await done).toEqual([1, 2, 3]);
    const found = named('process send');
    expect(found.map(({ links }) => links.map(({ context }) => context.spanId))).toEqual(ids.map((id) => [id]));
    expect(found.map(({ parentSpanContext }) => parentSpanContext)).toEqual([undefined, undefined, undefined]);
    expect(new Set(found.map((span) => span.spanContext().traceId)).size).toBe(3);
  });

  test('may be a span context, one that is none, or unknown', async () => {
    const spanContext = tracer.startSpan('request').spanContext();
    const none = { traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 };
    const origins = [spanContext, none, ROOT_CONTEXT, undefined];
    await run(async () => 1, { concurrency: 1 }, [0, 1, 2, 3], { source: (value) => origins[value] });
    const links = named('process send').map(({ links }) => links.map(({ context }) => context.spanId));
    expect(links).toEqual([[spanContext.spanId], [], [], []]);
  });

  test('its baggage goes on to the worker', async () => {
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } });
    const work: Work = async () => propagation.getActiveBaggage()?.getEntry('tenant')?.value;
    const source = (): Context => propagation.setBaggage(ROOT_CONTEXT, baggage);
    expect(await run(work, {}, [7], { source })).toEqual(['acme']);
  });

  test('a source that throws is an error of the call', async () => {
    const source = (): never => {
      throw new Error('no source');
    };
    await expect(run(async () => 1, {}, [7], { source })).rejects.toThrow('no source');
    expect(spans.started).toBe(0);
  });
});

describe('the span is active', () => {
  test('while the worker runs, before and after it waits', async () => {
    await run(async () => {
      child('before');
      await Promise.resolve();
      child('after');
    });
    isChild('before');
    isChild('after');
  });

  test('while an Observable is subscribed', async () => {
    const lazy = (): Observable<number> =>
      new Observable((subscriber) => {
        child('inside');
        subscriber.complete();
      });
    await run(lazy);
    isChild('inside');
  });

  test.each<[string, Work]>([
    [
      'generator',
      function* () {
        yield 1;
        child('inside');
        yield 2;
      },
    ],
    [
      'async generator',
      async function* () {
        yield 1;
        child('inside');
        yield 2;
      },
    ],
  ])('while a %s runs, though its consumer asks for more from somewhere else', async (_, work) => {
    const consumer = new ManualConsumer(
      pull([7]).pipe(pool(traced(work, { tracer }), { concurrency: 1, name: 'send' })),
    );
    await tracer.startActiveSpan('consumer', async (span) => {
      consumer.request(3);
      while (consumer.end === undefined) await new Promise((resolve) => setImmediate(resolve));
      span.end();
    });
    expect(consumer.values).toEqual([1, 2]);
    isChild('inside');
  });
});

describe('demand', () => {
  test('reaches what the worker returned: nothing is read ahead', () => {
    let read = 0;
    const work = function* (): Generator<number> {
      for (;;) yield ++read;
    };
    const consumer = new ManualConsumer(pull([7]).pipe(pool(traced(work, { tracer }), { concurrency: 1 })));
    expect(read).toBe(0);
    consumer.request(3);
    expect([read, consumer.values]).toEqual([3, [1, 2, 3]]);
    consumer.unsubscribe();
    expect(named('process pool')).toHaveLength(1);
  });

  test('reaches a source of ours inside of an Observable', () => {
    const inner = new ManualSource<number>();
    const consumer = new ManualConsumer(
      pull([7]).pipe(
        pool(
          traced(() => inner, { tracer }),
          { concurrency: 1 },
        ),
      ),
    );
    expect(inner.requested).toBe(0);
    consumer.request(2);
    expect(inner.requested).toBeGreaterThan(0);
    consumer.unsubscribe();
  });
});

describe('workers with a life', () => {
  test('have their calls traced, those that wait for a worker too', async () => {
    let made = 0;
    const life = workers({
      create: async () => ++made,
      run: async (worker: number, value: number) => [worker, value],
      max: 1,
    });
    const work = traced(life, { tracer });
    const results = await lastValueFrom(
      pull([1, 2, 3]).pipe(pool(work, { concurrency: 4, name: 'send', order: 'source' }), toArray()),
    );
    expect(results).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
    ]);
    expect(named('process send').map(({ attributes }) => attributes['sluice.index'])).toEqual([0, 1, 2]);
  });

  test('results of their promises wait for room, however small the window is, and their spans do not', async () => {
    const life = workers({ create: async () => 1, run: async (_: number, value: number) => value });
    const work = traced(life, { tracer });
    const consumer = new ManualConsumer(
      pull([1, 2, 3, 4]).pipe(pool(work, { concurrency: 4, window: 1, name: 'send' })),
    );
    while (named('process send').length < 4) await Promise.resolve();
    expect([consumer.values, consumer.end]).toEqual([[], undefined]);
    consumer.request(4);
    expect([consumer.values, consumer.end]).toEqual([[1, 2, 3, 4], 'complete']);
  });

  test('their max stays the bound of the pool', () => {
    expect(traced(workers({ create: () => 1, run: async () => 1, max: 3 }), { tracer }).max).toBe(3);
    expect(traced(async () => 1, { tracer }).max).toBeUndefined();
  });
});

describe('the laws of a pool', () => {
  // A span has the time of the real clock, its SDK's: of the law about that the pool is not to blame.
  const laws = operatorLaws.filter(({ name }) => name !== 'takes time from its scheduler only');
  test.each(laws.map((law) => [law.name, law] as const))(
    '%s, and each span that began has ended',
    (_, law) => {
      const open: Subscriber<number>[] = [];
      law.check(
        {
          name: 'pool, traced',
          create: ({ work, scheduler, monitor, onDrop }) => {
            const operator = pool(traced(work, { tracer }), { concurrency: 3, scheduler, monitor, onDrop });
            return (source) =>
              new Observable((subscriber) => {
                open.push(subscriber);
                return source.pipe(operator).subscribe(subscriber);
              });
          },
          ...{ bound: 6, concurrency: 3, ordered: false },
        },
        { runs: 300 },
      );
      for (const subscriber of open) subscriber.unsubscribe(); // a script may leave its stream as it is
      expect(spans.ended.length).toBe(spans.started);
      expect(new Set(spans.ended).size).toBe(spans.started);
    },
    60_000,
  );
});

test('where spans are not recorded nothing is listened to, and the context is passed on all the same', async () => {
  const off = new BasicTracerProvider({ sampler: new AlwaysOffSampler() });
  let looked = 0;
  const call = { index: 0, attempt: 1, timeLeft: Infinity } as WorkerContext;
  Object.defineProperty(call, 'signal', { get: () => looked++ });
  const session = traced(async () => trace.getActiveSpan()?.isRecording(), { tracer: off.getTracer('test') }).open(
    1,
    null!,
  );
  expect(await (session.run(7, call) as Promise<boolean | undefined>)).toBe(false);
  expect(looked).toBe(0);
});

test('without an SDK the pool works as without `traced`', async () => {
  context.disable();
  try {
    const results = pull([1, 2]).pipe(
      pool(
        traced(async (value: number) => value * 2),
        { concurrency: 1 },
      ),
      toArray(),
    );
    expect(await lastValueFrom(results)).toEqual([2, 4]);
  } finally {
    stop = carryContexts();
  }
});

test.each([
  [undefined, {}, 'worker'],
  [() => 1, { tracer: {} }, 'tracer'],
  [() => 1, { source: 1 }, 'source'],
  [() => 1, { name: 'a' }, 'name'],
])('%o %o throws at the call, for `%s`', (worker, options, option) => {
  expect(() => traced(worker as never, options as never)).toThrow(
    expect.objectContaining({ code: 'SLUICE_OPTION', option }) as Error,
  );
});
