import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { lastValueFrom, reduce, take, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { boundedBuffer, pool, Sink, SourceError } from '../../src/index.js';
import { fromReadable } from '../../src/node/index.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('fromReadable', () => {
  test('reads objects by demand', async () => {
    let read = 0;
    function* source(): Generator<number> {
      for (;;) yield ++read;
    }
    const readable = Readable.from(source()); // reads one ahead by itself
    const values: number[] = [];
    const sink = Sink.on(fromReadable<number>(readable), {
      next: (value) => values.push(value),
      error: expect.unreachable,
      complete: expect.unreachable,
    });
    for (let asked = 1; asked <= 20; asked++) {
      sink.request(1);
      while (values.length < asked) await settled();
      await settled();
      expect(read).toBeLessThanOrEqual(asked + 2);
    }
    sink.unsubscribe();
    expect(readable.destroyed).toBe(true);
  });

  test('reads a file, all of it, through a slow stage', async () => {
    const bytes = fromReadable<Buffer>(createReadStream(process.execPath)).pipe(
      boundedBuffer({ capacity: 2 }),
      pool(async (chunk) => (await settled(), chunk.length), { concurrency: 2 }),
      reduce((sum, length) => sum + length, 0),
    );
    expect(await lastValueFrom(bytes)).toBe((await stat(process.execPath)).size);
  });

  test('an empty stream completes, one that was read before too', async () => {
    const readable = Readable.from([]);
    expect(await lastValueFrom(fromReadable(readable).pipe(toArray()))).toEqual([]);
    expect(await lastValueFrom(fromReadable(readable).pipe(toArray()))).toEqual([]);
  });

  test('an early end downstream destroys the stream', async () => {
    const readable = Readable.from([1, 2, 3]);
    expect(await lastValueFrom(fromReadable(readable).pipe(take(2), toArray()))).toEqual([1, 2]);
    expect(readable.destroyed).toBe(true);
  });

  test('errors of the stream are passed on', async () => {
    const failure = new Error('disk');
    const readable = new PassThrough();
    const reading = lastValueFrom(fromReadable(readable));
    readable.destroy(failure);
    await expect(reading).rejects.toBe(failure);
    await expect(lastValueFrom(fromReadable(readable))).rejects.toBe(failure);
  });

  test('a stream destroyed before its end is an error', async () => {
    const readable = new PassThrough();
    const reading = lastValueFrom(fromReadable(readable));
    readable.destroy();
    await expect(reading).rejects.toBeInstanceOf(SourceError);
  });

  test('no listener is left', async () => {
    const readable = new PassThrough();
    const subscription = fromReadable(readable).subscribe();
    subscription.unsubscribe();
    await once(readable, 'close');
    for (const event of ['readable', 'end', 'close']) expect(readable.listenerCount(event)).toBe(0);
  });

  test('what is no stream is refused at the call', () => {
    expect(() => fromReadable([] as never)).toThrow('Expected `readable` to be a Node Readable');
  });
});
