import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { concat, of, throwError } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { pull } from '../../src/index.js';
import { toReadable } from '../../src/node/index.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('toReadable', () => {
  test('gives all values, then ends', async () => {
    const values: unknown[] = [];
    for await (const value of toReadable(pull([1, 2, 3]))) values.push(value);
    expect(values).toEqual([1, 2, 3]);
  });

  test('is read no further than capacity and its own buffer ahead', async () => {
    let read = 0;
    function* source(): Generator<number> {
      for (;;) yield ++read;
    }
    const readable = toReadable(pull(source()), { capacity: 2, highWaterMark: 3 });
    expect(read).toBe(0);
    let taken = 0;
    for await (const value of readable) {
      expect(value).toBe(++taken);
      await settled();
      expect(read).toBeLessThanOrEqual(taken + 2 + 3);
      if (taken === 50) break;
    }
    expect(readable.destroyed).toBe(true);
  });

  test('carries bytes, and destroying it unsubscribes the source', async () => {
    let closed = false;
    function* source(): Generator<string> {
      try {
        for (;;) yield 'x'.repeat(1_000);
      } finally {
        closed = true;
      }
    }
    const readable = toReadable(pull(source()), { objectMode: false });
    expect(readable.readableObjectMode).toBe(false);
    readable.read(10);
    await settled();
    readable.destroy();
    expect(closed).toBe(true);
  });

  test('works in pipeline, errors included', async () => {
    const failure = new Error('broken');
    const out = new PassThrough().resume();
    await expect(
      pipeline(
        toReadable(
          concat(
            of('a'),
            throwError(() => failure),
          ),
          { objectMode: false },
        ),
        out,
      ),
    ).rejects.toBe(failure);
    expect(out.destroyed).toBe(true);
    await pipeline(toReadable(pull(['a', 'b']), { objectMode: false }), new PassThrough().resume());
  });

  test('null can not be carried: an error, not a silent end', async () => {
    const reading = Readable.prototype.toArray.call(toReadable(of(1, null, 2)));
    await expect(reading).rejects.toThrow('null');
  });
});
