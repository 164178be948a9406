import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { lastValueFrom, reduce, take, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { boundedBuffer, pool, Sink, SourceError } from '../../src/index.js';
import { fromReadable } from '../../src/node/index.js';
import { ManualConsumer } from '../../src/testing/index.js';

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

  test('a second subscriber at the same time gets an error, and takes nothing from the first', async () => {
    const readable = Readable.from([1, 2, 3]);
    const reading = lastValueFrom(fromReadable(readable).pipe(toArray()));
    await expect(lastValueFrom(fromReadable(readable))).rejects.toThrow(SourceError);
    expect(await reading).toEqual([1, 2, 3]);
    expect(await lastValueFrom(fromReadable(readable).pipe(toArray()))).toEqual([]);
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

  test('the end is told at once to a consumer that has asked for no more', async () => {
    const readable = new Readable({ objectMode: true, read: () => undefined });
    const consumer = new ManualConsumer(fromReadable<number>(readable));
    consumer.request(2);
    readable.push(1);
    readable.push(2);
    await settled();
    expect(consumer.values).toEqual([1, 2]);
    readable.push(null);
    await once(readable, 'close');
    expect(consumer.end).toBe('complete');
  });

  test('what read() throws is an error of the stream, not of whoever asked', () => {
    const failure = new Error('read');
    const readable = new PassThrough();
    const consumer = new ManualConsumer(fromReadable(readable));
    readable.read = (size) => {
      if (size === 0) return null; // Node's own
      throw failure;
    };
    consumer.request(1);
    expect(consumer.end).toEqual({ error: failure });
    expect(readable.destroyed).toBe(true);
  });

  test('an error that comes after the unsubscribe is not uncaught', async () => {
    const readable = new PassThrough();
    const subscription = fromReadable(readable).subscribe();
    readable.destroy(new Error('a moment before'));
    subscription.unsubscribe();
    await new Promise((resolve) => readable.once('close', resolve)); // `once` of Node would look after the error
    expect(readable.listenerCount('error')).toBe(0);
  });

  test('destroyed at any moment: ends once, loses nothing before, leaves no listener', async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 0, max: 8 }),
      fc.constantFrom('destroy', 'error', 'unsubscribe', 'end'),
      fc.array(fc.nat(3), { maxLength: 8 }),
      async (moment, how, requests) => {
        let pushed = 0;
        const readable = new Readable({ objectMode: true, highWaterMark: 2, read: () => undefined });
        const consumer = new ManualConsumer(fromReadable<number>(readable));
        for (let step = 0; step <= 8; step++) {
          if (step === moment && how === 'destroy') readable.destroy();
          else if (step === moment && how === 'error') readable.destroy(new Error('broken'));
          else if (step === moment && how === 'unsubscribe') consumer.unsubscribe();
          else if (step === moment) readable.push(null);
          else if (step < moment) readable.push(++pushed);
          consumer.request(requests[step] ?? 0);
          if (step % 2 === 0) await settled();
        }
        consumer.request(99);
        await settled();
        await settled();
        expect(consumer.values).toEqual(Array.from(consumer.values, (_, i) => i + 1));
        if (how === 'end') expect([consumer.values.length, consumer.end]).toEqual([pushed, 'complete']);
        else if (how === 'unsubscribe') expect(consumer.end).toBeUndefined();
        else expect(consumer.end).toEqual({ error: expect.any(Error) as Error });
        expect(readable.destroyed).toBe(true);
        for (const event of ['readable', 'end', 'close', 'error']) expect(readable.listenerCount(event)).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });
});
