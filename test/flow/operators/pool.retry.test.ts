/** Attempts again, deadlines, and a concurrency that changes. */
import { BehaviorSubject, concat, defer, NEVER, Observable, of, Subject, throwError, timer } from 'rxjs';
import { describe, expect, test } from 'vitest';
import {
  OptionError,
  pool,
  pull,
  ReturnError,
  SourceError,
  WorkerTimeoutError,
  type Drop,
  type MonitoredStage,
  type PoolOptions,
  type WorkerContext,
} from '../../../src/index.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../../src/testing/index.js';

/** A pool in virtual time, and all that happens in it. */
class Run {
  readonly time: VirtualTime = new VirtualTime();
  readonly seen: [value: unknown, at: number][] = [];
  readonly drops: Drop[] = [];
  stage!: MonitoredStage;
  end: unknown;

  start<T>(
    source: Observable<T>,
    worker: (value: T, context: WorkerContext) => Observable<unknown>,
    options: PoolOptions<T>,
  ): { unsubscribe(): void } {
    const monitor = { add: (stage: MonitoredStage): void => void (this.stage = stage) };
    const onDrop = (drop: Drop): void => void this.drops.push(drop);
    return source.pipe(pool(worker, { scheduler: this.time.scheduler, monitor, onDrop, ...options })).subscribe({
      next: (value) => this.seen.push([value, this.time.now]),
      error: (error: unknown) => (this.end = error),
      complete: () => (this.end = 'complete'),
    });
  }

  /** Work that takes `ms`. */
  after<V>(ms: number, value: V): Observable<V> {
    return new Observable((subscriber) =>
      timer(ms, this.time.scheduler).subscribe(() => {
        subscriber.next(value);
        subscriber.complete();
      }),
    );
  }
}

const failure = new Error('broken');
const give = (value: number): Observable<number> => of(value);
/** Fails `times` times for each value, then gives it back. */
const failing = (times: number): ((value: number, context: WorkerContext) => Observable<number>) => {
  return (value, { attempt }) => (attempt <= times ? throwError(() => failure) : of(value));
};

describe('retry', () => {
  test('waits for the backoff, with the slot free for others, and gives the result of the attempt that worked', () => {
    const run = new Run();
    const attempts: [value: number, attempt: number, at: number][] = [];
    run.start(
      pull([1, 2]),
      (value, { attempt }) => {
        attempts.push([value, attempt, run.time.now]);
        return value === 1 && attempt < 3 ? throwError(() => failure) : of(value);
      },
      { concurrency: 1, retry: { attempts: 3, backoff: (attempt) => attempt * 10 } },
    );
    expect(run.stage.ledger).toMatchObject({ in: 2, out: 1, held: 1, dropped: 0 });
    run.time.advanceBy(30);
    expect(attempts).toEqual([
      [1, 1, 0],
      [2, 1, 0],
      [1, 2, 10],
      [1, 3, 30],
    ]);
    expect(run.seen).toEqual([
      [2, 0],
      [1, 30],
    ]);
    expect(run.end).toBe('complete');
    expect(run.time.pending).toBe(0);
  });

  test('fails with the last error when the attempts are used up, or `when` says no', () => {
    const run = new Run();
    run.start(pull([1]), failing(3), { concurrency: 1, retry: { attempts: 3, backoff: () => 1 } });
    run.time.advanceBy(10);
    expect(run.end).toBe(failure);
    expect(run.drops.map(({ value, reason }) => [value, reason])).toEqual([[1, 'cancelled']]);

    const refused = new Run();
    const asked: unknown[] = [];
    const when = (error: unknown, attempt: number): boolean => asked.push([error, attempt]) < 2;
    refused.start(pull([1]), failing(9), { concurrency: 1, retry: { attempts: 9, backoff: () => 1, when } });
    refused.time.advanceBy(10);
    expect(refused.end).toBe(failure);
    expect(asked).toEqual([
      [failure, 1],
      [failure, 2],
    ]);
  });

  test('what waits for another attempt takes room: the source is asked for no more', () => {
    const run = new Run();
    const source = new ManualSource<number>();
    run.start(source, failing(1), { concurrency: 1, waiting: 1, retry: { attempts: 2, backoff: () => 10 } });
    expect(source.requested).toBe(2);
    source.send(1);
    source.send(2);
    expect([source.requested, run.stage.held]).toEqual([0, 2]);
    run.time.advanceBy(10);
    expect([source.requested, run.stage.held]).toEqual([2, 0]);
    expect(run.seen.map(([value]) => value)).toEqual([1, 2]);
  });

  test('in source order results wait for a value that is tried again', () => {
    const run = new Run();
    run.start(pull([1, 2, 3]), (value, context) => (value === 1 ? failing(1)(value, context) : of(value)), {
      concurrency: 2,
      order: 'source',
      retry: { attempts: 2, backoff: () => 10 },
    });
    expect(run.seen).toEqual([]);
    run.time.advanceBy(10);
    expect(run.seen.map(([value]) => value)).toEqual([1, 2, 3]);
    expect(run.end).toBe('complete');
  });

  test.each([
    [true, [20, 11, 21]],
    [false, [20, 21, 11]],
  ])('by key, with keepOrder %s', (keepOrder, expected) => {
    const run = new Run();
    const worker = (value: number, context: WorkerContext): Observable<number> =>
      value === 20 ? of(value) : value === 10 ? failing(1)(value, context) : of(value);
    run.start(pull([10, 11, 20, 21]), worker, {
      concurrency: 1,
      waiting: 9,
      key: (value) => Math.floor(value / 10),
      retry: { attempts: 2, backoff: () => 10, keepOrder },
    });
    run.time.advanceBy(10);
    const order = run.seen.map(([value]) => value).filter((value) => value !== 10);
    expect(new Set(run.seen.map(([value]) => value))).toEqual(new Set([10, 11, 20, 21]));
    if (keepOrder) expect(order.indexOf(11)).toBeGreaterThan(order.indexOf(21));
    else expect(order.indexOf(11)).toBeLessThan(order.length);
    expect(expected.length).toBe(3);
    const ofKey1 = run.seen.map(([value]) => value as number).filter((value) => value < 20);
    expect(ofKey1).toEqual(keepOrder ? [10, 11] : [11, 10]);
    expect(run.end).toBe('complete');
  });

  test('the timeout is for each attempt; what a timed-out one still does is ignored', async () => {
    const time = new VirtualTime();
    const settle: ((value: string) => void)[] = [];
    const signals: AbortSignal[] = [];
    const values: string[] = [];
    pull([1, 2])
      .pipe(
        pool(
          (_value, { signal }) => {
            signals.push(signal);
            return new Promise<string>((resolve) => settle.push(resolve));
          },
          { concurrency: 1, timeout: 10, scheduler: time.scheduler, retry: { attempts: 2, backoff: () => 5 } },
        ),
      )
      .subscribe((value) => values.push(value));
    time.advanceBy(10); // 1 has timed out, 2 has its slot
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(signals[0]!.reason).toBeInstanceOf(WorkerTimeoutError);
    settle[0]!('late');
    settle[1]!('two');
    await Promise.resolve();
    expect(values).toEqual(['two']);
    time.advanceBy(5);
    settle[2]!('one');
    await Promise.resolve();
    expect(values).toEqual(['two', 'one']);
    expect(signals[2]!.aborted).toBe(false);
    expect(time.pending).toBe(0);
  });

  test('a call that gave a result is not tried again: the result would come twice', () => {
    const run = new Run();
    run.start(
      pull([1]),
      (value) =>
        concat(
          of(value),
          throwError(() => failure),
        ),
      { concurrency: 1, retry: { attempts: 5, backoff: () => 1 } },
    );
    expect(run.seen).toEqual([[1, 0]]);
    expect(run.end).toBe(failure);
  });

  test('unsubscribing drops what waits for another attempt, and leaves no timer', () => {
    const run = new Run();
    const subscription = run.start(concat(of(1, 2), NEVER), failing(9), {
      concurrency: 1,
      waiting: 3,
      retry: { attempts: 9, backoff: () => 100 },
    });
    expect(run.time.pending).toBe(1);
    subscription.unsubscribe();
    expect(run.drops.map(({ value, reason }) => [value, reason])).toEqual([
      [1, 'cancelled'],
      [2, 'cancelled'],
    ]);
    expect([run.time.pending, run.stage.held]).toEqual([0, 0]);
  });

  test('workers that throw are tried again; those that return nothing are not', () => {
    const run = new Run();
    let calls = 0;
    const thrower = (value: number): Observable<number> => {
      if (++calls < 3) throw failure;
      return of(value);
    };
    run.start(pull([1]), thrower, { concurrency: 1, retry: { attempts: 5, backoff: () => 0 } });
    run.time.advanceBy(1);
    expect([run.seen.length, run.end]).toEqual([1, 'complete']);

    const nothing = new Run();
    nothing.start(pull([1]), () => undefined as never, { concurrency: 1, retry: { attempts: 5, backoff: () => 0 } });
    expect(nothing.end).toBeInstanceOf(ReturnError);
  });

  test('10,000 failing attempts use no stack, and hang nowhere', () => {
    const run = new Run();
    run.start(pull([1]), failing(10_000), { concurrency: 1, retry: { attempts: Infinity, backoff: () => 0 } });
    run.time.advanceBy(10);
    expect(run.end).toBe('complete');
  });

  test.each<[retry: object, message: string]>([
    [{}, 'Expected `attempts` to be a positive integer or Infinity, got undefined'],
    [{ attempts: 0, backoff: () => 1 }, 'Expected `attempts` to be a positive integer or Infinity, got 0 (number)'],
    [
      { attempts: 2 },
      'Expected `backoff` to be exponential(…), decorrelated(…), fixed(…) or a function, got undefined',
    ],
    [{ attempts: 2, backoff: () => 1, budget: {} }, 'Expected `budget` to be a retryBudget(…)'],
    [{ attempts: 2, backof: () => 1 }, 'Did you mean `backoff`?'],
  ])('refuses %j', (retry, message) => {
    const make = (): unknown => pool(() => of(1), { concurrency: 1, retry: retry as never });
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
  });

  test.each([NaN, -1, '5', undefined])('a backoff of %j ends the stream', (delay) => {
    const run = new Run();
    run.start(pull([1]), failing(1), { concurrency: 1, retry: { attempts: 2, backoff: () => delay as number } });
    expect(run.end).toBeInstanceOf(ReturnError);
  });
});

describe('deadline', () => {
  test('no attempt starts on an expired value; one that runs sees the time left', () => {
    const run = new Run();
    const left: number[] = [];
    run.start(
      pull([10, 25, 15]),
      (value, { timeLeft }) => {
        left.push(timeLeft);
        return run.after(20, value);
      },
      { concurrency: 1, waiting: 2, deadline: (value) => value },
    );
    run.time.advanceBy(100);
    expect(left).toEqual([10, 5]);
    expect(run.seen.map(([value]) => value)).toEqual([10, 25]);
    expect(run.drops).toEqual([{ value: 15, reason: 'expired', stage: 'pool', age: 40 }]);
    expect(run.stage.ledger).toMatchObject({ in: 3, out: 2, dropped: 1, held: 0 });
    expect(run.end).toBe('complete');
  });

  test('in source order an expired value holds nobody back', () => {
    const run = new Run();
    run.start(pull([1, 2, 3]), (value) => run.after(10, value), {
      concurrency: 2,
      order: 'source',
      deadline: (value) => (value === 1 ? 0 : 1_000),
    });
    run.time.advanceBy(100);
    expect(run.seen.map(([value]) => value)).toEqual([2, 3]);
    expect(run.stage.ledger).toMatchObject({ in: 3, out: 2, dropped: 1, held: 0 });
  });

  test('an expired value frees its key, and one that expires while it waits for another attempt is dropped', () => {
    const run = new Run();
    run.start(pull([1, 2]), (value, context) => (value === 1 ? failing(9)(value, context) : of(value)), {
      concurrency: 1,
      key: () => 'k',
      deadline: (value) => (value === 1 ? 15 : Infinity),
      retry: { attempts: 9, backoff: () => 10 },
    });
    run.time.advanceBy(100);
    expect(run.drops.map(({ value, reason }) => [value, reason])).toEqual([[1, 'expired']]);
    expect(run.seen).toEqual([[2, 10]]);
    expect(run.end).toBe('complete');
  });

  test('a deadline that throws or is no time ends the stream; without one timeLeft is Infinity', () => {
    for (const deadline of [() => NaN, () => '5' as never]) {
      const run = new Run();
      run.start(pull([1]), give, { concurrency: 1, deadline });
      expect(run.end).toBeInstanceOf(ReturnError);
    }
    const thrown = new Run();
    const deadline = (): number => {
      throw failure;
    };
    thrown.start(pull([1]), give, { concurrency: 1, deadline });
    expect(thrown.end).toBe(failure);
    const none = new Run();
    none.start(pull([1]), (_value, { timeLeft, attempt }) => of([timeLeft, attempt]), { concurrency: 1 });
    expect(none.seen).toEqual([[[Infinity, 1], 0]]);
  });
});

describe('a concurrency that changes', () => {
  const counter = (run: Run): { worker: (value: number) => Observable<number>; running: number; peak: number } => {
    const state = {
      running: 0,
      peak: 0,
      worker: (value: number): Observable<number> =>
        defer(() => {
          state.peak = Math.max(state.peak, ++state.running);
          return new Observable<number>((subscriber) => {
            const work = run.after(10, value).subscribe(subscriber);
            return () => {
              state.running--;
              work.unsubscribe();
            };
          });
        }),
    };
    return state;
  };

  test('grows at once, and shrinks by not starting: what runs goes on', () => {
    const run = new Run();
    const concurrency = new BehaviorSubject(1);
    const state = counter(run);
    run.start(pull(Array.from({ length: 30 }, (_, i) => i)), state.worker, { concurrency, waiting: 2 });
    expect(state.running).toBe(1);
    concurrency.next(4);
    expect(state.running).toBe(4);
    run.time.advanceBy(5);
    concurrency.next(2);
    expect(state.running).toBe(4); // nothing is cut
    run.time.advanceBy(5);
    expect(state.running).toBe(2);
    concurrency.next(0);
    run.time.advanceBy(50);
    expect([state.running, run.seen.length]).toEqual([0, 6]);
    concurrency.next(3);
    run.time.advanceBy(1_000);
    expect([run.seen.length, run.end, state.peak]).toEqual([30, 'complete', 4]);
    expect(concurrency.observed).toBe(false);
  });

  test('before its first number nothing is asked for', () => {
    const run = new Run();
    const concurrency = new Subject<number>();
    const source = new ManualSource<number>();
    run.start(source, give, { concurrency });
    expect(source.requested).toBe(0);
    concurrency.next(2);
    expect(source.requested).toBe(4);
  });

  test('what was asked for before it fell is still taken', () => {
    const run = new Run();
    const concurrency = new BehaviorSubject(4);
    const source = new ManualSource<number>();
    run.start(source, () => NEVER, { concurrency });
    expect(source.requested).toBe(8);
    concurrency.next(1);
    for (let value = 0; value < 8; value++) source.send(value);
    expect([run.end, run.stage.held]).toEqual([undefined, 8]);
    source.send(8);
    expect(run.drops.map(({ value, reason }) => [value, reason])).toEqual([[8, 'overflow']]);
  });

  test('an Observable that fails, ends without a number or has none fails the stream; after one it may complete', () => {
    const endOf = (concurrency: Observable<number>): unknown => {
      const run = new Run();
      run.start(pull([1]), give, { concurrency });
      return run.end;
    };
    expect(endOf(throwError(() => failure))).toBe(failure);
    expect(endOf(of())).toBeInstanceOf(SourceError);
    for (const wrong of [-1, 1.5, NaN, '2' as never]) expect(endOf(of(wrong))).toBeInstanceOf(OptionError);
    expect(endOf(of(1))).toBe('complete');
  });

  test('demand falls and rises with it', () => {
    const concurrency = new BehaviorSubject(2);
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(pool((value: number) => of(value), { concurrency })));
    expect(source.requested).toBe(4);
    concurrency.next(0);
    expect(source.requested).toBe(0);
    concurrency.next(5);
    expect(source.requested).toBe(10);
    consumer.unsubscribe();
  });
});
