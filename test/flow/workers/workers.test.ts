import { BehaviorSubject, config, NEVER, Observable, of, Subject, throwError, timer } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  adaptive,
  elastic,
  fixed,
  OptionError,
  pool,
  pull,
  ReturnError,
  WorkerCreateError,
  workers,
  WorkerTimeoutError,
  type ConcurrencyRule,
  type CreateContext,
  type PoolFigures,
  type PoolOptions,
  type WorkerLife,
} from '../../../src/index.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../../src/testing/index.js';

/** Something that can be made, used and destroyed; knows what happens to it. */
interface Connection {
  readonly id: number;
}

/** A pool of connections in virtual time: values are sent and calls ended by the test. */
class Run {
  readonly time: VirtualTime = new VirtualTime();
  readonly source: ManualSource<string> = new ManualSource<string>();
  readonly log: string[] = [];
  readonly calls: Map<string, Subject<string>> = new Map<string, Subject<string>>();
  readonly results: string[] = [];
  made = 0;
  end: unknown;
  subscription!: { unsubscribe(): void };

  start(
    life: Partial<WorkerLife<Connection, string, Observable<string>>> = {},
    options: Partial<PoolOptions<string>> = {},
  ): this {
    const connections = workers<Connection, string, Observable<string>>({
      create: () => this.create(),
      run: ({ id }, value) => {
        this.log.push(`${value} on ${id}`);
        const call = new Subject<string>();
        this.calls.set(value, call);
        return call;
      },
      destroy: ({ id }) => this.log.push(`destroyed ${id}`),
      ...life,
    });
    this.subscription = this.source
      .pipe(pool(connections, { concurrency: 2, scheduler: this.time.scheduler, ...options }))
      .subscribe({
        next: (result) => this.results.push(result),
        error: (error: unknown) => (this.end = error),
        complete: () => (this.end = 'complete'),
      });
    return this;
  }

  create(): Connection {
    this.log.push(`made ${++this.made}`);
    return { id: this.made };
  }

  send(...values: string[]): this {
    for (const value of values) this.source.send(value);
    return this;
  }

  finish(...values: string[]): this {
    for (const value of values) {
      this.calls.get(value)!.next(`${value} done`);
      this.calls.get(value)!.complete();
    }
    return this;
  }

  /** What was logged since the last look. */
  get news(): string[] {
    return this.log.splice(0);
  }
}

function* endless(): Generator<number> {
  for (let i = 0; ; i++) yield i;
}

/** Comes true in virtual time, without a turn of the loop. */
function inVirtualTime(time: VirtualTime, ms: number): PromiseLike<number> {
  const then = (made: (value: number) => void): void => void timer(ms, time.scheduler).subscribe(() => made(1));
  return { then } as never;
}

/** A promise that the test settles. */
function later<V>(): { promise: Promise<V>; resolve: (value: V) => void; reject: (error: unknown) => void } {
  let resolve!: (value: V) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<V>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

const unhandled: unknown[] = [];
beforeEach(() => {
  unhandled.length = 0;
  config.onUnhandledError = (error) => unhandled.push(error);
});
afterEach(() => {
  config.onUnhandledError = null;
  expect(unhandled).toEqual([]);
});

describe('a life', () => {
  test('a worker is made when a call needs one, used again, the last one first, and destroyed at the end', () => {
    const run = new Run().start();
    expect(run.news).toEqual([]);
    run.send('a');
    expect(run.news).toEqual(['made 1', 'a on 1']);
    run.send('b').finish('a', 'b');
    expect(run.news).toEqual(['made 2', 'b on 2']);
    run.send('c', 'd').finish('d', 'c').send('e').finish('e');
    expect(run.news).toEqual(['c on 2', 'd on 1', 'e on 2']);
    run.source.complete();
    expect(run.news).toEqual(['destroyed 1', 'destroyed 2']);
    expect(run.results).toEqual(['a done', 'b done', 'd done', 'c done', 'e done']);
    expect(run.end).toBe('complete');
    expect(run.time.pending).toBe(0);
  });

  test('each subscription has workers of its own, and none is made without a value', () => {
    const destroyed: number[] = [];
    let made = 0;
    const life = workers({
      create: () => ++made,
      run: (worker, value: string) => of(`${value}${worker}`),
      destroy: (worker) => destroyed.push(worker),
    });
    const stream = pull(['a', 'b']).pipe(pool(life, { concurrency: 1 }));
    const seen: string[] = [];
    stream.subscribe((value) => seen.push(value));
    stream.subscribe((value) => seen.push(value));
    pull<string>([])
      .pipe(pool(life, { concurrency: 1 }))
      .subscribe();
    expect(seen).toEqual(['a1', 'b1', 'a2', 'b2']);
    expect(destroyed).toEqual([1, 2]);
    expect(made).toBe(2);
  });

  test('run may return a promise, an iterable or an Observable', async () => {
    const seen: unknown[] = [];
    await new Promise<void>((resolve) => {
      pull(['promise', 'array', 'observable'])
        .pipe(
          pool(
            workers({
              create: async () => 1,
              run: (one, kind: string) => {
                if (kind === 'promise') return Promise.resolve(one);
                return kind === 'array' ? [one, 2] : of(one, 3);
              },
            }),
            { concurrency: 1 },
          ),
        )
        .subscribe({ next: (value) => seen.push(value), complete: resolve });
    });
    expect(seen).toEqual([1, 1, 2, 1, 3]);
  });

  test('a pull source that run returns sees the demand downstream', () => {
    let read = 0;
    const counting = function* (): Generator<number> {
      for (;;) yield ++read;
    };
    const consumer = new ManualConsumer(
      pull(['a']).pipe(pool(workers({ create: () => 0, run: () => pull(counting()) }), { concurrency: 1 })),
    );
    consumer.request(3);
    expect(consumer.values).toEqual([1, 2, 3]);
    expect(read).toBeLessThanOrEqual(4);
    consumer.unsubscribe();
  });

  test('results of promises wait for room, however small the window is', async () => {
    const life = workers({ create: () => 1, run: async (_worker, value: number) => value * 2 });
    const consumer = new ManualConsumer(pull([1, 2, 3, 4, 5, 6]).pipe(pool(life, { concurrency: 4, window: 1 })));
    for (let i = 1; i <= 6; i++) {
      await settle();
      expect(consumer.values).toHaveLength(i - 1);
      consumer.request(1);
      await settle();
      expect(consumer.values).toHaveLength(i);
    }
    expect(consumer.values).toEqual([2, 4, 6, 8, 10, 12]);
    expect(consumer.end).toBe('complete');
  });

  test.each<[when: string, create: () => number | Promise<number>, healthy: () => boolean | Promise<boolean>]>([
    ['at once', () => 1, () => true],
    ['later', async () => 1, async () => true],
  ])(
    'with workers there %s, a rule is told what promises came to, as soon as they have',
    async (_, create, healthy) => {
      const told: unknown[] = [];
      const rule: ConcurrencyRule = {
        max: 2,
        attach: (pool) => {
          pool.resize(2);
          const nothing = (): void => undefined;
          return {
            arrived: nothing,
            started: nothing,
            failed: nothing,
            look: nothing,
            ended: (_, it) => told.push(it),
          };
        },
      };
      const life = workers({ create, run: async (_worker, value: number) => value * 2, healthy });
      const consumer = new ManualConsumer(pull([1, 2, 3]).pipe(pool(life, { concurrency: rule })));
      await settle();
      expect(told).toEqual([2, 4]);
      consumer.request(3);
      await settle();
      expect(told).toEqual([2, 4, 6]);
      expect(consumer.values).toEqual([2, 4, 6]);
    },
  );

  test('adaptive sees the overload in what workers return', async () => {
    const life = workers({ create: async () => 1, run: async () => ({ status: 503 }) });
    const judged: unknown[] = [];
    const isOverload = (outcome: unknown): boolean => judged.push(outcome) > 0;
    pull([1, 2, 3])
      .pipe(pool(life, { concurrency: adaptive({ max: 2, isOverload }) }))
      .subscribe();
    await settle();
    expect(judged).toEqual([{ status: 503 }, { status: 503 }, { status: 503 }]);
  });

  test('a promise that comes true after its call was aborted changes nothing, and its worker is gone', async () => {
    const slow = later<string>();
    const used: number[] = [];
    const destroyed: number[] = [];
    const time = new VirtualTime();
    const life = workers({
      create: () => used.length + 1,
      run: (worker) => {
        used.push(worker);
        return worker === 1 ? slow.promise : Promise.resolve(`by ${worker}`);
      },
      destroy: (worker) => destroyed.push(worker),
    });
    const results: string[] = [];
    const source = new ManualSource<string>();
    const retry = { attempts: 2, backoff: fixed(10) };
    const options = { concurrency: 1, timeout: 100, retry, scheduler: time.scheduler };
    source.pipe(pool(life, options)).subscribe((result) => results.push(result));
    source.send('a');
    time.advanceBy(100);
    expect(destroyed).toEqual([1]);
    slow.resolve('late');
    await settle();
    time.advanceBy(10);
    await settle();
    expect(results).toEqual(['by 2']);
    source.send('b');
    await settle();
    source.complete();
    expect(used).toEqual([1, 2, 2]);
    expect(destroyed).toEqual([1, 2]);
    expect(time.pending).toBe(0);
  });

  test('a result is given once, to a consumer that asks for more in its callback', async () => {
    const life = workers({ create: () => 1, run: async (_worker, value: number) => value });
    const consumer: ManualConsumer<number> = new ManualConsumer(
      pull([1, 2, 3, 4]).pipe(pool(life, { concurrency: 4, window: 1 })),
      () => consumer.request(2),
    );
    await settle();
    consumer.request(1);
    await settle();
    expect(consumer.values).toEqual([1, 2, 3, 4]);
  });

  test('a consumer that leaves while a result waits for it', async () => {
    const destroyed: number[] = [];
    const life = workers({
      create: () => 1,
      run: async (_worker, value: number) => value,
      destroy: (worker) => destroyed.push(worker),
    });
    const consumer = new ManualConsumer(pull([1]).pipe(pool(life, { concurrency: 1 })));
    await settle();
    consumer.unsubscribe();
    expect(destroyed).toEqual([1]);
  });

  test('the stack stays flat through many synchronous calls', () => {
    let count = 0;
    let made = 0;
    pull(Array.from({ length: 100_000 }, (_, i) => i))
      .pipe(pool(workers({ create: () => ++made, run: () => of(1), healthy: () => true }), { concurrency: 3 }))
      .subscribe(() => count++);
    expect(count).toBe(100_000);
    expect(made).toBeLessThanOrEqual(3);
  });

  test('a freed worker goes to the call that waits for one that is still made', async () => {
    const second = later<Connection>();
    const run = new Run();
    run.start({ create: () => (run.made === 0 ? run.create() : second.promise) });
    run.send('a', 'b').finish('a');
    expect(run.news).toEqual(['made 1', 'a on 1', 'b on 1']);
    second.resolve({ id: 7 });
    await settle();
    run.send('c');
    expect(run.news).toEqual(['c on 7']);
    run.subscription.unsubscribe();
    expect(run.news.sort()).toEqual(['destroyed 1', 'destroyed 7']);
  });

  test('calls that wait for one of the max workers do not run, nor does their time', () => {
    const time = new VirtualTime();
    let done = 0;
    const life = workers({
      create: () => inVirtualTime(time, 15),
      run: () => timer(20, time.scheduler),
      max: 1,
    });
    const retry = { attempts: Infinity, backoff: fixed(1) };
    const options = { concurrency: 4, timeout: 50, retry, scheduler: time.scheduler };
    const subscription = pull(endless())
      .pipe(pool(life, options))
      .subscribe(() => done++);
    time.advanceBy(5_000);
    expect(done).toBe(249);
    subscription.unsubscribe();
  });

  test('elastic does not take the wait for a worker for work', () => {
    const time = new VirtualTime();
    const life = workers({ create: () => 1, run: () => timer(20, time.scheduler), max: 2 });
    let pooled!: { figures(): PoolFigures };
    const monitor = { add: (stage: unknown) => (pooled = stage as typeof pooled) };
    const options = { concurrency: elastic({ min: 1, max: 50 }), scheduler: time.scheduler, monitor };
    const subscription = pull(endless()).pipe(pool(life, options)).subscribe();
    time.advanceBy(30_000);
    expect(pooled.figures()).toMatchObject({ concurrency: 2, running: 2 });
    subscription.unsubscribe();
  });

  test('max is a limit of its own: calls beyond it wait for a worker', () => {
    const run = new Run().start({ max: 1 });
    run.send('a', 'b');
    expect(run.news).toEqual(['made 1', 'a on 1']);
    run.finish('a');
    expect(run.news).toEqual(['b on 1']);
    run.finish('b').source.complete();
    expect(run.news).toEqual(['destroyed 1']);
    expect(run.time.pending).toBe(0);
  });
});

describe('fewer workers', () => {
  test('when the concurrency falls, idle ones go at once, the longest idle first, and busy ones when their call ends', () => {
    const concurrency = new BehaviorSubject(4);
    const run = new Run().start({}, { concurrency });
    run.send('a', 'b', 'c', 'd').finish('b', 'a');
    run.log.length = 0;
    concurrency.next(1);
    expect(run.news).toEqual(['destroyed 2', 'destroyed 1']);
    run.finish('c');
    expect(run.news).toEqual(['destroyed 3']);
    run.finish('d').send('e');
    expect(run.news).toEqual(['e on 4']);
    concurrency.next(0);
    expect(run.news).toEqual([]);
    run.finish('e');
    expect(run.news).toEqual(['destroyed 4']);
    concurrency.next(1);
    run.send('f');
    expect(run.news).toEqual(['made 5', 'f on 5']);
    run.subscription.unsubscribe();
  });

  test('a worker that comes when there are enough is destroyed', async () => {
    const concurrency = new BehaviorSubject(2);
    const coming = [later<Connection>(), later<Connection>()];
    const run = new Run();
    run.start({ create: () => coming[run.made++]!.promise }, { concurrency });
    run.send('a', 'b');
    concurrency.next(1);
    coming[0]!.resolve({ id: 1 });
    await settle();
    run.finish('a');
    expect(run.news).toEqual(['a on 1', 'b on 1']);
    coming[1]!.resolve({ id: 2 });
    await settle();
    expect(run.news).toEqual(['destroyed 2']);
    run.finish('b').source.complete();
    expect(run.news).toEqual(['destroyed 1']);
  });

  test('idleTimeout retires what is idle for so long, down to min, and has no timer after that', () => {
    const run = new Run().start({ idleTimeout: 100, min: 1 }, { concurrency: 3 });
    run.send('a', 'b', 'c').finish('a');
    run.time.advanceBy(60);
    run.finish('b', 'c');
    run.log.length = 0;
    run.time.advanceBy(39);
    expect(run.news).toEqual([]);
    run.time.advanceBy(1);
    expect(run.news).toEqual(['destroyed 1']);
    run.time.advanceBy(60);
    expect(run.news).toEqual(['destroyed 2']);
    expect(run.time.pending).toBe(0);
    run.time.advanceBy(10_000);
    run.send('d');
    expect(run.news).toEqual(['d on 3']);
    run.subscription.unsubscribe();
    expect(run.time.pending).toBe(0);
  });

  test('without idleTimeout there is no timer', () => {
    const run = new Run().start();
    run.send('a').finish('a');
    expect(run.time.pending).toBe(0);
    run.subscription.unsubscribe();
  });
});

describe('create fails', () => {
  test('it is tried again after the backoff, the call waits, and what came of it is used', () => {
    const run = new Run();
    const failures: unknown[] = [];
    run.start({
      create: () => {
        if (failures.length < 2) throw new Error(`no ${failures.length}`);
        return run.create();
      },
      backoff: (attempt, error) => {
        failures.push([attempt, (error as Error).message]);
        return 50;
      },
    });
    run.send('a');
    run.time.advanceBy(49);
    expect(failures).toEqual([[1, 'no 0']]);
    run.time.advanceBy(1);
    expect(failures).toEqual([
      [1, 'no 0'],
      [2, 'no 1'],
    ]);
    expect(run.time.pending).toBe(1);
    run.time.advanceBy(50);
    expect(run.news).toEqual(['made 1', 'a on 1']);
    expect(run.time.pending).toBe(0);
    run.subscription.unsubscribe();
  });

  test('for ever: the stream ends with a WorkerCreateError, its cause the last error', async () => {
    const run = new Run();
    let attempts = 0;
    run.start({ create: () => Promise.reject(new Error(`attempt ${++attempts}`)), attempts: 3, backoff: fixed(10) });
    run.send('a');
    for (let i = 0; i < 3; i++) {
      await settle();
      run.time.advanceBy(10);
    }
    await settle();
    expect(run.end).toBeInstanceOf(WorkerCreateError);
    expect(run.end).toMatchObject({
      ...{ stage: 'pool', attempts: 3, cause: { message: 'attempt 3' } },
      message: '`pool`: no worker could be made in 3 attempts: attempt 3',
    });
    expect(run.time.pending).toBe(0);
  });

  test('8 attempts by default, with less than 26 seconds in between', () => {
    const run = new Run();
    let attempts = 0;
    run.start({
      create: () => {
        attempts++;
        throw new Error('no');
      },
    });
    run.send('a');
    run.time.advanceBy(26_000);
    expect(attempts).toBe(8);
    expect(run.end).toBeInstanceOf(WorkerCreateError);
  });

  test('the retry of a pool tries calls again for which no worker could be made', () => {
    const run = new Run();
    let attempts = 0;
    run.start(
      {
        create: () => {
          if (++attempts < 3) throw new Error('no');
          return run.create();
        },
        attempts: 1,
      },
      { retry: { attempts: 3, backoff: fixed(10) } },
    );
    run.send('a');
    run.time.advanceBy(20);
    expect(run.news).toEqual(['made 1', 'a on 1']);
    run.subscription.unsubscribe();
  });

  test('unsubscribing ends the wait, and leaves no timer', () => {
    const run = new Run();
    run.start({
      create: () => {
        throw new Error('no');
      },
    });
    run.send('a');
    expect(run.time.pending).toBe(1);
    run.subscription.unsubscribe();
    expect(run.time.pending).toBe(0);
  });

  test('a call that times out ends its wait; there is no next attempt for nobody', () => {
    const run = new Run();
    let attempts = 0;
    run.start(
      {
        create: () => {
          attempts++;
          throw new Error('no');
        },
        backoff: fixed(1_000),
      },
      { timeout: 100, retry: { attempts: 2, backoff: fixed(5_000) } },
    );
    run.send('a');
    run.time.advanceBy(4_000);
    expect(attempts).toBe(1);
    run.subscription.unsubscribe();
    expect(run.time.pending).toBe(0);
  });

  test('a backoff that throws, or is no number, ends the stream', () => {
    const broken = new Error('backoff');
    const create = (): never => {
      throw new Error('no');
    };
    const thrown = new Run().start({
      create,
      backoff: () => {
        throw broken;
      },
    });
    thrown.send('a');
    expect(thrown.end).toBe(broken);
    const wrong = new Run().start({ create, backoff: () => NaN });
    wrong.send('a');
    expect(wrong.end).toBeInstanceOf(ReturnError);
  });

  test('timeout: an attempt that never answers has failed; what it makes later is destroyed', async () => {
    const first = later<Connection>();
    const run = new Run();
    const signals: AbortSignal[] = [];
    run.start({
      create: ({ signal }) => {
        signals.push(signal);
        return signals.length === 1 ? first.promise : run.create();
      },
      timeout: 100,
      backoff: fixed(10),
    });
    run.send('a');
    run.time.advanceBy(100);
    expect(signals[0]!.aborted).toBe(true);
    expect(signals[0]!.reason).toMatchObject({ name: 'TimeoutError' });
    run.time.advanceBy(10);
    expect(run.news).toEqual(['made 1', 'a on 1']);
    first.resolve({ id: 9 });
    await settle();
    expect(run.news).toEqual(['destroyed 9']);
    run.subscription.unsubscribe();
    expect(signals[1]!.aborted).toBe(false);
  });
});

describe('healthy', () => {
  test('is asked before a worker is used again; one that is not is replaced', () => {
    const sick = new Set<number>();
    const asked: number[] = [];
    const run = new Run().start(
      {
        healthy: ({ id }) => {
          asked.push(id);
          return !sick.has(id);
        },
      },
      { concurrency: 1 },
    );
    run.send('a').finish('a').send('b').finish('b');
    sick.add(1);
    run.send('c');
    expect(run.news).toEqual(['made 1', 'a on 1', 'b on 1', 'destroyed 1', 'made 2', 'c on 2']);
    expect(asked).toEqual([1, 1]);
    run.subscription.unsubscribe();
  });

  test('a worker whose call failed is asked too, before the next attempt', () => {
    let broken = false;
    const run = new Run().start(
      { healthy: () => !broken },
      { concurrency: 1, retry: { attempts: 2, backoff: fixed(10) } },
    );
    run.send('a');
    broken = true;
    run.calls.get('a')!.error(new Error('connection reset'));
    run.time.advanceBy(10);
    expect(run.news).toEqual(['made 1', 'a on 1', 'destroyed 1', 'made 2', 'a on 2']);
    run.subscription.unsubscribe();
  });

  test('one that throws or rejects is not healthy', async () => {
    const answers = [
      (): never => {
        throw new Error('no');
      },
      () => Promise.reject(new Error('no')),
      () => Promise.resolve(true),
    ];
    const run = new Run().start({ healthy: () => answers.shift()!() }, { concurrency: 1 });
    run.send('a').finish('a').send('b').finish('b').send('c');
    await settle();
    run.finish('c').send('d');
    await settle();
    expect(run.news).toEqual([
      ...['made 1', 'a on 1', 'destroyed 1', 'made 2', 'b on 2', 'destroyed 2', 'made 3'],
      ...['c on 3', 'd on 3'],
    ]);
    run.subscription.unsubscribe();
  });

  test('a check takes the one worker it asks about, not all that are idle', async () => {
    const asked: number[] = [];
    const answer = later<boolean>();
    const run = new Run().start({
      healthy: ({ id }) => {
        asked.push(id);
        return answer.promise;
      },
    });
    run.send('a', 'b').finish('a', 'b').send('c');
    expect(asked).toEqual([2]);
    answer.resolve(true);
    await settle();
    expect(run.log.at(-1)).toBe('c on 2');
    run.subscription.unsubscribe();
  });

  test('the end of the stream destroys a worker that is checked, once', async () => {
    const answer = later<boolean>();
    const run = new Run().start({ healthy: () => answer.promise });
    run.send('a').finish('a').send('b');
    run.subscription.unsubscribe();
    expect(run.news).toEqual(['made 1', 'a on 1', 'destroyed 1']);
    answer.resolve(true);
    await settle();
    expect(run.news).toEqual([]);
  });

  test('timeout: a check that never answers counts as no', () => {
    const run = new Run().start({ healthy: () => new Promise(() => undefined), timeout: 100 }, { concurrency: 1 });
    run.send('a').finish('a').send('b');
    run.time.advanceBy(100);
    expect(run.news).toEqual(['made 1', 'a on 1', 'destroyed 1', 'made 2', 'b on 2']);
    run.subscription.unsubscribe();
    expect(run.time.pending).toBe(0);
  });
});

describe('a call that is aborted or fails', () => {
  test('a call that times out has its worker destroyed, and the next attempt gets another', () => {
    const run = new Run().start({}, { timeout: 100, retry: { attempts: 2, backoff: fixed(10) } });
    run.send('a');
    run.time.advanceBy(110);
    expect(run.news).toEqual(['made 1', 'a on 1', 'destroyed 1', 'made 2', 'a on 2']);
    run.finish('a').source.complete();
    expect(run.results).toEqual(['a done']);
    expect(run.news).toEqual(['destroyed 2']);
  });

  test('the signal of the call is that of the pool', () => {
    let signal!: AbortSignal;
    const run = new Run().start(
      {
        run: (_worker, _value, context) => {
          ({ signal } = context);
          return NEVER;
        },
      },
      { timeout: 100 },
    );
    run.send('a');
    run.time.advanceBy(100);
    expect(run.end).toBeInstanceOf(WorkerTimeoutError);
    expect(signal.reason).toBe(run.end);
  });

  test('a run that throws, or whose Observable fails, ends the stream with that error, and all workers are destroyed', () => {
    const broken = new Error('broken');
    const thrown = new Run();
    thrown.start({
      run: () => {
        throw broken;
      },
    });
    thrown.send('a');
    expect(thrown.end).toBe(broken);
    expect(thrown.news).toEqual(['made 1', 'destroyed 1']);
    const failed = new Run().start({ run: () => throwError(() => broken) });
    failed.send('a');
    expect(failed.end).toBe(broken);
    expect(failed.news).toEqual(['made 1', 'destroyed 1']);
  });

  test('with max, a call that fails the stream does not start the one that waits', () => {
    const run = new Run().start({ max: 1 });
    run.send('a', 'b');
    run.calls.get('a')!.error(new Error('broken'));
    expect(run.news).toEqual(['made 1', 'a on 1', 'destroyed 1']);
    expect(run.time.pending).toBe(0);
  });

  test('with max, a call that is tried again lets the one that waits have its worker', () => {
    const run = new Run().start({ max: 1 }, { retry: { attempts: 2, backoff: fixed(1_000) } });
    run.send('a', 'b');
    run.calls.get('a')!.error(new Error('broken'));
    run.time.advanceBy(1);
    expect(run.news).toEqual(['made 1', 'a on 1', 'b on 1']);
    run.subscription.unsubscribe();
    expect(run.time.pending).toBe(0);
  });

  test('unsubscribing makes and starts nothing more', () => {
    const run = new Run().start({ max: 1 });
    run.send('a', 'b');
    run.log.length = 0;
    run.subscription.unsubscribe();
    expect(run.news).toEqual(['destroyed 1']);
  });

  test.each([
    ['at once', () => ({ id: 1 })],
    ['later', async () => ({ id: 1 })],
  ])('a run that returns nothing ends the stream with a ReturnError, with a worker there %s', async (_, create) => {
    let calls = 0;
    const run = new Run().start(
      {
        create,
        run: () => {
          calls++;
          return undefined as never;
        },
      },
      { name: 'fetch', retry: { attempts: 3, backoff: fixed(1) } },
    );
    run.send('a');
    await settle();
    run.time.advanceBy(10);
    expect(run.end).toBeInstanceOf(ReturnError);
    expect(run.end).toMatchObject({ stage: 'fetch' });
    expect(calls).toBe(1);
    expect(run.news).toEqual(['destroyed 1']);
  });
});

describe('the end', () => {
  test('what is still made is destroyed when it is there, its signal aborted', async () => {
    const coming = later<Connection>();
    let context!: CreateContext;
    const run = new Run().start({
      create: (given) => {
        context = given;
        return coming.promise;
      },
    });
    run.send('a');
    const { signal } = context;
    expect(signal.aborted).toBe(false);
    run.subscription.unsubscribe();
    expect(signal.aborted).toBe(true);
    coming.resolve({ id: 5 });
    await settle();
    expect(run.news).toEqual(['destroyed 5']);
  });

  test('a signal that is looked at late is aborted', () => {
    let context!: CreateContext;
    const run = new Run().start({
      create: (given) => {
        context = given;
        return new Promise(() => undefined);
      },
    });
    run.send('a');
    run.subscription.unsubscribe();
    expect(context.signal.aborted).toBe(true);
  });

  test('a create that rejects after the end is no error of anybody', async () => {
    const coming = later<Connection>();
    const run = new Run().start({ create: () => coming.promise });
    run.send('a');
    run.subscription.unsubscribe();
    coming.reject(new Error('aborted'));
    await settle();
    expect(run.time.pending).toBe(0);
  });

  test('a destroy that throws or rejects is reported as unhandled', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      const run = new Run().start({
        destroy: ({ id }) => {
          if (id === 1) throw new Error('destroy 1');
          return Promise.reject(new Error('destroy 2'));
        },
      });
      run.send('a', 'b').finish('a', 'b').source.complete();
      expect(run.end).toBe('complete');
      await settle();
      vi.runAllTimers();
      expect(unhandled.splice(0)).toEqual([new Error('destroy 1'), new Error('destroy 2')]);
    } finally {
      vi.useRealTimers();
    }
  });

  test.each(['create', 'run', 'healthy', 'destroy'] as const)('%s may unsubscribe', (where) => {
    const run: Run = new Run();
    const stop = (): void => run.subscription.unsubscribe();
    run.start(
      {
        ...(where === 'create' && {
          create: () => {
            stop();
            return run.create();
          },
        }),
        ...(where === 'run' && {
          run: () => {
            stop();
            return Promise.reject(new Error('nobody waits for this')) as never;
          },
        }),
        ...(where === 'healthy' && {
          healthy: () => {
            stop();
            return true;
          },
        }),
        destroy: ({ id }) => {
          run.log.push(`destroyed ${id}`);
          stop();
        },
      },
      { concurrency: 1 },
    );
    run.send('a');
    if (where === 'healthy' || where === 'destroy') run.finish('a').send('b');
    if (where === 'destroy') run.source.error(new Error('over'));
    stop();
    const made = run.log.filter((line) => line.startsWith('made'));
    const destroyed = run.log.filter((line) => line.startsWith('destroyed'));
    expect(destroyed).toHaveLength(made.length);
    expect(new Set(destroyed).size).toBe(made.length);
    expect(run.time.pending).toBe(0);
  });
});

describe('wrong options', () => {
  const life = { create: () => 1, run: () => of(1) };

  test.each([
    [undefined, 'options'],
    [{ run: life.run }, 'create'],
    [{ create: life.create }, 'run'],
    [{ ...life, destroy: 1 }, 'destroy'],
    [{ ...life, healthy: true }, 'healthy'],
    [{ ...life, max: 0 }, 'max'],
    [{ ...life, max: 1.5 }, 'max'],
    [{ ...life, min: -1 }, 'min'],
    [{ ...life, min: 3, max: 2, idleTimeout: 1 }, 'max'],
    [{ ...life, min: 1 }, 'idleTimeout'],
    [{ ...life, idleTimeout: 0 }, 'idleTimeout'],
    [{ ...life, attempts: 0 }, 'attempts'],
    [{ ...life, backoff: 100 }, 'backoff'],
    [{ ...life, timeout: Infinity }, 'timeout'],
    [{ ...life, destory: life.run }, 'destory'],
  ])('%o throws at the call, for `%s`', (options, option) => {
    expect(() => workers(options as never)).toThrow(expect.objectContaining({ code: 'SLUICE_OPTION', option }));
  });

  test('pool says what to do with a life that is not wrapped', () => {
    expect(() => pool(life as never, { concurrency: 1 })).toThrow(OptionError);
    expect(() => pool(life as never, { concurrency: 1 })).toThrow('workers({ create, run, … })');
  });
});
