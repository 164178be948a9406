/** What happens when the user's own functions unsubscribe, throw, or call back into the pool. */
import {
  BehaviorSubject,
  config,
  EMPTY,
  finalize,
  lastValueFrom,
  merge,
  NEVER,
  Observable,
  of,
  Subscription,
  take,
  toArray,
  type ObservableInput,
  type Subscriber,
} from 'rxjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  adaptive,
  boundedQueue,
  fixed,
  pool,
  pull,
  ReturnError,
  type MonitoredStage,
  type PoolOptions,
  type Worker,
} from '../../../src/index.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../../src/testing/index.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A pool whose callbacks can end their own stream by `subscription.unsubscribe()`. */
function run(worker: Worker<number, ObservableInput<unknown>>, options: Partial<PoolOptions<number>> = {}) {
  const time = new VirtualTime();
  const subscription = new Subscription();
  const drops: unknown[] = [];
  let stage!: MonitoredStage;
  const source = new ManualSource<number>();
  const consumer = new ManualConsumer(
    source.pipe(
      pool((value, context) => worker(value, context), {
        concurrency: 1,
        scheduler: time.scheduler,
        monitor: { add: (added) => (stage = added) },
        onDrop: ({ value, reason }) => drops.push([value, reason]),
        ...options,
      }),
    ),
  );
  subscription.add(() => consumer.unsubscribe());
  const released = (): void => {
    expect(source.open).toBe(0);
    expect(stage.held).toBe(0);
    expect(stage.ledger.held).toBe(0);
    expect(time.pending).toBe(0);
  };
  return { time, subscription, drops, source, consumer, released, stage: () => stage };
}

describe('pool, callbacks', () => {
  const reported: unknown[] = [];
  beforeEach(() => {
    reported.length = 0;
    config.onUnhandledError = (error) => reported.push(error);
  });
  afterEach(() => {
    config.onUnhandledError = null;
  });

  test('a worker that unsubscribes its own stream: what it returns is not subscribed', () => {
    let subscribed = 0;
    const inner = new Observable<never>(() => {
      subscribed++;
    });
    const { source, drops, subscription, released } = run(() => {
      subscription.unsubscribe();
      return inner;
    });
    source.send(1);
    expect(subscribed).toBe(0);
    expect(drops).toEqual([[1, 'cancelled']]);
    released();
  });

  test('a worker that unsubscribes its own stream and then rejects is no unhandled rejection', async () => {
    const { source, subscription, released } = run(async () => {
      subscription.unsubscribe();
      await settled();
      throw new Error('late');
    });
    source.send(1);
    await settled();
    await settled();
    released(); // vitest fails on an unhandled rejection
  });

  test.each(['key', 'deadline'] as const)('`%s` that unsubscribes: no work starts, the value is reported', (option) => {
    let started = 0;
    const { source, drops, subscription, released } = run(() => (started++, NEVER), {
      [option]: () => (subscription.unsubscribe(), Infinity),
    });
    source.send(1);
    expect(started).toBe(0);
    expect(drops).toEqual([[1, 'cancelled']]);
    released();
  });

  test('`key` that sends another value does not take the pool past its bound', () => {
    let nested = false;
    const { source, consumer, stage } = run(() => NEVER, {
      waiting: 0,
      key: (value) => {
        if (!nested) {
          nested = true;
          source.send(2);
        }
        return value;
      },
    });
    source.send(1);
    expect(stage().ledger.reasons).toEqual({ overflow: 1 });
    expect(stage().held).toBe(1);
    expect(consumer.end).toBeUndefined(); // the error comes after what is held
  });

  test('a backoff that unsubscribes leaves no timer', () => {
    const failing = new Observable<never>((subscriber) => subscriber.error(new Error('no')));
    const { source, drops, subscription, released } = run(() => failing, {
      retry: { attempts: 3, backoff: () => (subscription.unsubscribe(), 10) },
    });
    source.send(1);
    expect(drops).toEqual([[1, 'cancelled']]);
    released();
  });

  test('an inner finalizer that unsubscribes when its call is done', () => {
    const calls: Subscriber<never>[] = [];
    const { source, subscription, drops, released, stage } = run(() =>
      new Observable<never>((subscriber) => void calls.push(subscriber)).pipe(
        finalize(() => subscription.unsubscribe()),
      ),
    );
    source.send(1);
    calls[0]!.complete();
    expect(drops).toEqual([]);
    expect(stage().ledger).toMatchObject({ in: 1, out: 1 });
    released();
  });

  test('a drop that unsubscribes: an expired value starts nothing after it', () => {
    let started = 0;
    const { time, source, subscription, released } = run(() => (started++, NEVER), {
      deadline: (value) => value,
      onDrop: ({ reason }) => {
        if (reason === 'expired') subscription.unsubscribe();
      },
    });
    time.advanceBy(5);
    source.send(3);
    expect(started).toBe(0);
    released();
  });

  test('an inner finalizer that throws: the others are let go, and it is reported', async () => {
    let finalized = 0;
    const { source, subscription, released, drops } = run(
      (value) =>
        NEVER.pipe(
          finalize(() => {
            finalized++;
            throw new Error(`finalizer ${value}`);
          }),
        ),
      { concurrency: 3 },
    );
    for (const value of [1, 2, 3]) source.send(value);
    subscription.unsubscribe();
    expect(finalized).toBe(3);
    expect(drops).toHaveLength(3);
    released();
    await new Promise((resolve) => setTimeout(resolve));
    expect(reported).toHaveLength(3);
  });

  test('an inner finalizer that throws when its call is done does not hold its slot', async () => {
    const calls: Subscriber<number>[] = [];
    const { source, consumer, stage } = run(() =>
      new Observable<number>((subscriber) => void calls.push(subscriber)).pipe(
        finalize(() => {
          throw new Error('finalizer');
        }),
      ),
    );
    consumer.request(2);
    source.send(1);
    source.send(2);
    calls[0]!.complete();
    calls[1]!.complete();
    expect(stage().ledger).toMatchObject({ in: 2, out: 2, held: 0 });
    await new Promise((resolve) => setTimeout(resolve));
    expect(reported).toHaveLength(2);
  });

  test('a session that throws in `close` does not swallow the error of the stream', async () => {
    const failure = new Error('worker');
    const session = {
      run: (): never => {
        throw failure;
      },
      close: (): never => {
        throw new Error('close');
      },
    };
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(pool({ open: () => session }, { concurrency: 1 })));
    source.send(1);
    expect(consumer.end).toEqual({ error: failure });
    await new Promise((resolve) => setTimeout(resolve));
    expect(String(reported)).toContain('close');
  });

  test.each(['resolves', 'rejects'])(
    '`isOverload` that throws ends the stream with its error: a call %s',
    async (how) => {
      const failure = new Error('isOverload');
      const concurrency = adaptive({
        max: 2,
        isOverload: () => {
          throw failure;
        },
      });
      const { source, consumer, released } = run(
        () => (how === 'resolves' ? Promise.resolve(1) : Promise.reject(new Error('no'))),
        {
          concurrency,
        },
      );
      consumer.request(1);
      source.send(1);
      await settled();
      expect(consumer.end).toEqual({ error: failure });
      released();
    },
  );

  test('room that a worker takes and gives back while its value arrives wakes who fell asleep meanwhile', () => {
    const more = boundedQueue<string>({ capacity: 4 });
    const seen: string[] = [];
    const first = new ManualSource<string>();
    const worker = (value: string): Observable<never> => {
      seen.push(value);
      if (value === 'first') more.offer('second');
      return EMPTY;
    };
    const subscription = merge(first, more)
      .pipe(pool(worker, { concurrency: 1, waiting: 0 }))
      .subscribe();
    first.send('zeroth');
    first.send('first');
    expect(seen).toEqual(['zeroth', 'first', 'second']);
    subscription.unsubscribe();
  });

  test('what a call does when it is aborted by a timeout comes too late', () => {
    const { time, source, consumer } = run(
      (_value, { signal }) =>
        new Observable<number>((subscriber) => {
          signal.addEventListener('abort', () => {
            subscriber.next(1);
            subscriber.complete();
          });
        }),
      { timeout: 10 },
    );
    consumer.request(5);
    source.send(1);
    time.advanceBy(20);
    expect(consumer.values).toEqual([]);
    expect(consumer.end).toMatchObject({ error: { code: 'SLUICE_WORKER_TIMEOUT' } });
  });

  test('a timeout is tried again although the call completes when it is aborted', () => {
    let attempts = 0;
    const { time, source, consumer } = run(
      (_value, { signal }) => {
        if (++attempts === 2) return pull(['second']);
        return new Observable<string>((subscriber) => {
          signal.addEventListener('abort', () => subscriber.complete());
        });
      },
      { timeout: 10, retry: { attempts: 2, backoff: fixed(5) } },
    );
    consumer.request(5);
    source.send(1);
    time.advanceBy(30);
    expect(consumer.values).toEqual(['second']);
  });

  test('more calls may be timed than a stack holds arguments', () => {
    const many = 200_000;
    const { time, source, consumer } = run(() => NEVER, { concurrency: many, waiting: 0, timeout: 10 });
    consumer.request(1);
    for (let value = 0; value < many; value++) source.send(value);
    time.advanceBy(20);
    expect(consumer.end).toMatchObject({ error: { code: 'SLUICE_WORKER_TIMEOUT' } });
  });

  test('values that wait for their key do not keep others from being asked for', () => {
    const started: string[] = [];
    const calls: Subscriber<never>[] = [];
    const worker = (value: string): Observable<never> => {
      started.push(value);
      return new Observable((subscriber) => void calls.push(subscriber));
    };
    const values = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8', 'b1'];
    const subscription = pull(values)
      .pipe(pool(worker, { concurrency: 4, key: (value) => value[0] }))
      .subscribe();
    expect(started).toEqual(['a1']);
    calls[0]!.complete();
    expect(started).toEqual(['a1', 'a2', 'b1']);
    subscription.unsubscribe();
  });

  test('a concurrency that falls and rises inside a callback wakes who fell asleep meanwhile', async () => {
    const concurrency = new BehaviorSubject(2);
    const queue = boundedQueue<number>({ capacity: 10 });
    const seen: number[] = [];
    const subscription = queue.pipe(pool(async (value) => value, { concurrency })).subscribe((value) => {
      seen.push(value);
      if (value > 1) return;
      concurrency.next(0);
      queue.offer(2);
      concurrency.next(2);
    });
    queue.offer(1);
    await settled();
    await settled();
    expect(seen).toEqual([1, 2]);
    subscription.unsubscribe();
  });

  test.each(['completion', 'source'] as const)(
    'a value whose result the consumer ends the stream with is out, not cancelled: order %s',
    async (order) => {
      const drops: unknown[] = [];
      let stage!: MonitoredStage;
      const monitor = { add: (added: MonitoredStage): void => void (stage = added) };
      const options = { concurrency: 1, waiting: 0, order, monitor, onDrop: (drop: unknown) => drops.push(drop) };
      const values = await lastValueFrom(
        pull(['a', 'b', 'c']).pipe(
          pool(async (value: string) => value, options),
          take(2),
          toArray(),
        ),
      );
      expect([values, drops]).toEqual([['a', 'b'], []]);
      expect(stage.ledger).toMatchObject({ in: 2, out: 2, held: 0 });
    },
  );

  test('what a timed-out attempt knows of itself stays as it was', async () => {
    const seen: unknown[] = [];
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const { time, source, consumer } = run(
      async (_value, context) => {
        const { attempt } = context;
        await gate;
        seen.push([attempt, context.attempt, context.signal.aborted, context.signal.reason]);
      },
      { timeout: 10, retry: { attempts: 2, backoff: fixed(1) } },
    );
    consumer.request(1);
    source.send(1);
    time.advanceBy(15);
    release();
    await settled();
    expect(seen).toEqual([
      [1, 1, true, expect.objectContaining({ code: 'SLUICE_WORKER_TIMEOUT' })],
      [2, 2, false, undefined],
    ]);
  });

  test('a worker that throws the ReturnError of another is tried again; one that returns nothing is not', () => {
    let runs = 0;
    const retry = { attempts: 3, backoff: () => 0 };
    const other = run(
      () => {
        runs++;
        throw new ReturnError('other', undefined, 'not mine');
      },
      { retry },
    );
    other.source.send(1);
    other.time.advanceBy(1);
    expect([runs, other.consumer.end]).toMatchObject([3, { error: { stage: 'other' } }]);
    runs = 0;
    const mine = run(() => (runs++, undefined as never), { retry });
    mine.source.send(1);
    mine.time.advanceBy(1);
    expect([runs, mine.consumer.end]).toMatchObject([1, { error: { stage: 'pool' } }]);
  });

  test('a concurrency that is wrong from the start does not subscribe the source', () => {
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(pool(() => NEVER, { concurrency: of(-1) })));
    expect(consumer.end).toMatchObject({ error: { code: 'SLUICE_OPTION' } });
    expect(source.open).toBe(0);
  });
});
