/** A pipeline that ends in a Node Writable. */
import type { Writable } from 'node:stream';
import type { Observable } from 'rxjs';
import { boundedBuffer, Sink, SourceError, type Overflow } from '../index.js';
import { check, checkOptions, expected, OBSERVABLE, POSITIVE, SIGNAL } from '../options.js';
import { ignoreErrors } from './ignoreErrors.js';
import { OVERFLOW } from '../flow/operators/boundedBuffer.js';

/** Options of `writeTo`. */
export interface WriteToOptions<T> {
  /** Values held at most while the Writable is full. An integer of at least 1, or `Infinity`. Default: 16. */
  capacity?: number | undefined;
  /** What happens when a source that ignores demand overruns that. Default: `'error'`. */
  overflow?: Overflow<T> | undefined;
  /** Aborting unsubscribes the source and destroys the Writable; the promise rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/**
 * Writes each value to a Node `Writable`, and waits for its drain whenever `write` says that it is full.
 *
 * Use it to end a pipeline in a file, a socket or a response: the source is read only as fast as the Writable takes.
 *
 * Each value is written once, in order. On completion of the source the Writable is ended, and the promise resolves when it has
 * finished. An error of the source destroys the Writable with it and rejects; an error or early close of the Writable
 * unsubscribes the source and rejects. When it has ended or failed already, `source` is not subscribed.
 *
 * ```ts
 * import { PassThrough } from 'node:stream';
 * import { pull } from 'sluice';
 * import { writeTo } from 'sluice/node';
 *
 * const file = new PassThrough();
 * file.setEncoding('utf8').on('data', (text) => console.log(text));
 * await writeTo(pull(['a', 'b']), file);
 * console.log(file.writableFinished);
 * // => a
 * // => b
 * // => true
 * ```
 *
 * @returns a promise of the end
 * @throws OptionError at the call when an option is wrong
 * @throws OverflowError by rejection, when the source ignores demand and `overflow` is `'error'`
 * @throws SourceError by rejection, when the Writable was ended or closed by somebody else, without an error of its own
 */
export function writeTo<T>(source: Observable<T>, writable: Writable, options: WriteToOptions<T> = {}): Promise<void> {
  if (typeof (writable as Partial<Writable> | null)?.write !== 'function')
    expected('writable', 'a Node Writable', writable);
  check('source', OBSERVABLE, source, 'writeTo');
  checkOptions('writeTo', options, { capacity: POSITIVE, overflow: OVERFLOW, signal: SIGNAL });
  const { capacity = 16, overflow, signal } = options;
  return new Promise((resolve, reject) => {
    let complete = false;
    const fail = (error: unknown): void => {
      sink.unsubscribe();
      writable.off('drain', ask).off('error', fail).off('close', closed).off('finish', finished);
      signal?.removeEventListener('abort', abort);
      ignoreErrors(writable);
      writable.destroy(error instanceof Error ? error : undefined);
      reject(error);
    };
    // One value at a time: a `drain` that somebody else's write brought about must not ask twice.
    const ask = (): void => (sink.requested > 0 ? undefined : sink.request(1));
    const abort = (): void => fail(signal?.reason);
    const closed = (): void => fail(unusable(writable));
    const finished = (): void => {
      if (!complete) return closed(); // somebody else ended it
      writable.off('drain', ask).off('error', fail).off('close', closed);
      signal?.removeEventListener('abort', abort);
      resolve();
    };
    const sink = new Sink<T>({
      next: (value) => {
        // When `write` says no, the value is taken all the same; the next is asked for on drain.
        if (writable.write(value)) ask();
        else if (writable.destroyed) closed(); // not every Writable says so by an event
      },
      error: fail,
      complete: () => {
        if (writable.destroyed) return closed();
        complete = true;
        writable.end();
      },
    });
    if (signal?.aborted) return abort();
    if (writable.destroyed || writable.writableEnded || writable.errored) {
      if (writable.errored) ignoreErrors(writable); // it may be about to say so
      return reject(unusable(writable));
    }
    writable.on('drain', ask).once('error', fail).once('close', closed).once('finish', finished);
    signal?.addEventListener('abort', abort, { once: true });
    if (!writable.writableNeedDrain) ask();
    source.pipe(boundedBuffer({ capacity, overflow, name: 'writeTo' })).subscribe(sink);
  });
}

/** Why nothing more can be written. */
function unusable(writable: Writable): Error {
  return writable.errored ?? new SourceError('The Writable was ended or closed before the source had ended');
}
