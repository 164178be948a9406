import { concat, EMPTY, Observable, of, Subject, throwError, type Subscriber } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { pull, toReadableStream } from '../../../src/index.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('toReadableStream', () => {
  test('gives all values and closes', async () => {
    const values: number[] = [];
    await toReadableStream(pull([1, 2, 3])).pipeTo(new WritableStream({ write: (value) => void values.push(value) }));
    expect(values).toEqual([1, 2, 3]);
  });

  test('reads the source no further than capacity and its own queue ahead, and cancel lets it go', async () => {
    let read = 0;
    let closed = false;
    function* naturals(): Generator<number> {
      try {
        for (;;) yield read++;
      } finally {
        closed = true;
      }
    }
    const stream = toReadableStream(pull(naturals()), { capacity: 2, strategy: { highWaterMark: 3 } });
    await settled();
    expect(read).toBeLessThanOrEqual(2 + 3);
    const reader = stream.getReader();
    expect((await reader.read()).value).toBe(0);
    expect((await reader.read()).value).toBe(1);
    await settled();
    expect(read).toBeLessThanOrEqual(2 + 2 + 3);
    await reader.cancel();
    expect(closed).toBe(true);
  });

  test('an error of the source errors the stream', async () => {
    const failure = new Error('broken');
    const reader = toReadableStream(
      concat(
        of(1),
        throwError(() => failure),
      ),
      {
        strategy: { highWaterMark: 0 },
      },
    ).getReader();
    expect((await reader.read()).value).toBe(1);
    await expect(reader.read()).rejects.toBe(failure);
  });

  test('a slow stream reader is waited for across a pull of a stream', async () => {
    const inner = toReadableStream(pull([1, 2, 3, 4]), { capacity: 1 });
    const values: number[] = [];
    for await (const value of toReadableStream(pull(inner)) as unknown as AsyncIterable<number>) {
      await settled();
      values.push(value);
    }
    expect(values).toEqual([1, 2, 3, 4]);
  });

  test('subscribes right after it was made, with highWaterMark 0 only when it is read', async () => {
    const source = new Subject<number>();
    const eager = toReadableStream(source);
    expect(source.observed).toBe(false);
    await settled();
    expect(source.observed).toBe(true);
    await eager.cancel();
    expect(source.observed).toBe(false);

    const reader = toReadableStream(source, { strategy: { highWaterMark: 0 } }).getReader();
    await settled();
    expect(source.observed).toBe(false);
    const reading = reader.read();
    await settled();
    source.next(1);
    expect((await reading).value).toBe(1);
    await reader.cancel();
  });

  test('an error, a value and the end after cancel change nothing', async () => {
    let subscriber: Subscriber<number> | undefined;
    const reader = toReadableStream(new Observable<number>((given) => void (subscriber = given))).getReader();
    await settled();
    await reader.cancel();
    subscriber!.next(1);
    subscriber!.error(new Error('late'));
    subscriber!.complete();
    expect((await reader.read()).done).toBe(true);
  });

  test.each(['at once', 'later'])(
    'a strategy whose size throws errors the stream and lets the source go (%s)',
    async (when) => {
      const failure = new Error('size');
      const source = new Subject<number>();
      const first = when === 'at once' ? of(1) : EMPTY;
      const size = (): number => {
        throw failure;
      };
      const reader = toReadableStream(concat(first, source), { strategy: { size, highWaterMark: 1 } }).getReader();
      await settled();
      source.next(2); // must not throw
      await expect(reader.read()).rejects.toBe(failure);
      expect(source.observed).toBe(false);
    },
  );
});
