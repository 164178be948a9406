import { PassThrough, Writable } from 'node:stream';
import { concat, NEVER, of, Subject, throwError } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { OverflowError, pull, SourceError } from '../../src/index.js';
import { writeTo } from '../../src/node/index.js';

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
});
