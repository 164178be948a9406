import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { concat, of, throwError } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { pull, SourceError } from '../../src/index.js';
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

  test('undefined can not be carried among bytes: an error, not a value less; among objects it can', async () => {
    const bytes = Readable.prototype.toArray.call(toReadable(of('a', undefined, 'b'), { objectMode: false }));
    await expect(bytes).rejects.toThrow('undefined');
    expect(await Readable.prototype.toArray.call(toReadable(of(1, undefined, 2)))).toEqual([1, undefined, 2]);
  });

  test.each([0, '', null, undefined, false])(
    'a source that fails with %j destroys the stream with an error',
    async (error) => {
      const reading = Readable.prototype.toArray.call(toReadable(throwError(() => error)));
      await expect(reading).rejects.toBeInstanceOf(SourceError);
    },
  );

  test('destroyed at any moment: the source is let go, and what was read is a beginning of it', async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 0, max: 12 }),
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 1, max: 3 }),
      async (moment, withError, asynchronous, capacity) => {
        let closed = 0;
        async function* later(): AsyncGenerator<number> {
          try {
            for (let n = 1; ; n++) yield n;
          } finally {
            closed++;
          }
        }
        function* now(): Generator<number> {
          try {
            for (let n = 1; ; n++) yield n;
          } finally {
            closed++;
          }
        }
        const readable = toReadable(pull(asynchronous ? later() : now()), { capacity, highWaterMark: 2 });
        readable.on('error', () => undefined);
        const values: unknown[] = [];
        const take = (): void => {
          while (values.length < moment) {
            const value: unknown = readable.read();
            if (value === null) return;
            values.push(value);
          }
        };
        readable.on('readable', take);
        while (values.length < moment) await settled();
        readable.destroy(withError ? new Error('enough') : undefined);
        while (!readable.closed) await settled();
        await settled();
        expect(values).toEqual(Array.from(values, (_, i) => i + 1));
        expect(closed).toBeLessThanOrEqual(1);
        if (values.length > 0) expect(closed).toBe(1);
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });
});
