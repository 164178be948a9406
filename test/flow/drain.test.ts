import {
  BehaviorSubject,
  connectable,
  defer,
  delayWhen,
  interval,
  map,
  merge,
  mergeMap,
  NEVER,
  Observable,
  of,
  repeat,
  retry,
  share,
  Subject,
  Subscription,
  type Subscriber,
} from 'rxjs';
import { describe, expect, test, vi } from 'vitest';
import {
  boundedBuffer,
  boundedQueue,
  demandOf,
  drain,
  type Drop,
  OptionError,
  pool,
  pull,
  QueueClosedError,
  rateLimit,
  Sink,
  type DrainReceipt,
} from '../../src/index.js';
import { ManualSource, VirtualTime } from '../../src/testing/index.js';

const NONE = { done: 0, released: 0, dropped: 0, abandoned: 0 };

/** Work that is done when the test says so. */
class Work {
  readonly begun: number[] = [];
  readonly aborted: number[] = [];
  private readonly ends: (() => void)[] = [];

  readonly run = (value: number, { signal }: { signal: AbortSignal }): Promise<number> => {
    this.begun.push(value);
    const abort = (): unknown => this.aborted.push(value);
    signal.addEventListener('abort', abort);
    return new Promise((resolve) =>
      this.ends.push(() => {
        signal.removeEventListener('abort', abort);
        resolve(value);
      }),
    );
  };

  finish(): void {
    this.ends.shift()!();
  }

  /** Finishes whatever begins until `promise` is resolved. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    void promise.then(() => (over = true));
    while (!over) {
      while (this.ends.length > 0) this.finish();
      await Promise.resolve();
    }
    return promise;
  }
}

function* counting(state: { read: number; open: boolean }): Generator<number> {
  state.open = true;
  try {
    for (;;) yield state.read++;
  } finally {
    state.open = false;
  }
}

/** Everything but the stages. */
function totals(receipt: DrainReceipt): Omit<DrainReceipt, 'stages'> {
  const { stages, ...rest } = receipt;
  expect(stages).toBeInstanceOf(Array);
  return rest;
}

describe('drain', () => {
  test('a synchronous pull reads nothing more, what it has read goes through, and it is let go', async () => {
    const state = { read: 0, open: false };
    const work = new Work();
    const seen: number[] = [];
    let complete = false;
    const subscription = pull(counting(state))
      .pipe(
        map((n) => n * 10),
        boundedBuffer({ capacity: 3, name: 'ahead' }),
        pool(work.run, { concurrency: 2, waiting: 1 }),
      )
      .subscribe({ next: (value) => seen.push(value), complete: () => (complete = true) });
    const { read } = state;
    expect(read).toBe(6);
    const receipt = await work.until(drain(subscription, { within: Infinity }));
    expect(state).toEqual({ read, open: false });
    expect(seen).toEqual([0, 10, 20, 30, 40, 50]);
    expect(complete).toBe(true);
    expect(receipt).toEqual({
      ...NONE,
      done: 6,
      ended: 'complete',
      stages: [
        { stage: 'pool', held: 3, in: 3, out: 6, released: 0, dropped: 0, abandoned: 0 },
        { stage: 'ahead', held: 3, in: 0, out: 3, released: 0, dropped: 0, abandoned: 0 },
      ],
    });
  });

  test('an array is read no further', async () => {
    const work = new Work();
    const seen: number[] = [];
    const subscription = pull([1, 2, 3, 4, 5])
      .pipe(pool(work.run, { concurrency: 1, waiting: 1 }))
      .subscribe((value) => seen.push(value));
    expect(totals(await work.until(drain(subscription, { within: Infinity })))).toEqual({
      ...NONE,
      done: 2,
      ended: 'complete',
    });
    expect(seen).toEqual([1, 2]);
  });

  test('what an asynchronous input was asked for is still given on', async () => {
    const answers: ((result: IteratorResult<number>) => void)[] = [];
    const returned = vi.fn(() => Promise.resolve({ done: true, value: undefined } as const));
    const input: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<number>>((resolve) => answers.push(resolve)),
        return: returned,
      }),
    };
    const seen: number[] = [];
    const subscription = pull(input, { readAhead: 2 })
      .pipe(boundedBuffer({ capacity: 5 }))
      .subscribe((value) => seen.push(value));
    const draining = drain(subscription, { within: Infinity });
    expect(returned).toHaveBeenCalledTimes(1);
    expect(subscription.closed).toBe(false);
    answers[0]!({ done: false, value: 7 });
    answers[1]!({ done: false, value: 8 });
    expect(totals(await draining)).toEqual({ ...NONE, done: 2, ended: 'complete' });
    expect(seen).toEqual([7, 8]);
    expect(answers).toHaveLength(2);
    expect(returned).toHaveBeenCalledTimes(1);
  });

  test('an asynchronous input that drains when it is read is asked for nothing more', async () => {
    let asked = 0;
    let draining: Promise<DrainReceipt> | undefined;
    const input: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          if (++asked === 2) draining = drain(subscription, { within: Infinity });
          return Promise.resolve({ done: false, value: asked });
        },
      }),
    };
    const gate = new BehaviorSubject(0);
    const subscription: Subscription = pull(input, { readAhead: 5 })
      .pipe(pool(async (n) => n, { concurrency: gate, waiting: 0 }))
      .subscribe();
    gate.next(5);
    expect(totals(await draining!)).toEqual({ ...NONE, done: 2, ended: 'complete' });
    expect(asked).toBe(2);
    gate.complete();
  });

  test('an iterable that drains when it is opened is not read', async () => {
    const work = new Work();
    const state = { read: 0, open: false };
    let draining: Promise<DrainReceipt> | undefined;
    const input: Iterable<number> = {
      [Symbol.iterator]: () => {
        draining = drain(subscription, { within: Infinity });
        return counting(state);
      },
    };
    const queue = boundedQueue<number>({ capacity: 5 });
    const open = new Subject<void>();
    const subscription: Subscription = merge(queue, open.pipe(mergeMap(() => pull(input))))
      .pipe(pool(work.run, { concurrency: 1, waiting: 0 }))
      .subscribe();
    for (const n of [1, 2, 3]) queue.offer(n);
    open.next();
    expect(totals(await work.until(draining!))).toEqual({ ...NONE, done: 3, ended: 'complete' });
    expect(state.read).toBe(0);
  });

  test('an idle web stream is cancelled, and the pipeline ends at once', async () => {
    const cancelled = vi.fn();
    const stream = new ReadableStream<number>({ cancel: cancelled });
    const subscription = pull(stream)
      .pipe(pool(async (n) => n, { concurrency: 1 }))
      .subscribe();
    expect(totals(await drain(subscription, { within: Infinity }))).toEqual({ ...NONE, ended: 'complete' });
    expect(cancelled).toHaveBeenCalledTimes(1);
  });

  test('from inside a generator that is being read, the value it gives then is still given on', async () => {
    const seen: string[] = [];
    let draining: Promise<DrainReceipt> | undefined;
    function* input(): Generator<string> {
      yield 'a';
      draining = drain(subscription, { within: Infinity });
      yield 'b';
      yield 'c';
    }
    const gate = new Subject<number>();
    const subscription: Subscription = pull(input())
      .pipe(pool(async (value) => value, { concurrency: gate }))
      .subscribe((value) => seen.push(value));
    gate.next(2);
    expect(totals(await draining!)).toEqual({ ...NONE, done: 2, ended: 'complete' });
    expect(seen).toEqual(['a', 'b']);
    gate.complete();
  });

  test('a boundedQueue closes: what it accepted is delivered, who waits is refused', async () => {
    const work = new Work();
    const queue = boundedQueue<number>({ capacity: 2, name: 'orders' });
    const seen: number[] = [];
    const subscription = queue.pipe(pool(work.run, { concurrency: 1, waiting: 0 })).subscribe((n) => seen.push(n));
    expect([1, 2, 3, 4].map((n) => queue.offer(n))).toEqual(['accepted', 'accepted', 'accepted', 'full']);
    const refused = expect(queue.send(5)).rejects.toBeInstanceOf(QueueClosedError);
    const draining = drain(subscription, { within: Infinity });
    expect(queue.offer(6)).toBe('closed');
    await refused;
    const receipt = await work.until(draining);
    expect(seen).toEqual([1, 2, 3]);
    expect(totals(receipt)).toEqual({ ...NONE, done: 3, ended: 'complete' });
    expect(receipt.stages.map(({ stage, held }) => [stage, held])).toEqual([
      ['pool', 1],
      ['orders', 2],
    ]);
  });

  test('of several consumers of a boundedQueue the last one closes it', async () => {
    const [first, second] = [new Work(), new Work()];
    const queue = boundedQueue<number>({ capacity: 9 });
    const options = { concurrency: 1, waiting: 0 };
    const done: number[] = [];
    const one = queue.pipe(pool(first.run, options)).subscribe((n) => done.push(n));
    const other = queue.pipe(pool(second.run, options)).subscribe((n) => done.push(n));
    for (let n = 0; n < 6; n++) queue.offer(n);
    const receipt = await first.until(drain(one, { within: Infinity }));
    expect(totals(receipt)).toEqual({ ...NONE, done: 1, ended: 'complete' });
    expect(queue.offer(6)).toBe('accepted');
    expect(totals(await second.until(drain(other, { within: Infinity })))).toEqual({
      ...NONE,
      done: 6,
      ended: 'complete',
    });
    expect(done.sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(queue.offer(7)).toBe('closed');
  });

  test('a source that can not be told is unsubscribed, and what it had sent is delivered', async () => {
    const work = new Work();
    const source = new Subject<number>();
    const seen: number[] = [];
    const subscription = source
      .pipe(boundedBuffer({ capacity: 5 }), pool(work.run, { concurrency: 1, waiting: 0 }))
      .subscribe((value) => seen.push(value));
    for (const n of [1, 2, 3]) source.next(n);
    const draining = drain(subscription, { within: Infinity });
    expect(source.observed).toBe(false);
    source.next(4);
    expect(totals(await work.until(draining))).toEqual({ ...NONE, done: 3, ended: 'complete' });
    expect(seen).toEqual([1, 2, 3]);
  });

  test('of a merge each kind ends in its way, where the one that can not be told has a stage of its own', async () => {
    const work = new Work();
    const hot = new Subject<number>();
    const state = { read: 0, open: false };
    const seen: number[] = [];
    const subscription = merge(hot.pipe(boundedBuffer({ capacity: 2 })), pull(counting(state)).pipe(map((n) => -n)))
      .pipe(pool(work.run, { concurrency: 1, waiting: 1 }))
      .subscribe((value) => seen.push(value));
    hot.next(1);
    hot.next(2);
    const draining = drain(subscription, { within: Infinity });
    expect(hot.observed).toBe(false);
    expect(totals(await work.until(draining))).toEqual({ ...NONE, done: 4, ended: 'complete' });
    expect(seen).toEqual([-0, -1, 1, 2]);
    expect(state.open).toBe(false);
  });

  test('merged straight into a stage with one that can be told, it goes on until the time is up', async () => {
    const time = new VirtualTime();
    const hot = new Subject<number>();
    const seen: number[] = [];
    const subscription = merge(hot, pull([1]))
      .pipe(boundedBuffer({ capacity: 2 }))
      .subscribe((value) => seen.push(value));
    const draining = drain(subscription, { within: 10, scheduler: time.scheduler });
    hot.next(2);
    time.advanceBy(10);
    expect(hot.observed).toBe(false);
    expect(totals(await draining)).toEqual({ ...NONE, done: 1, ended: 'time' });
    expect(seen).toEqual([1, 2]);
  });

  test.each([
    ['repeat', repeat<number>(), (subscriber: Subscriber<number>) => subscriber.complete()],
    ['retry', retry<number>(), (subscriber: Subscriber<number>) => subscriber.error('no')],
  ])('%s begins nothing anew', async (_, again, end) => {
    const work = new Work();
    let subscribed = 0;
    const source = new Observable<number>((subscriber) => {
      const demand = demandOf(subscriber);
      if (++subscribed > 1) return;
      subscriber.next(1);
      subscriber.add(demand.onDrain!(() => end(subscriber)));
    });
    const subscription = source.pipe(again, pool(work.run, { concurrency: 1 })).subscribe();
    expect(totals(await work.until(drain(subscription, { within: Infinity })))).toEqual({
      ...NONE,
      done: 1,
      ended: 'complete',
    });
    expect(subscribed).toBe(2);
  });

  test.each([
    ['an array', () => [1, 2, 3]],
    ['a generator', () => counting({ read: 0, open: false })],
    [
      'an async generator',
      async function* () {
        yield* [1, 2, 3];
      },
    ],
  ])('%s that is repeated, beside one that still has a value to give, takes nothing anew', async (_, input) => {
    const work = new Work();
    const queue = boundedQueue<number>({ capacity: 5 });
    const subscription = merge(
      queue.pipe(map((n) => n * 100)),
      defer(() => pull(input() as Iterable<number>)).pipe(repeat()),
    )
      .pipe(pool(work.run, { concurrency: 1, waiting: 0 }))
      .subscribe();
    for (const n of [1, 2]) queue.offer(n);
    const { begun } = work;
    await Promise.resolve();
    const receipt = await work.until(drain(subscription, { within: Infinity }));
    expect(receipt.ended).toBe('complete');
    expect(begun.filter((n) => n >= 100)).toEqual([100, 200]);
    expect(begun.length - 2).toBeLessThanOrEqual(2);
  });

  test('pipelines that a worker returned are work: they go on to their own end', async () => {
    const release = new Subject<void>();
    const seen: number[] = [];
    const subscription = pull([1, 2, 3])
      .pipe(
        pool(
          (value) =>
            new Observable<number>((subscriber) =>
              release.subscribe(() =>
                pull([value, value * 10, value * 100])
                  .pipe(boundedBuffer({ capacity: 1 }))
                  .subscribe(subscriber),
              ),
            ),
          { concurrency: 1, waiting: 0 },
        ),
      )
      .subscribe((value) => seen.push(value));
    const draining = drain(subscription, { within: Infinity });
    release.next();
    expect(totals(await draining)).toEqual({ ...NONE, done: 1, ended: 'complete' });
    expect(seen).toEqual([1, 10, 100]);
  });

  test('without a stage the sources end all the same', async () => {
    const state = { read: 0, open: false };
    const sent = new Subject<void>();
    let complete = false;
    const queue = boundedQueue<number>({ capacity: 2 });
    const subscription = merge(queue, sent.pipe(map(() => -1))).subscribe({ complete: () => (complete = true) });
    const draining = drain(subscription, { within: Infinity });
    expect(queue.closed).toBe(true);
    expect(complete).toBe(false); // the Subject is nobody's to end but its owner's
    sent.complete();
    expect((await draining).ended).toBe('complete');
    expect(state.open).toBe(false);
  });

  test('of a sink goes on as far as the sink asks', async () => {
    const seen: number[] = [];
    const sink = Sink.on(pull([1, 2, 3, 4]).pipe(boundedBuffer({ capacity: 2 })), {
      next: (value) => seen.push(value),
      error: () => undefined,
      complete: () => seen.push(Infinity),
    });
    const draining = drain(sink, { within: Infinity });
    sink.request(1);
    expect(seen).toEqual([1]);
    sink.request(9);
    expect(totals(await draining)).toEqual({ ...NONE, done: 2, ended: 'complete' });
    expect(seen).toEqual([1, 2, Infinity]);
  });

  test('a sink without anything before it that can be told completes', async () => {
    let complete = 0;
    const sink = Sink.on(NEVER, { next: () => undefined, error: () => undefined, complete: () => complete++ });
    expect((await drain(sink, { within: Infinity })).ended).toBe('complete');
    expect(complete).toBe(1);
  });

  test('a source of your own may be told too', async () => {
    const demandTold = vi.fn();
    const source = new Observable<number>((subscriber) => {
      const demand = demandOf(subscriber);
      subscriber.next(1);
      return demand.onDrain?.(() => {
        demandTold();
        subscriber.next(2); // it had taken that already
        subscriber.complete();
      });
    });
    const seen: number[] = [];
    const subscription = source.pipe(boundedBuffer({ capacity: 3 })).subscribe((value) => seen.push(value));
    expect((await drain(subscription, { within: Infinity })).ended).toBe('complete');
    expect(demandTold).toHaveBeenCalledTimes(1);
    expect(seen).toEqual([1, 2]);
  });

  test('operators that hold values give them on', async () => {
    const time = new VirtualTime();
    const slow = <T>(value: T): Observable<T> =>
      new Observable((subscriber) =>
        time.scheduler.schedule(() => {
          subscriber.next(value);
          subscriber.complete();
        }, 10),
      );
    const seen: number[] = [];
    const subscription = pull([1, 2, 3])
      .pipe(boundedBuffer({ capacity: 3 }), mergeMap(slow, 1), boundedBuffer({ capacity: 3 }))
      .subscribe((value) => seen.push(value));
    const draining = drain(subscription, { within: 100, scheduler: time.scheduler });
    time.advanceBy(100);
    expect((await draining).ended).toBe('complete');
    expect(seen).toEqual([1, 2, 3]);
    expect(time.pending).toBe(0);
  });

  test('share cuts the chain: what is before it is drained by its connection', async () => {
    const queue = boundedQueue<number>({ capacity: 2 });
    const work = new Work();
    const shared = connectable(queue.pipe(pool(work.run, { concurrency: 1 })));
    const seen: number[] = [];
    shared.pipe(boundedBuffer({ capacity: 1 })).subscribe((value) => seen.push(value));
    const connection = shared.connect();
    queue.offer(1);
    queue.offer(2);
    expect(totals(await work.until(drain(connection, { within: Infinity })))).toEqual({
      ...NONE,
      done: 2,
      ended: 'complete',
    });
    expect(seen).toEqual([1, 2]);

    const other = boundedQueue<number>({ capacity: 2 });
    const drops: Drop[] = [];
    const behind = other
      .pipe(
        pool(work.run, { concurrency: 1, onDrop: (drop) => drops.push(drop) }),
        share(),
        boundedBuffer({ capacity: 1 }),
      )
      .subscribe();
    other.offer(1);
    expect(totals(await drain(behind, { within: Infinity }))).toEqual({ ...NONE, ended: 'complete' });
    expect(drops).toMatchObject([{ value: 1, reason: 'cancelled', begun: true }]);
    expect(other.closed).toBe(false);
  });
});

describe('when the time is up', () => {
  test('what nobody had begun on is released, what somebody had is abandoned', async () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const work = new Work();
    const drops: Drop[] = [];
    const onDrop = (drop: Drop): unknown => drops.push(drop);
    const queue = boundedQueue<number>({ capacity: 5 });
    const seen: number[] = [];
    const subscription = queue
      .pipe(
        boundedBuffer({ capacity: 2, name: 'ahead', onDrop, scheduler }),
        pool(work.run, { concurrency: 2, waiting: 1, onDrop, scheduler }),
      )
      .subscribe((value) => seen.push(value));
    for (let n = 0; n < 8; n++) queue.offer(n);
    const draining = drain(subscription, { within: 100, scheduler });
    time.advanceBy(50);
    work.finish();
    await Promise.resolve();
    time.advanceBy(49);
    expect(subscription.closed).toBe(false);
    time.advanceBy(1);
    const receipt = await draining;
    expect(totals(receipt)).toEqual({ done: 1, released: 5, dropped: 0, abandoned: 2, ended: 'time' });
    expect(seen).toEqual([0]);
    expect([...work.aborted].sort()).toEqual([1, 2]);
    expect(
      drops
        .filter(({ begun }) => begun)
        .map(({ value }) => value as number)
        .sort(),
    ).toEqual([1, 2]);
    expect(drops.filter(({ begun }) => !begun).map(({ value }) => value)).toEqual([4, 5, 3]);
    const left: number[] = [];
    queue.subscribe((value) => left.push(value)); // they were accepted: a later subscriber gets them
    expect(left).toEqual([6, 7]);
    expect(receipt.stages).toEqual([
      { stage: 'pool', held: 3, in: 1, out: 1, released: 1, dropped: 0, abandoned: 2 },
      { stage: 'ahead', held: 2, in: 1, out: 1, released: 2, dropped: 0, abandoned: 0 },
      { stage: 'boundedQueue', held: 3, in: 0, out: 1, released: 2, dropped: 0, abandoned: 0 },
    ]);
    expect(time.pending).toBe(0);
  });

  test('what an asynchronous pull has read, and there was no room for, is released', async () => {
    const one = async function* (value: number): AsyncGenerator<number> {
      yield value;
      yield -value;
    };
    const sink = Sink.on(merge(pull(one(1)), pull(one(2))).pipe(boundedBuffer({ capacity: 1 })), {
      next: () => undefined,
      error: () => undefined,
      complete: () => undefined,
    });
    for (let turn = 0; turn < 5; turn++) await Promise.resolve(); // both were asked, and the first took the room
    const receipt = await drain(sink, { within: 0 });
    expect(totals(receipt)).toEqual({ ...NONE, released: 2, ended: 'time' });
    expect(receipt.stages).toEqual([
      { stage: 'boundedBuffer', held: 1, in: 0, out: 0, released: 1, dropped: 0, abandoned: 0 },
      { stage: 'pull', held: 1, in: 0, out: 0, released: 1, dropped: 0, abandoned: 0 },
    ]);
  });

  test('at once, with `within: 0`, after what is synchronous', async () => {
    const seen: number[] = [];
    const subscription = pull([1, 2, 3])
      .pipe(rateLimit({ rate: 1, burst: 1 }))
      .subscribe((value) => seen.push(value));
    const draining = drain(subscription, { within: 0 });
    expect(subscription.closed).toBe(true);
    expect(totals(await draining)).toEqual({ ...NONE, released: 1, ended: 'time' });
    expect(seen).toEqual([1]);
  });

  test('a call between two attempts, or with a result that nobody took, had begun', async () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const drops: Drop[] = [];
    const retry = { attempts: 3, backoff: () => 1_000 };
    const worker = async (value: number): Promise<number> => {
      if (value === 1) throw new Error('not now');
      return value;
    };
    const sink = Sink.on(
      pull([1, 2]).pipe(pool(worker, { concurrency: 2, retry, scheduler, onDrop: (drop) => drops.push(drop) })),
      { next: () => undefined, error: () => undefined, complete: () => undefined },
    );
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    expect(totals(await drain(sink, { within: 0, scheduler }))).toEqual({ ...NONE, abandoned: 2, ended: 'time' });
    expect(drops.map(({ begun }) => begun)).toEqual([true, true]);
  });

  test('a policy that was named goes on while draining', async () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const source = new ManualSource<number>();
    const subscription = source
      .pipe(
        boundedBuffer({ capacity: 3, maxAge: 15, scheduler }),
        rateLimit({ rate: 100, burst: 1, mode: 'paced', scheduler }),
      )
      .subscribe();
    for (const n of [1, 2, 3, 4, 5]) source.send(n);
    const draining = drain(subscription, { within: Infinity, scheduler });
    while (time.pending > 0) time.advanceBy(1);
    expect(totals(await draining)).toEqual({ ...NONE, done: 2, dropped: 2, ended: 'complete' });
  });
});

describe('the end', () => {
  test('a second call gets the same promise, and the timer is gone with the pipeline', async () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const work = new Work();
    const subscription = pull([1])
      .pipe(pool(work.run, { concurrency: 1 }))
      .subscribe();
    const draining = drain(subscription, { within: 100, scheduler });
    expect(drain(subscription, { within: 1, scheduler })).toBe(draining);
    expect(time.pending).toBe(1);
    await work.until(draining);
    expect(time.pending).toBe(0);
    expect(drain(subscription, { within: 1, scheduler })).toBe(draining);
  });

  test('of a pipeline that has ended is all zeros', async () => {
    const subscription = pull([1, 2])
      .pipe(boundedBuffer({ capacity: 1 }))
      .subscribe();
    expect(subscription.closed).toBe(true);
    expect(await drain(subscription, { within: 10 })).toEqual({ ...NONE, ended: 'before', stages: [] });
  });

  test('of one whose source has ended waits for what is held', async () => {
    const work = new Work();
    const subscription = pull([1, 2, 3])
      .pipe(pool(work.run, { concurrency: 1, waiting: 2 }))
      .subscribe();
    expect(totals(await work.until(drain(subscription, { within: Infinity })))).toEqual({
      ...NONE,
      done: 3,
      ended: 'complete',
    });
  });

  test('by an error: the receipt has it, and so has the subscriber', async () => {
    const failure = new Error('no');
    const errors: unknown[] = [];
    let fail: ((error: unknown) => void) | undefined;
    const worker = (): Promise<number> => new Promise((_, reject) => (fail = reject));
    const subscription = pull([1, 2, 3])
      .pipe(pool(worker, { concurrency: 1, waiting: 1 }))
      .subscribe({ error: (error) => errors.push(error) });
    const draining = drain(subscription, { within: Infinity });
    fail!(failure);
    expect(totals(await draining)).toEqual({ ...NONE, released: 1, abandoned: 1, ended: 'error', error: failure });
    expect(errors).toEqual([failure]);
  });

  test('by an operator after the last stage', async () => {
    const failure = new Error('no');
    const work = new Work();
    const subscription = pull([1, 2])
      .pipe(
        pool(work.run, { concurrency: 1 }),
        map(() => {
          throw failure;
        }),
      )
      .subscribe({ error: () => undefined });
    const receipt = await work.until(drain(subscription, { within: Infinity }));
    expect(receipt).toMatchObject({ ended: 'error', error: failure, done: 1, released: 1 });
  });

  test('unsubscribing cuts it short', async () => {
    const time = new VirtualTime();
    const work = new Work();
    const subscription = pull([1, 2, 3])
      .pipe(pool(work.run, { concurrency: 1, waiting: 1 }))
      .subscribe();
    const draining = drain(subscription, { within: 1_000, scheduler: time.scheduler });
    subscription.unsubscribe();
    expect(totals(await draining)).toEqual({ ...NONE, released: 1, abandoned: 1, ended: 'unsubscribed' });
    expect(time.pending).toBe(0);
  });

  test('unsubscribing is no completion, also when something has come anew meanwhile', async () => {
    const open = new Subject<void>();
    const lasting = new Observable((subscriber) => demandOf(subscriber).onDrain?.(() => undefined));
    const subscription = merge(
      lasting,
      pull([1]).pipe(
        delayWhen(() => open),
        repeat(),
      ),
    ).subscribe();
    const draining = drain(subscription, { within: Infinity });
    open.next();
    subscription.unsubscribe();
    expect((await draining).ended).toBe('unsubscribed');
  });

  test('from inside `complete` of the subscriber', async () => {
    let draining: Promise<DrainReceipt> | undefined;
    const subject = new Subject<number>();
    const subscription: Subscription = subject
      .pipe(boundedBuffer({ capacity: 1 }))
      .subscribe({ complete: () => void (draining = drain(subscription, { within: 5 })) });
    subject.complete();
    expect((await draining!).ended).toBe('before');
  });
});

describe('wrong arguments', () => {
  const subscription = pull([1])
    .pipe(boundedBuffer({ capacity: 1 }))
    .subscribe();

  test.each([[-1], [NaN], ['1'], [undefined]])('within: %s', (within) => {
    expect(() => drain(subscription, { within: within as number })).toThrow(OptionError);
  });

  test('an unknown option', () => {
    expect(() => drain(subscription, { within: 1, withn: 1 } as never)).toThrow('Did you mean `within`?');
  });

  test.each([
    ['a Subscription that holds several', () => new Subscription()],
    ['plain RxJS', () => of(1).subscribe()],
    ['nothing', () => undefined],
    ['null', () => null],
  ])('%s', (_, make) => {
    const wrong = make()!;
    expect(() => drain(wrong, { within: 1 })).toThrow(OptionError);
    expect(() => drain(wrong, { within: 1 })).toThrow('of several, drain each');
  });

  test('an interval is not of sluice', () => {
    const plain = interval(1_000).subscribe();
    expect(() => drain(plain, { within: 1 })).toThrow(OptionError);
    plain.unsubscribe();
  });
});
