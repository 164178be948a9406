/** A Node Readable as a source that is read by demand. */
import type { Readable } from 'node:stream';
import { Observable } from 'rxjs';
import { demandOf, SourceError } from '../index.js';
import { expected } from '../options.js';
import { ignoreErrors } from './ignoreErrors.js';

/**
 * Reads a Node `Readable`, of objects or of bytes, only as fast as the pipeline downstream takes values.
 *
 * Use it in the place of `from(readable)`, which reads everything at once. Without a stage downstream that limits, it does that too.
 *
 * A stream can be read once, so subscribe once: a second subscriber at the same time gets an error. Order: as read; in byte mode a value is what the stream has buffered. Loss: none.
 * Unsubscribing destroys the stream; so does an early end downstream. Errors of the stream are passed on after what it had
 * given before.
 *
 * ```ts
 * import { Readable } from 'node:stream';
 * import { pool } from 'sluice';
 * import { fromReadable } from 'sluice/node';
 *
 * fromReadable<string>(Readable.from(['a', 'b', 'c']))
 *   .pipe(pool(async (line) => line.toUpperCase(), { concurrency: 1 }))
 *   .subscribe((line) => console.log(line));
 * // => A
 * // => B
 * // => C
 * ```
 *
 * @returns an Observable that honours demand
 * @throws OptionError at the call when `readable` is no Readable
 * @throws SourceError in the stream when `readable` was destroyed before its end, or another subscriber reads it
 */
export function fromReadable<T = unknown>(readable: Readable): Observable<T> {
  if (typeof (readable as Partial<Readable> | null)?.read !== 'function')
    expected('readable', 'a Node Readable', readable);
  return new Observable<T>((subscriber) => {
    if (beingRead.has(readable)) {
      return subscriber.error(new SourceError('The Readable is being read: by a subscriber that came before'));
    }
    const demand = demandOf(subscriber);
    let reading = false;
    let stopped = false;
    const read = (): void => {
      if (reading) return;
      reading = true;
      try {
        while (demand.requested > 0 && !subscriber.closed && !stopped) {
          const chunk = readable.read() as T | null;
          if (chunk === null) break;
          subscriber.next(chunk);
        }
      } catch (reason) {
        subscriber.error(reason);
      } finally {
        reading = false;
      }
      if (stopped && !subscriber.closed) end();
    };
    /** In a drain: what was read is given on, what the stream has buffered is not. */
    const stop = (): void => {
      stopped = true;
      if (!reading) end();
    };
    const notice = (): void => {
      // `readable` with nothing in it is the end, which a stream tells only to one that reads: this takes nothing.
      if (demand.requested > 0) read();
      else if (readable.readableLength === 0) readable.read(0);
    };
    const end = (): void => subscriber.complete();
    const error = (reason: unknown): void => subscriber.error(reason);
    let closed = false;
    const close = (): void => {
      closed = true;
      if (readable.readableEnded) end();
      else error(readable.errored ?? new SourceError('The Readable was destroyed before its end'));
    };
    beingRead.add(readable);
    subscriber.add(demand.onRequest(read));
    subscriber.add(demand.onDrain?.(stop));
    subscriber.add(() => {
      beingRead.delete(readable);
      readable.off('readable', notice).off('end', end).off('error', error).off('close', close);
      if (closed || readable.readableEnded) return;
      ignoreErrors(readable); // the stream may have been destroyed just now, its error still to come
      readable.destroy();
    });
    if (readable.destroyed || readable.readableEnded) {
      if (readable.errored) ignoreErrors(readable);
      return close();
    }
    readable.on('readable', notice).on('end', end).on('error', error).on('close', close);
    read();
  });
}

/** Those that have a subscriber: two would take each other's values. */
const beingRead = new WeakSet<Readable>();
