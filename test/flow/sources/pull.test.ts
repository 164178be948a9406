import { concat, config, firstValueFrom, map, merge, of, Subject, take, takeUntil, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { boundedBuffer, pool, pull, Sink, SourceError } from '../../../src/index.js';

/** A consumer that asks for each value by hand. */
function consumer<T>(): { sink: Sink<T>; values: T[]; end: () => unknown } {
  const values: T[] = [];
  let end: unknown;
  const sink = new Sink<T>({
    next: (value) => values.push(value),
    error: (error: unknown) => (end = error),
    complete: () => (end = 'complete'),
  });
  return { sink, values, end: () => end };
}

/** Everything asynchronous that is ready to run has run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** An async iterator whose answers come when the test says so. */
class Answers<T> implements AsyncIterableIterator<T> {
  readonly open: { resolve: (result: IteratorResult<T>) => void; reject: (error: unknown) => void }[] = [];
  asked = 0;
  returned = 0;

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T>> {
    this.asked++;
    return new Promise((resolve, reject) => this.open.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<T>> {
    this.returned++;
    return Promise.resolve({ done: true, value: undefined });
  }

  answer(i: number, value: T): void {
    this.open[i]!.resolve({ done: false, value });
  }
}

describe('pull of a synchronous iterable', () => {
  test('reads only what was asked for', () => {
    let read = 0;
    function* source(): Generator<number> {
      for (;;) yield read++;
    }
    const { sink, values } = consumer<number>();
    pull(source()).subscribe(sink);
    expect(read).toBe(0);
    sink.request(3);
    expect(values).toEqual([0, 1, 2]);
    sink.request(1);
    expect(read).toBe(4);
    sink.unsubscribe();
  });

  test('reads everything when nobody limits', async () => {
    expect(await firstValueFrom(pull('abc').pipe(toArray()))).toEqual(['a', 'b', 'c']);
    expect(await firstValueFrom(pull(new Set([1, 2])).pipe(toArray()))).toEqual([1, 2]);
  });

  test('each subscription reads anew', () => {
    const source = pull([1, 2]);
    const seen: number[] = [];
    concat(source, source).subscribe((value) => seen.push(value));
    expect(seen).toEqual([1, 2, 1, 2]);
  });

  test('a holey array is read as undefined, as for..of does', () => {
    const seen: unknown[] = [];

    pull([1, , 3]).subscribe((value) => seen.push(value));
    expect(seen).toEqual([1, undefined, 3]);
  });

  test.each(['unsubscribe', 'take', 'takeUntil'])('calls return() once on %s', (how) => {
    let returned = 0;
    const iterator = {
      next: () => ({ done: false as const, value: 1 }),
      return: () => (returned++, { done: true as const, value: 0 }),
    };
    const source = pull({ [Symbol.iterator]: () => iterator });
    if (how === 'take') source.pipe(take(2)).subscribe();
    else if (how === 'takeUntil') {
      const stop = new Subject<void>();
      source.pipe(takeUntil(stop)).subscribe(() => stop.next());
    } else {
      const { sink } = consumer<number>();
      source.subscribe(sink);
      sink.request(1);
      sink.unsubscribe();
      sink.unsubscribe();
    }
    expect(returned).toBe(1);
  });

  test('does not call return() after the end or after next() threw', () => {
    const returned = vi.fn();
    const failure = new Error('no more');
    let calls = 0;
    const throwing = {
      next: () => {
        if (calls++ === 1) throw failure;
        return { done: false as const, value: calls };
      },
      return: returned,
    };
    const { sink, values, end } = consumer<number>();
    pull({ [Symbol.iterator]: () => throwing as unknown as Iterator<number> }).subscribe(sink);
    sink.request(5);
    expect(values).toEqual([1]);
    expect(end()).toBe(failure);
    expect(returned).not.toHaveBeenCalled();
  });

  test('an iterable that throws when it is opened ends in an error', () => {
    const failure = new Error('closed');
    const { sink, end } = consumer<number>();
    pull({
      [Symbol.iterator]: (): Iterator<number> => {
        throw failure;
      },
    }).subscribe(sink);
    expect(end()).toBe(failure);
  });

  test('a generator that ends its own subscription is let go when it may be', () => {
    const stop = new Subject<void>();
    let closed = false;
    function* source(): Generator<number> {
      try {
        stop.next();
        yield 1;
      } finally {
        closed = true;
      }
    }
    const seen: number[] = [];
    pull(source())
      .pipe(takeUntil(stop))
      .subscribe((value) => seen.push(value));
    expect(closed).toBe(true);
    expect(seen).toEqual([]);
  });

  test('a million values on a flat stack, through a stage that is full all the time', () => {
    let count = 0;
    pull({
      *[Symbol.iterator]() {
        for (let i = 0; i < 1_000_000; i++) yield i;
      },
    })
      .pipe(
        boundedBuffer({ capacity: 1 }),
        pool((value) => of(value), { concurrency: 1, waiting: 0 }),
      )
      .subscribe(() => count++);
    expect(count).toBe(1_000_000);
  });
});

describe('return() that throws', () => {
  afterEach(() => {
    config.onUnhandledError = null;
  });

  test.each(['sync', 'async'])('is reported as unhandled (%s)', async (kind) => {
    const failure = new Error('stuck');
    const reported = new Promise<unknown>((resolve) => (config.onUnhandledError = resolve));
    const iterator = {
      next: () => (kind === 'sync' ? { done: false, value: 1 } : Promise.resolve({ done: false, value: 1 })),
      return: () => {
        if (kind === 'sync') throw failure;
        return Promise.reject(failure);
      },
    };
    const input = { [kind === 'sync' ? Symbol.iterator : Symbol.asyncIterator]: () => iterator };
    const { sink } = consumer<number>();
    pull(input as unknown as Iterable<number>).subscribe(sink);
    sink.request(1);
    await settled();
    sink.unsubscribe();
    const error = await reported;
    expect(error).toBeInstanceOf(SourceError);
    expect((error as SourceError).cause).toBe(failure);
  });
});

describe('pull of an async iterable', () => {
  test('has one read in flight, and none without demand', async () => {
    const answers = new Answers<number>();
    const { sink, values } = consumer<number>();
    pull(answers).subscribe(sink);
    expect(answers.asked).toBe(0);
    sink.request(3);
    expect(answers.asked).toBe(1);
    answers.answer(0, 10);
    await settled();
    expect(values).toEqual([10]);
    expect(answers.asked).toBe(2);
    sink.unsubscribe();
    expect(answers.returned).toBe(1);
  });

  test('readAhead: that many in flight, never more than asked for, in order even when answered out of turn', async () => {
    const answers = new Answers<number>();
    const { sink, values, end } = consumer<number>();
    pull(answers, { readAhead: 3 }).subscribe(sink);
    sink.request(2);
    expect(answers.asked).toBe(2);
    sink.request(10);
    expect(answers.asked).toBe(3);
    answers.answer(2, 3);
    answers.answer(1, 2);
    await settled();
    expect(values).toEqual([]);
    answers.answer(0, 1);
    await settled();
    expect(values).toEqual([1, 2, 3]);
    expect(answers.asked).toBe(6);
    for (const { resolve } of answers.open.slice(3)) resolve({ done: true, value: undefined });
    await settled();
    expect(end()).toBe('complete');
    expect(answers.returned).toBe(0);
  });

  test('nothing more is read ahead once next() has unsubscribed', () => {
    let asked = 0;
    const input: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          if (++asked === 3) stop.next();
          return new Promise(() => undefined);
        },
      }),
    };
    const stop = new Subject<void>();
    pull(input, { readAhead: 1_000 }).pipe(takeUntil(stop)).subscribe();
    expect(asked).toBe(3);
  });

  test('a rejection comes after the values before it, and later ones are ignored', async () => {
    const answers = new Answers<number>();
    const { sink, values, end } = consumer<number>();
    pull(answers, { readAhead: 3 }).subscribe(sink);
    sink.request(9);
    const failure = new Error('read failed');
    answers.open[1]!.reject(failure);
    answers.answer(2, 3);
    answers.answer(0, 1);
    await settled();
    expect(values).toEqual([1]);
    expect(end()).toBe(failure);
    expect(answers.returned).toBe(0);
  });

  test('holds what comes when the room has gone to another source, and emits it when there is room', async () => {
    const slow = new Answers<string>();
    const { sink, values } = consumer<string>();
    const quick = new Answers<string>();
    merge(pull(slow), pull(quick)).subscribe(sink);
    sink.request(1);
    expect([slow.asked, quick.asked]).toEqual([1, 1]); // both were told of the same room
    quick.answer(0, 'quick');
    await settled();
    slow.answer(0, 'slow');
    await settled();
    expect(values).toEqual(['quick']);
    sink.request(1);
    expect(values).toEqual(['quick', 'slow']);
    sink.unsubscribe();
  });

  test('an iterator that throws, or answers without a promise, is read all the same', async () => {
    const failure = new Error('sync');
    let calls = 0;
    const odd = {
      next: () => {
        if (calls++ > 0) throw failure;
        return { done: false, value: 1 };
      },
    };
    const { sink, values, end } = consumer<number>();
    pull({ [Symbol.asyncIterator]: () => odd } as unknown as AsyncIterable<number>).subscribe(sink);
    sink.request(5);
    await settled();
    expect(values).toEqual([1]);
    expect(end()).toBe(failure);
  });

  test('is read no further than a slow pool takes', async () => {
    let read = 0;
    async function* naturals(): AsyncGenerator<number> {
      await settled();
      for (;;) yield read++;
    }
    const subscription = pull(naturals())
      .pipe(
        map((n) => n),
        pool(() => new Promise<never>(() => undefined), { concurrency: 3, waiting: 2 }),
      )
      .subscribe();
    for (let i = 0; i < 20; i++) await settled();
    expect(read).toBe(5);
    subscription.unsubscribe();
  });
});

describe('pull of a ReadableStream', () => {
  test('reads by demand and cancels on unsubscribe', async () => {
    let pulled = 0;
    let cancelled = false;
    const stream = new ReadableStream<number>(
      { pull: (controller) => controller.enqueue(pulled++), cancel: () => void (cancelled = true) },
      { highWaterMark: 0 },
    );
    const { sink, values } = consumer<number>();
    pull(stream).subscribe(sink);
    sink.request(2);
    await settled();
    expect(values).toEqual([0, 1]);
    expect(pulled).toBe(2);
    sink.unsubscribe();
    await settled();
    expect(cancelled).toBe(true);
    expect(stream.locked).toBe(false);
  });

  test('a locked one is a coded error in the stream', () => {
    const stream = new ReadableStream<number>();
    stream.getReader();
    const { sink, end } = consumer<number>();
    pull(stream).subscribe(sink);
    expect(end()).toBeInstanceOf(SourceError);
  });
});

describe('unsubscribing from a ReadableStream', () => {
  const reported: unknown[] = [];
  beforeEach(() => {
    reported.length = 0;
    config.onUnhandledError = (error) => reported.push(error);
  });
  afterEach(() => {
    config.onUnhandledError = null;
  });

  test.each(['close', 'error'] as const)(
    'that has just ended (%s) reports nothing, and gives the lock back',
    async (how) => {
      for (let microtasks = 0; microtasks < 12; microtasks++) {
        let controller!: ReadableStreamDefaultController<number>;
        const stream = new ReadableStream<number>({ start: (given) => void (controller = given) });
        const { sink } = consumer<number>();
        pull(stream).subscribe(sink);
        sink.request(1);
        await settled();
        controller[how]();
        for (let i = 0; i < microtasks; i++) await Promise.resolve();
        sink.unsubscribe();
        await settled();
        expect(stream.locked).toBe(false);
      }
      await settled();
      expect(reported).toEqual([]);
    },
  );

  test('whose `cancel` throws reports that, and gives the lock back', async () => {
    const failure = new Error('stuck');
    const stream = new ReadableStream<number>({
      cancel: () => {
        throw failure;
      },
    });
    const { sink } = consumer<number>();
    pull(stream).subscribe(sink);
    sink.request(1);
    sink.unsubscribe();
    while (reported.length === 0) await settled();
    expect(reported).toEqual([expect.objectContaining({ code: 'SLUICE_SOURCE', cause: failure })]);
    expect(stream.locked).toBe(false);
  });
});

describe('pull of an iterator that breaks the rules', () => {
  test.each([5, null, undefined])('one that answers %j is a SourceError, not read for ever', async (answer) => {
    const sync = consumer<number>();
    pull<number>({ [Symbol.iterator]: () => ({ next: () => answer as never }) }).subscribe(sync.sink);
    sync.sink.request(3);
    expect(sync.end()).toBeInstanceOf(SourceError);
    const async = consumer<number>();
    pull<number>({ [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(answer as never) }) }).subscribe(
      async.sink,
    );
    async.sink.request(3);
    await settled();
    expect(async.end()).toBeInstanceOf(SourceError);
  });

  test.each([Symbol.iterator, Symbol.asyncIterator])('one without `next` is a SourceError', (symbol) => {
    const { sink, end } = consumer<number>();
    pull({ [symbol]: () => 5 } as never).subscribe(sink as never);
    expect(end()).toBeInstanceOf(SourceError);
  });

  test('a stream that was read to its end is not locked any more', async () => {
    const stream = new ReadableStream<number>({ start: (controller) => controller.close() });
    pull(stream).subscribe();
    await settled();
    expect(stream.locked).toBe(false);
  });

  /** An iterator, sync or async, that answers once with what `answer` makes, and counts what it is asked for. */
  function odd(
    kind: 'sync' | 'async',
    answer: (calls: number) => unknown,
  ): { input: Iterable<number>; returned: () => number } {
    let calls = 0;
    let returned = 0;
    const iterator = {
      next: () => {
        if (++calls > 99) throw new Error('read for ever');
        return answer(calls);
      },
      return: () => (returned++, {}),
    };
    const symbol = kind === 'sync' ? Symbol.iterator : Symbol.asyncIterator;
    return { input: { [symbol]: () => iterator } as unknown as Iterable<number>, returned: () => returned };
  }

  const failure = new Error('getter');
  const throwing = (key: 'done' | 'value'): object =>
    Object.defineProperty({ done: false, value: 2 }, key, {
      get: () => {
        throw failure;
      },
    });

  test.each([
    ['sync', 'done'],
    ['sync', 'value'],
    ['async', 'done'],
    ['async', 'value'],
  ] as const)(
    '%s: a `%s` that throws is an error of the stream, and the iterator is not returned',
    async (kind, key) => {
      const { input, returned } = odd(kind, (calls) => (calls === 1 ? { done: false, value: 1 } : throwing(key)));
      const { sink, values, end } = consumer<number>();
      pull(input).subscribe(sink);
      sink.request(1);
      await settled();
      sink.request(5); // not while it is subscribed: RxJS catches what is thrown then
      await settled();
      expect([values, end(), returned()]).toEqual([[1], failure, 0]);
    },
  );

  test.each(['sync', 'async'] as const)('%s: the `value` of the last answer is not looked at', async (kind) => {
    const { input } = odd(kind, () => Object.defineProperty(throwing('value'), 'done', { value: true }));
    const { sink, end } = consumer<number>();
    pull(input).subscribe(sink);
    sink.request(5);
    await settled();
    expect(end()).toBe('complete');
  });

  test('answers that are thenables, not Promises, are waited for; one that rejects is an error', async () => {
    const { input, returned } = odd('async', (calls) => ({
      then: (resolve: (result: object) => void, reject: (error: unknown) => void) =>
        setImmediate(() => (calls < 3 ? resolve({ done: false, value: calls }) : reject(failure))),
    }));
    const { sink, values, end } = consumer<number>();
    pull(input, { readAhead: 2 }).subscribe(sink);
    sink.request(5);
    while (end() === undefined) await settled();
    expect([values, end(), returned()]).toEqual([[1, 2], failure, 0]);
  });

  test.each(['a getter that throws', 'no function', 'a thenable that rejects'])(
    '`return` is %s: reported as unhandled',
    async (how) => {
      const reported = new Promise<unknown>((resolve) => (config.onUnhandledError = resolve));
      const iterator = {
        next: () => ({ done: false, value: 1 }),
        get return() {
          if (how === 'no function') return 5;
          if (how === 'a getter that throws') throw failure;
          return () => ({ then: (_: unknown, reject: (error: unknown) => void) => reject(failure) });
        },
      };
      const { sink } = consumer<number>();
      pull({ [Symbol.iterator]: () => iterator } as unknown as Iterable<number>).subscribe(sink);
      sink.request(1);
      sink.unsubscribe();
      const error = await reported;
      config.onUnhandledError = null;
      expect(error).toBeInstanceOf(SourceError);
      expect((error as SourceError).cause).toEqual(how === 'no function' ? expect.any(TypeError) : failure);
    },
  );
});
