import { concat, map, NEVER, of, Subject, throwError } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { OverflowError, pull, toAsyncIterable } from '../../../src/index.js';

const collect = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const values: T[] = [];
  for await (const value of source) values.push(value);
  return values;
};

describe('toAsyncIterable', () => {
  test('gives all values in order, and anew for each loop', async () => {
    const squares = toAsyncIterable(pull([1, 2, 3]).pipe(map((n) => n * n)));
    expect(await collect(squares)).toEqual([1, 4, 9]);
    expect(await collect(squares)).toEqual([1, 4, 9]);
  });

  test.each([1, 4, 16])('reads at most capacity (%i) ahead of the loop, and nothing before it', async (capacity) => {
    let read = 0;
    function* naturals(): Generator<number> {
      for (;;) yield read++;
    }
    const iterator = toAsyncIterable(pull(naturals()), { capacity })[Symbol.asyncIterator]();
    expect(read).toBe(0);
    for (let taken = 1; taken <= 50; taken++) {
      expect(await iterator.next()).toEqual({ done: false, value: taken - 1 });
      expect(read).toBeLessThanOrEqual(taken + capacity);
    }
    await iterator.return!();
  });

  test('leaving the loop unsubscribes the source', async () => {
    let closed = false;
    function* source(): Generator<number> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        closed = true;
      }
    }
    for await (const value of toAsyncIterable(pull(source()))) if (value === 3) break;
    expect(closed).toBe(true);
  });

  test('an error is thrown after the values before it, once', async () => {
    const failure = new Error('broken');
    const iterator = toAsyncIterable(
      concat(
        of(1, 2),
        throwError(() => failure),
      ),
    )[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: 1 });
    expect(await iterator.next()).toEqual({ done: false, value: 2 });
    await expect(iterator.next()).rejects.toBe(failure);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test('several next() at once are answered in turn, and return() settles those that wait', async () => {
    const source = new Subject<number>();
    const iterator = toAsyncIterable(source)[Symbol.asyncIterator]();
    const answers = [iterator.next(), iterator.next(), iterator.next()];
    source.next(1);
    source.next(2);
    const returned = iterator.return!();
    expect(await Promise.all(answers)).toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
      { done: true, value: undefined },
    ]);
    expect(await returned).toEqual({ done: true, value: undefined });
    expect(source.observed).toBe(false);
  });

  test('completion settles all that wait; an error goes to the first', async () => {
    const completing = new Subject<number>();
    const first = toAsyncIterable(completing)[Symbol.asyncIterator]();
    const waiting = [first.next(), first.next()];
    completing.complete();
    expect((await Promise.all(waiting)).map(({ done }) => done)).toEqual([true, true]);

    const failing = new Subject<number>();
    const second = toAsyncIterable(failing)[Symbol.asyncIterator]();
    const [error, end] = [second.next(), second.next()];
    failing.error('broken');
    await expect(error).rejects.toBe('broken');
    expect((await end).done).toBe(true);
  });

  test('a source that ignores demand overflows, after what is held', async () => {
    const iterator = toAsyncIterable(concat(of(1, 2, 3), NEVER), { capacity: 2 })[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toBe(1);
    expect((await iterator.next()).value).toBe(2);
    expect((await iterator.next()).value).toBe(3);
    await iterator.return!();

    const flooded = toAsyncIterable(concat(of(1, 2, 3, 4), NEVER), { capacity: 2 })[Symbol.asyncIterator]();
    for (const value of [1, 2, 3]) expect((await flooded.next()).value).toBe(value);
    await expect(flooded.next()).rejects.toBeInstanceOf(OverflowError);
  });

  test('return() before the first next() never subscribes', async () => {
    let subscribed = false;
    const iterator = toAsyncIterable(
      pull({
        [Symbol.iterator]: () => {
          subscribed = true;
          return [1][Symbol.iterator]();
        },
      }),
    )[Symbol.asyncIterator]();
    await iterator.return!();
    expect((await iterator.next()).done).toBe(true);
    expect(subscribed).toBe(false);
  });

  test.each(['values', 'an error', 'the end'])(
    'next() after return() answers done, though %s was held',
    async (held) => {
      const source = new Subject<number>();
      const iterator = toAsyncIterable(source)[Symbol.asyncIterator]();
      const first = iterator.next();
      source.next(1);
      source.next(2);
      if (held === 'an error') source.error(new Error('broken'));
      if (held === 'the end') source.complete();
      await first;
      expect(await iterator.return!()).toEqual({ done: true, value: undefined });
      expect(await Promise.all([iterator.next(), iterator.next()])).toEqual([
        { done: true, value: undefined },
        { done: true, value: undefined },
      ]);
      expect(source.observed).toBe(false);
    },
  );

  test('iterators of one iterable share nothing', async () => {
    const squares = toAsyncIterable(pull([1, 2, 3]).pipe(map((n) => n * n)));
    const [one, other] = [squares[Symbol.asyncIterator](), squares[Symbol.asyncIterator]()];
    expect([(await one.next()).value, (await other.next()).value, (await one.next()).value]).toEqual([1, 1, 4]);
    await one.return!();
    expect([(await other.next()).value, (await other.next()).value, (await other.next()).done]).toEqual([4, 9, true]);
  });

  describe('inside yield*', () => {
    const opened = async (): Promise<{ source: Subject<number>; outer: AsyncGenerator<number, unknown> }> => {
      const source = new Subject<number>();
      const outer = (async function* () {
        yield* toAsyncIterable(source);
      })();
      const first = outer.next();
      while (!source.observed) await Promise.resolve();
      source.next(1);
      await first;
      return { source, outer };
    };

    test('throw() leaves and rejects with the error', async () => {
      const { source, outer } = await opened();
      const failure = new Error('enough');
      await expect(outer.throw(failure)).rejects.toBe(failure);
      expect(source.observed).toBe(false);
    });

    test('return() leaves and answers its value', async () => {
      const { source, outer } = await opened();
      expect(await outer.return(Promise.resolve(7))).toEqual({ done: true, value: 7 });
      expect(source.observed).toBe(false);
    });
  });
});
