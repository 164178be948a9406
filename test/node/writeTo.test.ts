import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { concat, NEVER, of, Subject, throwError } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { OverflowError, pull, SourceError } from '../../src/index.js';
import { writeTo } from '../../src/node/index.js';
import { ManualSource } from '../../src/testing/index.js';

/** A Writable of `highWaterMark` objects that takes a value each time the test says so. */
class Slow extends Writable {
  readonly written: unknown[] = [];
  private taken: (() => void) | undefined;

  constructor(highWaterMark: number) {
    super({ objectMode: true, highWaterMark });
  }

  override _write(value: unknown, _encoding: string, done: () => void): void {
    this.written.push(value);
    this.taken = done;
  }

  take(): void {
    const { taken } = this;
    this.taken = undefined;
    taken?.();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

describe('writeTo', () => {
  test('reads the source only as fast as the Writable takes, writes each value once, in order, and waits for the end', async () => {
    let read = 0;
    function* source(): Generator<number> {
      for (const n of numbers(100)) yield ((read = n), n);
    }
    const slow = new Slow(3);
    let done = false;
    const writing = writeTo(pull(source()), slow, { capacity: 2 }).then(() => (done = true));
    for (let taken = 0; taken < 100; taken++) {
      await settled();
      expect(read - taken).toBeLessThanOrEqual(3 + 2 + 1);
      expect(done).toBe(false);
      slow.take();
    }
    await writing;
    expect(slow.written).toEqual(numbers(100));
    expect(slow.writableFinished).toBe(true);
    expect(slow.listenerCount('drain') + slow.listenerCount('close') + slow.listenerCount('error')).toBe(0);
  });

  test('goes on when write() says yes again after a drain', async () => {
    const slow = new Slow(2);
    const writing = writeTo(pull(numbers(7)), slow);
    while (slow.written.length < 7) {
      await settled();
      slow.take();
    }
    slow.take();
    await writing;
    expect(slow.written).toEqual(numbers(7));
  });

  test('a Writable that is full at the start is waited for', async () => {
    const slow = new Slow(1);
    slow.write(0);
    const writing = writeTo(pull([1]), slow);
    await settled();
    expect(slow.written).toEqual([0]);
    slow.take();
    await settled();
    slow.take();
    await writing;
    expect(slow.written).toEqual([0, 1]);
  });

  test('an error of the source rejects and destroys the Writable with it', async () => {
    const failure = new Error('source');
    const file = new PassThrough();
    await expect(
      writeTo(
        concat(
          of('a'),
          throwError(() => failure),
        ),
        file,
      ),
    ).rejects.toBe(failure);
    expect(file.destroyed).toBe(true);
    expect(file.errored).toBe(failure);
  });

  test('an error of the Writable rejects and unsubscribes the source', async () => {
    const failure = new Error('disk full');
    const source = new Subject<string>();
    const disk = new Writable({ write: (_chunk, _encoding, done) => done(failure) });
    const writing = writeTo(source, disk);
    source.next('a');
    await expect(writing).rejects.toBe(failure);
    expect(source.observed).toBe(false);
  });

  test('a Writable that closes early rejects', async () => {
    const source = new Subject<string>();
    const socket = new PassThrough();
    const writing = writeTo(source, socket);
    socket.destroy();
    await expect(writing).rejects.toBeInstanceOf(SourceError);
    expect(source.observed).toBe(false);
    await expect(writeTo(pull(['a']), socket)).rejects.toBeInstanceOf(SourceError);
  });

  test('aborting rejects with the reason, unsubscribes and destroys', async () => {
    const controller = new AbortController();
    const file = new PassThrough();
    let closed = false;
    function* source(): Generator<string> {
      try {
        for (;;) yield 'x'.repeat(10_000);
      } finally {
        closed = true;
      }
    }
    const writing = writeTo(pull(source()), file, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(writing).rejects.toThrow('enough');
    expect(closed).toBe(true);
    expect(file.destroyed).toBe(true);
    await expect(writeTo(NEVER, new PassThrough(), { signal: controller.signal })).rejects.toThrow('enough');
  });

  test('a source that ignores demand overflows, after what was held', async () => {
    const slow = new Slow(1);
    const writing = writeTo(of(...numbers(9)), slow, { capacity: 2 });
    const refused = expect(writing).rejects.toBeInstanceOf(OverflowError);
    for (let i = 0; i < 4; i++) {
      await settled();
      slow.take();
    }
    await refused;
    expect(slow.written).toEqual([1, 2, 3]); // what was held came first
  });

  test('a value the Writable can not take rejects', async () => {
    await expect(writeTo(of(null), new PassThrough())).rejects.toThrow('null');
  });

  test('a Writable that somebody else ends before the source has ended rejects: values would be missing', async () => {
    const source = new Subject<string>();
    const file = new PassThrough();
    file.resume();
    const writing = writeTo(source, file);
    source.next('a');
    file.end();
    await expect(writing).rejects.toBeInstanceOf(SourceError);
    expect(source.observed).toBe(false);
  });

  test('what is no Observable is refused at the call, and the Writable left alone', () => {
    const file = new PassThrough();
    expect(() => writeTo([1] as never, file)).toThrow('Expected `source` to be an Observable, got an array (writeTo)');
    expect(file.destroyed).toBe(false);
  });

  test('a drain that somebody else brings about does not ask for a second value', async () => {
    const slow = new Slow(1);
    const source = new ManualSource<number>();
    const writing = writeTo(source, slow, { capacity: 1 });
    for (let i = 0; i < 3; i++) {
      slow.write(0); // full, and drained when it is taken
      slow.take();
      await settled();
    }
    source.send(1);
    source.send(2);
    expect(slow.writableLength).toBe(1); // full with 1, so 2 is held
    source.complete();
    for (let i = 0; i < 2; i++) {
      slow.take();
      await settled();
    }
    await writing;
    expect(slow.written).toEqual([0, 0, 0, 1, 2]);
  });

  test.each(['destroyed with an error', 'errored, not destroyed', 'destroyed', 'ended', 'finished'])(
    'a Writable that is %s already: rejects at once, the source is not subscribed',
    async (how) => {
      const failure = new Error('disk');
      const writable = new Writable({ autoDestroy: false, write: (_c, _e, done) => done(failure) });
      if (how === 'destroyed with an error') writable.destroy(failure);
      else if (how === 'destroyed') writable.destroy();
      else if (how === 'ended' || how === 'finished') writable.end();
      else writable.once('error', () => undefined).write('a');
      if (how === 'errored, not destroyed' || how === 'finished') await settled();
      const source = new ManualSource<string>();
      const writing = writeTo(source, writable);
      if (how.includes('error')) await expect(writing).rejects.toBe(failure);
      else await expect(writing).rejects.toBeInstanceOf(SourceError);
      expect(source.subscriptions).toBe(0);
      await settled(); // an `error` event that comes now is not uncaught
      for (const event of ['drain', 'finish']) expect(writable.listenerCount(event)).toBe(0);
    },
  );

  test('a Writable that somebody has ended is left to finish', async () => {
    const slow = new Slow(9);
    slow.write('theirs');
    slow.end();
    await expect(writeTo(pull(['a']), slow)).rejects.toBeInstanceOf(SourceError);
    slow.take();
    await once(slow, 'finish');
    expect(slow.written).toEqual(['theirs']);
  });

  test('write() that throws rejects, destroys the Writable, and the source’s caller never sees it', async () => {
    const failure = new Error('not that');
    const file = new PassThrough();
    file.write = () => {
      throw failure;
    };
    const source = new Subject<string>();
    const writing = writeTo(source, file);
    source.next('a');
    await expect(writing).rejects.toBe(failure);
    expect([source.observed, file.destroyed]).toEqual([false, true]);
  });

  test.each(['a value', 'the end'])(
    'a Writable that is destroyed and tells nobody is found out with %s',
    async (what) => {
      const silent = new Writable({ emitClose: false, write: (_chunk, _encoding, done) => done() });
      const source = new Subject<string>();
      const writing = writeTo(source, silent);
      silent.destroy();
      if (what === 'a value') source.next('a');
      else source.complete();
      await expect(writing).rejects.toBeInstanceOf(SourceError);
      expect(source.observed).toBe(false);
    },
  );

  test('close without finish, while the end is being written, rejects', async () => {
    const slow = new Slow(9);
    const writing = writeTo(pull([1, 2]), slow);
    expect(slow.writableEnded).toBe(true);
    slow.destroy();
    await expect(writing).rejects.toBeInstanceOf(SourceError);
  });

  test('an error of the source comes after all that was held was written', async () => {
    const slow = new Slow(1);
    const failure = new Error('source');
    const source = concat(
      of(1, 2, 3),
      throwError(() => failure),
    );
    const refused = expect(writeTo(source, slow)).rejects.toBe(failure);
    for (let taken = 0; taken < 2; taken++) {
      await settled();
      expect(slow.destroyed).toBe(false);
      slow.take();
    }
    await refused;
    expect(slow.written).toEqual([1, 2, 3]);
  });

  test('any Writable, any source: each value once, in order, and always an end', async () => {
    const property = fc.asyncProperty(
      fc.record({
        highWaterMark: fc.integer({ min: 1, max: 4 }),
        capacity: fc.integer({ min: 1, max: 4 }),
        count: fc.nat(20),
        how: fc.constantFrom('pull', 'async', 'hot'),
        async: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
      }),
      async ({ highWaterMark, capacity, count, how, async }) => {
        const written: unknown[] = [];
        const writable = new Writable({
          objectMode: true,
          highWaterMark,
          write: (value, _encoding, done) => {
            // Some writes are done at once, some later: write() answers true, false, true again.
            if (async[written.push(value) % async.length]) setImmediate(done);
            else done();
          },
        });
        async function* later(): AsyncGenerator<number> {
          for (const n of numbers(count)) yield n;
        }
        const source = how === 'pull' ? pull(numbers(count)) : how === 'async' ? pull(later()) : of(...numbers(count));
        await writeTo(source, writable, { capacity: how === 'hot' ? Infinity : capacity });
        expect(written).toEqual(numbers(count));
        expect(writable.eventNames()).toEqual([]);
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });
});
