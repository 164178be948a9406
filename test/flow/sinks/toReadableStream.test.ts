import { concat, of, throwError } from 'rxjs';
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
});
