import { Readable } from 'node:stream';
import fc from 'fast-check';
import { BehaviorSubject, from, map, Observable, of, Subject, take, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import {
  adaptive,
  decorrelated,
  drain,
  elastic,
  exponential,
  fixed,
  handle,
  OptionError,
  OverflowError,
  pull,
  ReturnError,
  SourceError,
  WorkerTimeoutError,
  type BreakerCounts,
  type Delivery,
  type Drop,
  type Handled,
  type HandleOptions,
  type Handler,
  type HandlerContext,
  type MonitoredStage,
} from '../../src/index.js';
import { leaseOf } from '../../src/delivery/delivery.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../src/testing/index.js';
import { Messages, settled } from './messages.js';

/** A handler's call that the test ends. */
interface Running {
  readonly value: number;
  readonly context: HandlerContext<number>;
  readonly done: (result?: unknown) => void;
  readonly fail: (error: unknown) => void;
}

interface SetUp {
  readonly handler?: Handler<number>;
  readonly messages?: Messages;
  readonly request?: number;
}

function setUp(
  options: Partial<HandleOptions<number>> = {},
  { handler, messages = new Messages(), request = 100 }: SetUp = {},
) {
  const time = new VirtualTime();
  const running: Running[] = [];
  const drops: Drop[] = [];
  const stages: MonitoredStage[] = [];
  const wait: Handler<number> = (value, context) =>
    new Promise((resolve, reject) => running.push({ value, context, done: resolve, fail: reject }));
  const source = new ManualSource<Delivery<number>>();
  const operator = handle<number>(handler ?? wait, {
    ...{ concurrency: 2, scheduler: time.scheduler, onDrop: (drop) => void drops.push(drop) },
    ...{ monitor: { add: (stage) => void stages.push(stage) } },
    ...options,
  });
  const consumer = new ManualConsumer<Handled<number>>(source.pipe(operator));
  consumer.request(request);
  const send = (...values: number[]): void => {
    for (const value of values) source.send(messages.make(value));
  };
  /** What came out, in short: `1 ack`. */
  const out = (): string[] => consumer.values.map(({ delivery, outcome }) => `${delivery.value} ${outcome}`);
  return { time, running, drops, stages, source, consumer, messages, send, out };
}

const errorOf = ({ end }: { readonly end: unknown }): unknown => (end as { error: unknown } | undefined)?.error;

describe('what comes of a handler', () => {
  test('resolved acks, whatever it returns', async () => {
    const { send, messages, consumer } = setUp({}, { handler: (value) => (value === 1 ? { kind: 'dead' } : value) });
    send(1, 2);
    await settled();
    expect(messages.all).toEqual(['ack', 'ack']);
    expect(consumer.values).toEqual(
      [1, 2].map((value) => ({
        ...{ delivery: expect.objectContaining({ value }) as unknown, outcome: 'ack', settled: 'settled' },
      })),
    );
  });

  test.each<[string, Handler<number>]>([
    ['rejected', () => Promise.reject(new Error('no'))],
    [
      'a throw',
      () => {
        throw new Error('no');
      },
    ],
    ['a thenable that fails', () => ({ then: (_: unknown, fail: (error: unknown) => void) => fail(new Error('no')) })],
    [
      'a thenable that throws',
      () => ({
        get then(): never {
          throw new Error('no');
        },
      }),
    ],
  ])('%s nacks, and the queue says when it comes again', async (_name, handler) => {
    const { send, messages, consumer } = setUp({}, { handler });
    send(1);
    await settled();
    expect(messages.outcomes.get('1')).toEqual([{ kind: 'nack', error: new Error('no') }]);
    expect(consumer.values[0]).toMatchObject({ outcome: 'nack', error: new Error('no') });
    expect(consumer.end).toBeUndefined();
  });

  test('a thenable that is resolved acks', async () => {
    const { send, messages } = setUp({}, { handler: () => ({ then: (done: () => void) => done() }) });
    send(1);
    await settled();
    expect(messages.of(1)).toBe('ack');
  });

  test('an outcome that it returns is done, at once or by promise, and without `this`', async () => {
    const handler: Handler<number> = (value, { retry, dead, release }) => {
      if (value === 1) return retry(50, 'busy');
      if (value === 2) return Promise.resolve(dead('bad'));
      return value === 3 ? release() : retry();
    };
    const { send, messages, consumer } = setUp({}, { handler });
    send(1, 2, 3, 4);
    await settled();
    expect(messages.all).toEqual(['nack 50', 'dead bad', 'release', 'nack']);
    expect(consumer.values.map(({ outcome, reason, delay }) => ({ outcome, reason, delay }))).toEqual(
      expect.arrayContaining([
        { outcome: 'nack', reason: 'busy', delay: 50 },
        { outcome: 'dead', reason: 'bad', delay: undefined },
        { outcome: 'release', reason: undefined, delay: undefined },
      ]),
    );
  });

  test('another attempt that it asks for counts: the last one is a dead letter', async () => {
    const { source, messages, consumer } = setUp(
      { maxAttempts: 2 },
      { handler: (_value, { retry }) => retry(50, 'busy') },
    );
    for (const attempt of [1, 2]) source.send(messages.make(attempt, { attempt }));
    await settled();
    expect(messages.all).toEqual(['nack 50', 'dead attempts']);
    expect(consumer.values[1]).toMatchObject({ outcome: 'dead', reason: 'attempts', error: 'busy' });
  });

  test.each<[string, (context: HandlerContext<number>) => unknown]>([
    ['after', ({ retry }) => retry(-1)],
    ['after', ({ retry }) => retry(NaN)],
    ['reason', ({ retry }) => retry(1, 2 as never)],
    ['reason', ({ dead }) => dead(undefined as never)],
  ])('an outcome with a wrong `%s` is a failure of the handler', async (option, wrong) => {
    const { send, consumer } = setUp({}, { handler: (_value, context) => wrong(context) });
    send(1);
    await settled();
    expect(consumer.values[0]).toMatchObject({ outcome: 'nack', error: expect.any(OptionError) as unknown });
    expect((consumer.values[0]!.error as OptionError).option).toBe(option);
  });

  const generate = function* (): Generator<number> {
    yield 1;
  };
  const generateLater = async function* (): AsyncGenerator<number> {
    yield await Promise.resolve(1);
  };
  test.each<[string, Handler<number>]>([
    ['an Observable, which nobody subscribes to', () => of(1)],
    ['an Observable, which nobody subscribes to', () => Promise.resolve(of(1))],
    ['a generator, which nobody runs', () => generate()],
    ['a generator, which nobody runs', () => generateLater()],
    ['a function, which nobody calls', (_value, { release }) => release],
  ])('%s, is refused', async (what, handler) => {
    const { send, consumer, messages } = setUp({}, { handler });
    send(1);
    await settled();
    expect(errorOf(consumer)).toBeInstanceOf(ReturnError);
    expect(String(errorOf(consumer))).toContain(what);
    expect(messages.outcomes.get('1')).toEqual([{ kind: 'nack', error: errorOf(consumer) }]);
  });

  test('a list, a Map or a stream is a result like any other', async () => {
    for (const result of [[1], new Map(), Readable.from([1])]) {
      const { send, messages } = setUp({}, { handler: () => result });
      send(1);
      await settled();
      expect(messages.all).toEqual(['ack']);
    }
  });

  test('with maxAttempts the last failure is a dead letter, with its error', async () => {
    const { messages, source, consumer } = setUp(
      { maxAttempts: 3 },
      { handler: () => Promise.reject(new Error('no')) },
    );
    for (const attempt of [1, 2, 3]) source.send(messages.make(attempt, { attempt }));
    await settled();
    expect(messages.all).toEqual(['nack', 'nack', 'dead attempts']);
    expect(consumer.values[2]).toMatchObject({ outcome: 'dead', reason: 'attempts', error: new Error('no') });
  });

  test('one that has been tried too often already, its handler never having ended, is not tried again', async () => {
    const { messages, source, running } = setUp({ maxAttempts: 3 });
    source.send(messages.make(1, { attempt: 4 }));
    await settled();
    expect([messages.of(1), running.length]).toEqual(['dead attempts', 0]);
  });

  test('one whose deadline has passed is a dead letter, and no handler is called', async () => {
    const { messages, source, running, time } = setUp({ concurrency: 1 });
    source.send(messages.make(1, { deadline: 10 }));
    expect(running[0]!.context.timeLeft).toBe(10);
    source.send(messages.make(2, { deadline: 10 }));
    time.advanceBy(10);
    running[0]!.done();
    await settled();
    expect(messages.all).toEqual(['ack', 'dead expired']);
    expect(running.length).toBe(1);
  });

  test('what the handler did itself counts: it is emitted as it is', async () => {
    const handler: Handler<number> = (_value, { delivery }) => void delivery.deadLetter('own');
    const { send, messages, consumer } = setUp({}, { handler });
    send(1);
    await settled();
    expect(messages.of(1)).toBe('dead own');
    expect(consumer.values).toMatchObject([{ outcome: 'dead', reason: 'own', settled: 'settled' }]);
  });

  test('a handler that makes others of it leaves it to those, and they are forgotten unless somebody keeps them', async () => {
    let parts: Delivery<string>[] = [];
    const { messages, source, consumer } = setUp(
      {},
      { handler: (_value, { delivery }) => void (parts = delivery.split('ab')) },
    );
    const one = messages.make(1);
    source.send(one);
    await settled();
    expect(consumer.values).toMatchObject([{ outcome: 'shared', settled: 'settled' }]);
    expect([messages.of(1), leaseOf(one).kept]).toEqual([undefined, false]);
    for (const part of parts) void part.ack();
    expect(messages.of(1)).toBe('ack');
  });

  test('what it made others of is kept by nobody once the stream has ended: those that are forgotten come again', async () => {
    const { messages, source, consumer, running } = setUp({ concurrency: 1 });
    const leases = [1, 2].map((value) => {
      const one = messages.make(value);
      source.send(one);
      return leaseOf(one);
    });
    const [part, other] = running[0]!.context.delivery.split('ab');
    expect(leases.map(({ kept }) => kept)).toEqual([true, true]);
    consumer.unsubscribe();
    expect(leases.map(({ kept }) => kept)).toEqual([false, false]);
    expect(messages.all).toEqual([undefined, 'release']);
    void part!.ack();
    void other!.ack();
    expect(messages.all).toEqual(['ack', 'release']);
    await settled();
  });

  test('one whose outcome waits for demand when the stream ends is let go of once: somebody else works on a part of it', async () => {
    const { messages, source, consumer, send, time } = setUp(
      { concurrency: 1 },
      { request: 0, handler: (value, { delivery }) => (value === -1 ? void delivery.split('ab') : undefined) },
    );
    for (let i = 0; i < 1_024; i++) send(i);
    await settled();
    const whole = messages.make(-1);
    const [part, other] = whole.split([-1, -1]);
    leaseOf(other!).keep();
    source.send(part!);
    expect([source.requested, leaseOf(part!).kept]).toEqual([1, true]);
    consumer.unsubscribe();
    expect([leaseOf(part!).kept, leaseOf(whole).kept, time.pending]).toEqual([false, true, 0]);
  });

  test('a lost lease is a result', async () => {
    const messages = new Messages(() => 'lease-lost');
    const { send, consumer } = setUp({}, { messages, handler: () => undefined });
    send(1);
    await settled();
    expect(consumer.values).toMatchObject([{ outcome: 'ack', settled: 'lease-lost' }]);
  });

  test('a store that can not settle fails the stream; what was being settled is not released, what was not is', async () => {
    const messages = new Messages((_outcome, id) =>
      id === '1' ? Promise.reject(new Error('disk')) : new Promise(() => undefined),
    );
    const { send, consumer, running } = setUp({}, { messages });
    send(1, 2, 3);
    running[0]!.done();
    running[1]!.done();
    await settled();
    expect(errorOf(consumer)).toEqual(new Error('disk'));
    expect(messages.all).toEqual(['ack', 'ack', 'release']);
  });

  test('what is not a delivery ends the stream', () => {
    const { source, consumer } = setUp();
    source.send('text' as never);
    expect(errorOf(consumer)).toBeInstanceOf(SourceError);
    expect((errorOf(consumer) as Error).message).toBe(
      "`handle` got 'text' (string), expected a delivery: see createDelivery",
    );
  });
});

describe('what a handler is told', () => {
  test('all of the message', () => {
    const { source, messages, running } = setUp();
    const info = { id: 'a', key: 'k', attempt: 3, publishedAt: 5, headers: { h: 'v' }, deadline: 70 };
    const delivery = messages.make(1, info);
    source.send(delivery);
    const { id, key, attempt, publishedAt, headers, deadline, timeLeft, ...others } = running[0]!.context;
    expect({ id, key, attempt, publishedAt, headers, deadline }).toEqual(info);
    expect([others.delivery, timeLeft]).toEqual([delivery, 70]);
  });

  test('no deadline is endless time', () => {
    const { send, running } = setUp();
    send(1);
    expect(running[0]!.context.timeLeft).toBe(Infinity);
  });
});

describe('the signal', () => {
  test('aborts when the lease is lost, and what the handler comes to then is for the store to judge', async () => {
    const controller = new AbortController();
    const { source, messages, running } = setUp();
    source.send(messages.make(1, { signal: controller.signal }));
    const { signal } = running[0]!.context;
    expect([signal, signal.aborted]).toEqual([running[0]!.context.signal, false]);
    controller.abort('lost');
    expect([signal.aborted, signal.reason]).toEqual([true, 'lost']);
    running[0]!.done();
    await settled();
  });

  test('is aborted where the lease was lost before it was looked at', async () => {
    const { source, messages, running } = setUp();
    const lease = new AbortController();
    source.send(messages.make(1, { signal: lease.signal }));
    lease.abort('lost');
    expect(running[0]!.context.signal.reason).toBe('lost');
    running[0]!.done();
    await settled();
  });

  test('follows the lease no more when the call is over', async () => {
    const controller = new AbortController();
    const { source, messages, running } = setUp();
    source.send(messages.make(1, { signal: controller.signal }));
    source.send(messages.make(2, { signal: controller.signal }));
    const signals = running.map(({ context }) => context.signal);
    running[0]!.done();
    running[1]!.fail(new Error('no'));
    await settled();
    controller.abort();
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    expect(running[0]!.context.signal.aborted).toBe(false); // nor when it is looked at again
  });

  test('aborts when the stream is unsubscribed, what runs and what waits being released', () => {
    const { send, running, consumer, messages, drops } = setUp({ concurrency: 1 });
    send(1, 2);
    const { signal } = running[0]!.context;
    consumer.unsubscribe();
    expect(signal.aborted).toBe(true);
    expect(messages.all).toEqual(['release', 'release']);
    expect(drops.map(({ reason, begun }) => [reason, begun])).toEqual([
      ['cancelled', true],
      ['cancelled', undefined],
    ]);
  });

  test('looked at first after the end it is aborted', () => {
    const { send, running, consumer } = setUp();
    send(1);
    consumer.unsubscribe();
    expect(running[0]!.context.signal.aborted).toBe(true);
  });
});

describe('slots', () => {
  test('one is free as soon as its handler is done, whatever the store takes', async () => {
    const answers: ((answer: string) => void)[] = [];
    const messages = new Messages(() => new Promise((resolve) => answers.push(resolve)));
    const { send, running, out, source, consumer } = setUp({ concurrency: 1, waiting: 0 }, { messages });
    send(1);
    running[0]!.done();
    await settled();
    expect([source.requested, out()]).toEqual([1, []]);
    send(2);
    running[1]!.done();
    await settled();
    answers[1]!('settled');
    await settled();
    expect(out()).toEqual(['2 ack']);
    source.complete();
    expect(consumer.end).toBeUndefined();
    answers[0]!('settled');
    await settled();
    expect([out(), consumer.end]).toEqual([['2 ack', '1 ack'], 'complete']);
  });

  test('it asks for what it can start and hold, and overflows beyond that', () => {
    const { source, send, consumer, messages } = setUp({ concurrency: 2, waiting: 1 });
    expect(source.requested).toBe(3);
    send(1, 2, 3);
    expect(source.requested).toBe(0);
    send(4);
    expect([messages.of(4), messages.of(1)]).toEqual(['release', undefined]);
    consumer.unsubscribe();
    expect(consumer.end).toBeUndefined();
    const error = setUp({ concurrency: 1, waiting: 0 });
    error.send(1, 2);
    error.running[0]!.done();
    return settled().then(() => expect(errorOf(error.consumer)).toBeInstanceOf(OverflowError));
  });

  test('what is settled is bounded: then results wait in slots', async () => {
    const messages = new Messages(() => new Promise(() => undefined));
    let calls = 0;
    const source = pull(
      (function* () {
        for (let i = 0; ; i++) yield messages.make(i);
      })(),
    );
    const consumer = new ManualConsumer(source.pipe(handle(() => calls++, { concurrency: 3, waiting: 0 })));
    consumer.request(1e9);
    await settled();
    expect(calls).toBe(1_024 + 3);
    consumer.unsubscribe();
  });

  test('what it emits waits for demand', async () => {
    const { send, consumer, out, running } = setUp({}, { request: 1 });
    send(1, 2);
    for (const { done } of running) done();
    await settled();
    expect(out()).toEqual(['1 ack']);
    consumer.request(1);
    expect(out()).toEqual(['1 ack', '2 ack']);
  });

  test('those it holds are kept, also while they wait', async () => {
    const { source, messages, running } = setUp({ concurrency: 1 });
    const all = [1, 2].map((value) => messages.make(value));
    for (const delivery of all) source.send(delivery);
    expect(all.map((delivery) => leaseOf(delivery).kept)).toEqual([true, true]);
    running[0]!.done();
    await settled();
    running[1]!.done();
    await settled();
  });
});

describe('order', () => {
  test("'key': one at a time of a key, in order; those without one at any time", async () => {
    const { source, messages, running } = setUp({ concurrency: 4, order: 'key' });
    const keys = ['a', 'a', 'b', undefined, undefined];
    keys.forEach((key, i) => source.send(messages.make(i, key === undefined ? {} : { key })));
    expect(running.map(({ value }) => value)).toEqual([0, 2, 3, 4]);
    running[0]!.fail(new Error('no'));
    await settled();
    expect(running.map(({ value }) => value)).toEqual([0, 2, 3, 4, 1]);
    for (const { done } of running) done();
    await settled();
  });

  test("'completion': as they are done", async () => {
    const { send, running, out } = setUp();
    send(1, 2);
    running[1]!.done();
    await settled();
    running[0]!.done();
    await settled();
    expect(out()).toEqual(['2 ack', '1 ack']);
  });
});

describe('time', () => {
  test('a call that takes too long is nacked, its signal aborted, its slot free, and what it does then ignored', async () => {
    const { send, running, time, messages, consumer } = setUp({ concurrency: 1, timeout: 100 });
    send(1, 2);
    const { signal } = running[0]!.context;
    time.advanceBy(99);
    expect([running.length, signal.aborted]).toEqual([1, false]);
    time.advanceBy(1);
    expect([running.length, signal.aborted, messages.of(1)]).toEqual([2, true, 'nack']);
    running[0]!.done();
    expect(running[0]!.context.delivery.ack()).toBe(false);
    running[1]!.done();
    await settled();
    expect(messages.all).toEqual(['nack', 'ack']);
    const { error } = consumer.values[0]!;
    expect(error).toBeInstanceOf(WorkerTimeoutError);
    expect(error).toBe(signal.reason);
    expect(time.pending).toBe(0);
  });

  test('a timeout counts as a failure: backoff, and the last attempt', async () => {
    const { source, messages, time } = setUp({ timeout: 10, maxAttempts: 2, retry: () => 500 });
    source.send(messages.make(1));
    source.send(messages.make(2, { attempt: 2 }));
    time.advanceBy(10);
    await settled();
    expect(messages.all).toEqual(['nack 500', 'dead attempts']);
  });

  test('one timer for all calls, and none when idle', async () => {
    const { send, running, time } = setUp({ concurrency: 5, timeout: 100 });
    expect(time.pending).toBe(0);
    send(1, 2, 3, 4);
    time.advanceBy(5);
    send(5);
    expect(time.pending).toBe(1);
    for (const { done } of running) done();
    await settled();
    expect(time.pending).toBe(0);
  });

  test('marbles', async () => {
    const messages = new Messages();
    const seen: string[] = [];
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    scheduler.run(({ hot, expectSubscriptions, flush }) => {
      const source = hot('a-b----c-|');
      const never = new Promise(() => undefined);
      const log: Handler<string> = (value) => {
        seen.push(`${scheduler.now()} ${value}`);
        return never;
      };
      const handled = source.pipe(
        map((value) => messages.make(value)),
        handle(log, { concurrency: 1, timeout: 4, scheduler, retry: fixed(30) }),
      );
      handled.subscribe();
      flush();
      expectSubscriptions(source.subscriptions).toBe('^--------!');
    });
    await settled();
    // b waits until a has timed out, c until b has.
    expect(seen).toEqual(['0 a', '4 b', '8 c']);
    expect(messages.all).toEqual(['nack 30', 'nack 30', 'nack 30']);
  });
});

describe('retry', () => {
  const delays = async (retry: HandleOptions<number>['retry'], attempts: number[]): Promise<(number | undefined)[]> => {
    const { source, messages, consumer } = setUp({ retry }, { handler: () => Promise.reject(new Error('no')) });
    for (const attempt of attempts) {
      source.send(messages.make(attempt, { attempt }));
      await settled();
    }
    return consumer.values.map(({ delay }) => delay);
  };

  test('a backoff of the attempt', async () => {
    expect(await delays(exponential({ base: 100, jitter: 'none' }), [1, 2, 3])).toEqual([100, 200, 400]);
    expect(await delays(fixed(7), [1, 9])).toEqual([7, 7]);
  });

  test('one that goes by the wait before begins anew', async () => {
    const far = await delays(decorrelated({ base: 10, max: 1_000 }), Array<number>(30).fill(40));
    expect(Math.max(...far.map((delay) => delay!))).toBeGreaterThan(100);
    expect(await delays(decorrelated({ base: 10, max: 1_000 }), [1])).toEqual([10]);
  });

  test('a function of the attempt and the error, called once', async () => {
    const calls: unknown[] = [];
    const retry = (attempt: number, error: unknown): number => calls.push([attempt, (error as Error).message]);
    expect(await delays(retry, [5])).toEqual([1]);
    expect(calls).toEqual([[5, 'no']]);
  });

  test.each([NaN, -1, Infinity, 'soon' as never])(
    'one that says %s fails the stream; the message is nacked with what the handler threw, others are released',
    async (wrong) => {
      const { send, consumer, messages, running } = setUp({ retry: () => wrong });
      send(1, 2, 3);
      running[0]!.fail(new Error('no'));
      await settled();
      expect(errorOf(consumer)).toBeInstanceOf(ReturnError);
      expect(messages.outcomes.get('1')).toEqual([{ kind: 'nack', error: new Error('no') }]);
      expect(messages.all).toEqual(['nack', 'release', 'release']);
    },
  );

  test('so it is where it throws', async () => {
    const retry = (): never => {
      throw new Error('wrong');
    };
    const { send, consumer, messages } = setUp({ retry }, { handler: () => Promise.reject(new Error('no')) });
    send(1);
    await settled();
    expect(errorOf(consumer)).toEqual(new Error('wrong'));
    expect(messages.outcomes.get('1')).toEqual([{ kind: 'nack', error: new Error('no') }]);
  });
});

describe('what is over while it waits', () => {
  test('a message that others settled, shared out or lost is not handled', async () => {
    const messages = new Messages((outcome) => (outcome.kind === 'release' ? 'lease-lost' : 'settled'));
    const { send, source, running, out, consumer } = setUp({ concurrency: 1, waiting: 9 }, { messages });
    const lease = new AbortController();
    const [done, split, lost] = [messages.make(2), messages.make(3), messages.make(4, { signal: lease.signal })];
    send(1);
    for (const delivery of [done, split, lost]) source.send(delivery);
    send(5);
    void done.deadLetter('elsewhere');
    const [part] = split.split([30]);
    lease.abort();
    running[0]!.done();
    await settled();
    expect(running.map(({ value }) => value)).toEqual([1, 5]);
    expect(new Set(out())).toEqual(new Set(['1 ack', '2 dead', '3 shared', '4 release']));
    expect(consumer.values.find(({ outcome }) => outcome === 'release')!.settled).toBe('lease-lost');
    void part!.ack();
    expect(messages.all).toEqual(['dead elsewhere', 'ack', 'release', 'ack', undefined]);
    running[1]!.done();
  });

  test('and says nothing to the breaker', async () => {
    let trips = 0;
    const deadLetterBreaker = { run: 1, onTrip: () => trips++ };
    const { send, source, messages, running, out } = setUp({ concurrency: 1, waiting: 9, deadLetterBreaker });
    send(1);
    const other = messages.make(2);
    source.send(other);
    void other.deadLetter('elsewhere');
    running[0]!.done();
    await settled();
    expect([out(), trips]).toEqual([['2 dead', '1 ack'], 0]);
  });
});

describe('what errors say', () => {
  test('a timeout names the message and its attempt: it is what the dead letter shows', async () => {
    const { source, messages, time, consumer } = setUp({ timeout: 10 });
    source.send(messages.make(1, { id: 'm7', attempt: 3 }));
    time.advanceBy(10);
    await settled();
    const { message } = consumer.values[0]!.error as Error;
    expect(message).toBe('`handle`: the handler did not finish message m7, attempt 3, within 10 ms');
  });

  test('a wrong wait names `retry`', async () => {
    const { send, consumer } = setUp({ retry: () => NaN }, { handler: () => Promise.reject(new Error('no')) });
    send(1);
    await settled();
    expect((errorOf(consumer) as Error).message).toBe(
      '`handle`: `retry` returned NaN (number), expected a finite number of at least 0',
    );
  });
});

describe('deadLetterBreaker', () => {
  test('pauses after a run of dead letters: nothing is asked for and no handler called, until the pause is over', async () => {
    const trips: BreakerCounts[] = [];
    const deadLetterBreaker = { run: 2, pause: 1_000, onTrip: (counts: BreakerCounts) => void trips.push(counts) };
    const { send, running, source, time, stages, consumer } = setUp({ concurrency: 2, waiting: 2, deadLetterBreaker });
    const pool = stages[1]!;
    send(1, 2, 3, 4);
    running[0]!.done(running[0]!.context.dead('bad'));
    await settled();
    expect([running.length, trips]).toEqual([3, []]);
    running[1]!.done(running[1]!.context.dead('bad'));
    await settled();
    expect([running.length, source.requested]).toEqual([3, 0]);
    expect(trips).toEqual([{ deadLetters: 2, outcomes: 2, run: 2 }]);
    expect([pool.activity, pool.waitsFor]).toEqual(['busy', 'the pause of its deadLetterBreaker to end']);
    // What runs goes on, and counts no more.
    running[2]!.done(running[2]!.context.dead('bad'));
    await settled();
    expect([running.length, source.requested, trips.length]).toEqual([3, 0, 1]);
    time.advanceBy(999);
    expect(running.length).toBe(3);
    time.advanceBy(1);
    expect([running.length, source.requested]).toEqual([4, 3]);
    running[3]!.done(running[3]!.context.dead('bad'));
    await settled();
    expect([trips.length, time.pending, consumer.end]).toEqual([1, 0, undefined]);
  });

  test('what was asked for before the pause is taken', async () => {
    const { send, running, source, consumer, time } = setUp({
      concurrency: 3,
      waiting: 2,
      deadLetterBreaker: { run: 1, pause: 10 },
    });
    send(1);
    const asked = source.requested;
    running[0]!.done(running[0]!.context.dead('bad'));
    await settled();
    expect(source.requested).toBe(0);
    for (let i = 0; i < asked; i++) send(10 + i);
    expect([consumer.end, running.length]).toEqual([undefined, 1]);
    time.advanceBy(10);
    expect(running.length).toBe(1 + 3);
    consumer.unsubscribe();
  });

  test('by a ratio, and also where the handler does it itself, or attempts are over; not where messages have expired', async () => {
    let trips = 0;
    const deadLetterBreaker = { ratio: 0.5, over: 4, onTrip: () => trips++ };
    const handler: Handler<number> = (value, { delivery }) => {
      if (value === 1) void delivery.deadLetter('own');
      if (value === 2) throw new Error('no');
    };
    const { source, messages, send, time, consumer } = setUp({ maxAttempts: 1, deadLetterBreaker }, { handler });
    time.advanceBy(10);
    for (const id of ['x', 'y', 'z']) source.send(messages.make(9, { id, deadline: 5 }));
    send(1, 2);
    expect(trips).toBe(0);
    source.send(messages.make(9, { id: 'tried', attempt: 2 }));
    expect(trips).toBe(1);
    consumer.unsubscribe();
    expect(time.pending).toBe(0);
  });

  test('a concurrency that changes meanwhile holds from the end of the pause on', async () => {
    const concurrency = new BehaviorSubject(1);
    const { send, running, time, source, consumer } = setUp({
      concurrency,
      waiting: 4,
      deadLetterBreaker: { run: 1, pause: 10 },
    });
    send(1, 2, 3, 4);
    running[0]!.done(running[0]!.context.dead('bad'));
    await settled();
    concurrency.next(2);
    expect([running.length, source.requested]).toEqual([1, 0]);
    time.advanceBy(10);
    expect(running.length).toBe(3);
    consumer.unsubscribe();
  });

  test('an onTrip that throws ends the stream; one that unsubscribes leaves nothing behind', async () => {
    const throwing = {
      run: 1,
      onTrip: () => {
        throw new Error('wrong');
      },
    };
    const dead: Handler<number> = (_value, context) => context.dead('bad');
    const one = setUp({ deadLetterBreaker: throwing }, { handler: dead });
    one.send(1);
    expect(errorOf(one.consumer)).toEqual(new Error('wrong'));
    const other = setUp(
      { deadLetterBreaker: { run: 1, onTrip: () => other.consumer.unsubscribe() } },
      { handler: dead },
    );
    other.send(1);
    expect([one.time.pending, other.time.pending, other.messages.of(1)]).toEqual([0, 0, 'dead bad']);
    await settled();
  });

  test('an onTrip that throws, of a message that the store can not settle: no unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', listener);
    const onTrip = (): never => {
      throw new Error('wrong');
    };
    const { send, consumer } = setUp(
      { deadLetterBreaker: { run: 1, onTrip } },
      {
        handler: (_value, { dead }) => dead('bad'),
        messages: new Messages(() => Promise.reject(new Error('disk'))),
      },
    );
    send(1);
    await settled();
    process.off('unhandledRejection', listener);
    expect([errorOf(consumer), unhandled]).toEqual([new Error('wrong'), []]);
  });

  test.each<[string, unknown]>([
    ['ratio', {}],
    ['ratio', { ratio: 1 }],
    ['ratio', { ratio: -0.1 }],
    ['run', { run: 0 }],
    ['over', { ratio: 0.5, over: 0 }],
    ['pause', { run: 1, pause: 0 }],
    ['onTrip', { run: 1, onTrip: true }],
    ['rum', { run: 1, rum: 1 }],
  ])('refuses a wrong `%s`', (option, deadLetterBreaker) => {
    const make = (): unknown => handle(() => undefined, { concurrency: 1, deadLetterBreaker } as never);
    expect(make).toThrow(OptionError);
    expect(make).toThrow(`\`${option}\``);
  });
});

describe('concurrency', () => {
  test('an Observable tunes it', async () => {
    const concurrency = new Subject<number>();
    const { send, running, consumer, source } = setUp({ concurrency, waiting: 0 });
    expect(source.requested).toBe(0);
    concurrency.next(2);
    send(1, 2);
    expect([running.length, source.requested]).toEqual([2, 0]);
    consumer.unsubscribe();
  });

  test('an Observable that fails ends the stream before the source is subscribed', () => {
    const { source, consumer } = setUp({ concurrency: throwError(() => new Error('wrong')) });
    expect([source.subscriptions, errorOf(consumer)]).toEqual([0, new Error('wrong')]);
  });

  test('adaptive learns of failures and of outcomes', async () => {
    const seen: unknown[] = [];
    const isOverload = (outcome: unknown): boolean => seen.push(outcome) > 99;
    const handler: Handler<number> = async (value, { retry }) => {
      await Promise.resolve();
      if (value === 1) throw new Error('no');
      return value === 2 ? retry() : 'done';
    };
    const { send, stages } = setUp({ concurrency: adaptive({ max: 9, initial: 3, isOverload }) }, { handler });
    send(1, 2, 3);
    await settled();
    expect(seen).toEqual([new Error('no'), expect.anything(), 'done']);
    expect(stages[1]!.figures!().concurrency).toBe(3);
  });

  test('adaptive learns of handlers that time out', async () => {
    const seen: unknown[] = [];
    const isOverload = (outcome: unknown): boolean => seen.push(outcome) > 99;
    const { send, time } = setUp({ concurrency: adaptive({ max: 9, initial: 3, isOverload }), timeout: 10 });
    send(1);
    time.advanceBy(10);
    await settled();
    expect(seen).toEqual([expect.any(WorkerTimeoutError)]);
  });

  test('an `isOverload` that throws fails the stream, and a message that failed; what was done is done, others are released', async () => {
    const isOverload = (): never => {
      throw new Error('wrong');
    };
    const concurrency = adaptive({ max: 9, initial: 3, isOverload });
    const outcomes = async (end: (call: Running) => void, attempt = 1): Promise<unknown> => {
      const { send, source, messages, running, consumer } = setUp({ concurrency, maxAttempts: 2 });
      source.send(messages.make(1, { attempt }));
      send(2);
      end(running[0]!);
      await settled();
      expect([errorOf(consumer), messages.of(2)]).toEqual([new Error('wrong'), 'release']);
      return messages.outcomes.get('1');
    };
    const failing = ({ fail }: Running): void => fail(new Error('no'));
    const doing = ({ done }: Running): void => done('done');
    expect(await outcomes(failing)).toEqual([{ kind: 'nack', error: new Error('no') }]);
    expect(await outcomes(doing)).toEqual([{ kind: 'ack' }]);
    expect(await outcomes(failing, 2)).toEqual([{ kind: 'dead', reason: 'attempts', error: new Error('no') }]);
    const settling = ({ context, done }: Running): void => {
      void context.delivery.ack();
      done('done');
    };
    expect(await outcomes(settling)).toEqual([{ kind: 'ack' }]);
  });

  test('elastic grows, and a pause of the breaker does not forget what it said', async () => {
    const { send, running, time, consumer } = setUp({
      ...{ concurrency: elastic({ min: 1, max: 4 }), waiting: 10, deadLetterBreaker: { run: 1, pause: 5 } },
    });
    send(1, 2, 3);
    running[0]!.done(running[0]!.context.dead('bad'));
    await settled();
    expect(running.length).toBe(1);
    time.advanceBy(5);
    expect(running.length).toBeGreaterThanOrEqual(2);
    consumer.unsubscribe();
    expect(time.pending).toBe(0);
  });
});

describe('the end', () => {
  test('completion waits until all is handled and settled; an error of the source too', async () => {
    for (const end of ['complete', 'error'] as const) {
      const { send, source, running, consumer, out } = setUp();
      send(1);
      if (end === 'complete') source.complete();
      else source.error(new Error('source'));
      await settled();
      expect(consumer.end).toBeUndefined();
      running[0]!.done();
      await settled();
      expect(out()).toEqual(['1 ack']);
      expect(consumer.end).toEqual(end === 'complete' ? 'complete' : { error: new Error('source') });
    }
  });

  test('drain takes nothing anew, and completes when all that was taken is handled and settled', async () => {
    const { send, source, running, consumer, messages, time } = setUp({ concurrency: 1 });
    send(1, 2);
    const draining = drain(consumer.subscription, { within: 1_000, scheduler: time.scheduler });
    expect(source.open).toBe(0);
    running[0]!.done();
    await settled();
    running[1]!.done();
    const receipt = await draining;
    expect(receipt).toMatchObject({ ended: 'complete', done: 2, released: 0, dropped: 0, abandoned: 0 });
    expect(receipt.stages.map(({ stage, out }) => [stage, out])).toEqual([
      ['handle/settle', 2],
      ['handle', 2],
    ]);
    expect([messages.all, consumer.end]).toEqual([['ack', 'ack'], 'complete']);
  });

  test('a drain whose time is up releases what is left, and counts what a handler had begun on', async () => {
    const { send, running, consumer, messages, time } = setUp({ concurrency: 1 });
    send(1, 2);
    const draining = drain(consumer.subscription, { within: 50, scheduler: time.scheduler });
    time.advanceBy(50);
    expect(await draining).toMatchObject({ ended: 'time', done: 0, released: 1, abandoned: 1 });
    running[0]!.done();
    await settled();
    expect(messages.all).toEqual(['release', 'release']);
  });

  test('a handler that never ends does not keep the stream from being unsubscribed, and is too late then', async () => {
    const { send, running, consumer, messages } = setUp();
    send(1);
    consumer.unsubscribe();
    running[0]!.done();
    await settled();
    expect([messages.of(1), consumer.values]).toEqual(['release', []]);
  });

  test('unsubscribing from inside a handler, an emission or a settlement', async () => {
    const inside = setUp({}, { handler: () => inside.consumer.unsubscribe() });
    inside.send(1);
    expect(inside.messages.of(1)).toBe('release');

    const messages = new Messages();
    const values: Handled<number>[] = [];
    pull([1, 2, 3].map((value) => messages.make(value)))
      .pipe(
        handle(() => undefined, { concurrency: 1 }),
        take(1),
      )
      .subscribe((handled) => values.push(handled));
    await settled();
    expect(values.length).toBe(1);
    expect(messages.all.every((outcome) => outcome === 'ack' || outcome === 'release' || outcome === undefined)).toBe(
      true,
    );

    const settling = new Messages(() => settles.consumer.unsubscribe());
    const settles = setUp({}, { messages: settling, handler: () => undefined });
    settles.send(1);
    await settled();
    expect([settling.of(1), settles.consumer.values]).toEqual(['ack', []]);
  });

  test('a store that fails after the end is no unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', listener);
    const messages = new Messages(() => Promise.reject(new Error('disk')));
    const { send, consumer } = setUp({ concurrency: 1 }, { messages, handler: () => undefined });
    send(1);
    consumer.unsubscribe();
    const full = setUp(
      { concurrency: 1 },
      { messages: new Messages(() => full.consumer.unsubscribe()), handler: () => undefined },
    );
    full.send(1);
    await settled();
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });
});

describe('many', () => {
  test.each<[string, Handler<number>]>([
    ['synchronous', () => undefined],
    [
      'that throw',
      () => {
        throw new Error('no');
      },
    ],
    ['asynchronous', async () => undefined],
  ])('a great many handlers, %s, on a flat stack', async (name, handler) => {
    const messages = new Messages();
    const count = name === 'synchronous' ? 1_000_000 : 100_000;
    const one = messages.make(0);
    let given = 0;
    let handled = 0;
    // `map` has each be a delivery of its own, of a lease that answers at once.
    const source = pull(
      (function* () {
        while (given < count) yield one.map(() => given++);
      })(),
    );
    await new Promise<void>((resolve, reject) =>
      source
        .pipe(handle(handler, { concurrency: 4 }))
        .subscribe({ next: () => handled++, error: reject, complete: resolve }),
    );
    expect([given, handled]).toEqual([count, count]);
  });

  test('a long line of those that wait for one that is slow', async () => {
    const { send, running, out, consumer } = setUp(
      { concurrency: 1, waiting: Infinity },
      {
        ...{
          handler: (value) =>
            value === -1 ? new Promise<void>((resolve) => running.push({ done: resolve } as Running)) : undefined,
        },
        request: Infinity,
      },
    );
    send(-1, ...Array.from({ length: 50_000 }, (_, i) => i));
    running[0]!.done();
    await settled();
    expect([out().length, consumer.end]).toEqual([50_001, undefined]);
  });

  test('what comes from inside a handler', async () => {
    const { send, out } = setUp(
      { concurrency: 2 },
      {
        handler: (value) => {
          if (value < 1_000) send(value + 1);
        },
        request: Infinity,
      },
    );
    send(0);
    await settled();
    expect(out().length).toBe(1_001);
  });
});

test('at random: each message is settled once, and comes out once unless the stream ended first', async () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ send: fc.integer({ min: 1, max: 3 }), key: fc.constantFrom('a', 'b', undefined) }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        finish: fc.nat(9),
        how: fc.constantFrom('done', 'fail', 'dead', 'retry', 'own', 'split'),
      }),
    },
    { weight: 3, arbitrary: fc.record({ request: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ advance: fc.nat(30) }) },
    { weight: 2, arbitrary: fc.record({ settle: fc.constant(true) }) },
    { weight: 1, arbitrary: fc.record({ end: fc.constantFrom('complete', 'unsubscribe') }) },
  );
  const options = fc.record({
    concurrency: fc.integer({ min: 1, max: 3 }),
    waiting: fc.nat(3),
    order: fc.constantFrom('completion' as const, 'key' as const),
    timeout: fc.constantFrom(undefined, 20),
    maxAttempts: fc.constantFrom(undefined, 1),
    deadLetterBreaker: fc.constantFrom(undefined, { run: 2, pause: 15 }),
  });
  const runs = Number(process.env['SLUICE_RUNS'] ?? 300);
  const property = fc.asyncProperty(options, fc.array(step, { maxLength: 40, size: 'max' }), async (given, steps) => {
    const { running, source, consumer, messages, time, stages } = setUp(given, { request: 0 });
    let next = 0;
    let over = false;
    const began = new Set<number>();
    for (const each of steps) {
      if ('send' in each) {
        for (let i = 0; i < each.send && source.requested > 0; i++) {
          source.send(messages.make(next++, each.key === undefined ? {} : { key: each.key }));
        }
      } else if ('finish' in each) {
        const call = running[each.finish % Math.max(1, running.length)];
        if (call === undefined) continue;
        began.add(call.value);
        const { context } = call;
        if (each.how === 'fail') call.fail(new Error('no'));
        else if (each.how === 'dead') call.done(context.dead('bad'));
        else if (each.how === 'retry') call.done(context.retry(5));
        else {
          if (each.how === 'own') void context.delivery.ack();
          if (each.how === 'split') for (const part of context.delivery.split('ab')) void part.ack();
          call.done();
        }
        running.splice(running.indexOf(call), 1);
      } else if ('request' in each) consumer.request(each.request);
      else if ('advance' in each) time.advanceBy(each.advance);
      else if ('settle' in each) await settled();
      else if (each.end === 'complete') source.complete();
      else {
        consumer.unsubscribe();
        over = true;
      }
      for (const stage of stages) {
        const { in: arrived, out, dropped, held } = stage.ledger;
        expect(arrived).toBe(out + dropped + held);
        expect(held).toBe(stage.held);
      }
      expect(stages[1]!.figures!().running).toBeLessThanOrEqual(given.concurrency);
    }
    source.complete();
    consumer.request(1_000);
    for (let turn = 0; consumer.end === undefined && !over; turn++) {
      expect(turn).toBeLessThan(1_000);
      for (const { done } of running.splice(0)) done();
      time.advanceBy(20);
      await settled();
    }
    for (const id of messages.outcomes.keys()) expect([id, messages.outcomes.get(id)!.length]).toEqual([id, 1]);
    const came = consumer.values.map(({ delivery }) => delivery.id);
    expect(new Set(came).size).toBe(came.length);
    if (!over) expect(came.length).toBe(next);
    expect(time.pending).toBe(0);
  });
  await fc.assert(property, { numRuns: runs });
});

test('another subscription has a pool of its own', async () => {
  const messages = new Messages();
  const operator = handle<number>(() => undefined, { concurrency: 1 });
  const counts = [0, 0];
  [0, 1].forEach((i) =>
    from([messages.make(i)])
      .pipe(operator)
      .subscribe(() => counts[i]!++),
  );
  await settled();
  expect(counts).toEqual([1, 1]);
});

describe('refuses', () => {
  test.each<[string, unknown, unknown]>([
    ['handler', undefined, { concurrency: 1 }],
    ['handler', new Observable(), { concurrency: 1 }],
    ['concurrency', () => 1, {}],
    ['concurrency', () => 1, { concurrency: 0 }],
    ['order', () => 1, { concurrency: 1, order: 'source' }],
    ['timeout', () => 1, { concurrency: 1, timeout: 0 }],
    ['retry', () => 1, { concurrency: 1, retry: 5 }],
    ['maxAttempts', () => 1, { concurrency: 1, maxAttempts: 0 }],
    ['waiting', () => 1, { concurrency: 1, waiting: -1 }],
    ['maxAttempt', () => 1, { concurrency: 1, maxAttempt: 1 }],
  ])('a wrong `%s`', (option, handler, options) => {
    const make = (): unknown => handle(handler as never, options as never);
    expect(make).toThrow(OptionError);
    expect(make).toThrow(`\`${option}\``);
  });
});
