/** A pipeline as a Node Readable. */
import { Readable, type ReadableOptions } from 'node:stream';
import type { Observable } from 'rxjs';
import { boundedBuffer, Sink, SourceError, type Overflow } from '../index.js';
import { BOOLEAN, check, checkOptions, OBSERVABLE, POSITIVE, type Rule } from '../options.js';
import { RingBuffer } from '../core/ringBuffer.js';
import { tellDropped } from '../flow/dropped.js';
import { OVERFLOW } from '../flow/operators/boundedBuffer.js';

/** Options of `toReadable`. */
export interface ToReadableOptions<T> {
  /** Values held at most between the pipeline and the Readable. An integer of at least 1, or `Infinity`. Default: 16. */
  capacity?: number | undefined;
  /** What happens when a source that ignores demand overruns that. Default: `'error'`. */
  overflow?: Overflow<T> | undefined;
  /** False for a stream of bytes and strings. Default: true. */
  objectMode?: boolean | undefined;
  /** The Readable's own buffer, in objects or bytes. An integer of at least 0, not `Infinity`. Default: Node's. */
  highWaterMark?: number | undefined;
}

/**
 * Makes a Node `Readable` of `source`, which is read only as fast as the stream is: for `pipeline`, HTTP responses, compression.
 *
 * Use it to hand a pipeline to something that reads Node streams; to write to a Writable, `writeTo` is shorter.
 *
 * `source` is subscribed at the first read; destroying the stream unsubscribes it. Order: as they come. Loss: none, unless `overflow`
 * names one. An error of the source destroys the stream with it. `null` would end a Readable and `undefined` is skipped in a stream of
 * bytes, so these are errors.
 *
 * ```ts
 * import { pull } from 'sluice';
 * import { toReadable } from 'sluice/node';
 *
 * for await (const value of toReadable(pull([1, 2]))) console.log(value);
 * // => 1
 * // => 2
 * ```
 *
 * @throws OptionError at the call when an option is wrong
 */
export function toReadable<T>(source: Observable<T>, options: ToReadableOptions<T> = {}): Readable {
  check('source', OBSERVABLE, source, 'toReadable');
  checkOptions('toReadable', options, {
    capacity: POSITIVE,
    overflow: OVERFLOW,
    objectMode: BOOLEAN,
    highWaterMark: HIGH_WATER_MARK,
  });
  const { capacity = 16, overflow, objectMode = true, highWaterMark } = options;
  const readableOptions: ReadableOptions = highWaterMark === undefined ? { objectMode } : { objectMode, highWaterMark };
  let sink: Sink<T> | undefined;
  /** The last values, of which those that Node holds are the last. */
  const unread = new RingBuffer<T>();
  // Node may call `read` again before the value asked for has come.
  const ask = (asked: Sink<T>): void => (asked.requested > 0 ? undefined : asked.request(1));
  const push = (value: T): boolean => {
    const more = readable.push(value);
    if (!objectMode) return more; // bytes, of which none is to be told
    unread.push(value);
    while (unread.size > readable.readableLength) unread.shift();
    return more;
  };
  const readable = new Readable({
    ...readableOptions,
    read() {
      if (sink !== undefined) return ask(sink);
      sink = new Sink<T>({
        next: (value) => {
          // Node takes a null for the end, and skips undefined among bytes.
          const uncarried = value === null || (value === undefined && !objectMode);
          if (uncarried) readable.destroy(new SourceError(`A Readable can not carry ${String(value)}`));
          else if (push(value)) ask(sink!);
        },
        error: (error) => {
          // Node takes what is falsy for no error.
          const reason: unknown = Boolean(error) ? error : new SourceError('The source failed with no error', error);
          readable.destroy(reason as Error);
        },
        complete: () => readable.push(null),
      });
      sink.request(1);
      source.pipe(boundedBuffer({ capacity, overflow, name: 'toReadable' })).subscribe(sink);
    },
    destroy(error, done) {
      sink?.unsubscribe();
      while (unread.size > readable.readableLength) unread.shift();
      tellDropped([...unread.drain()], 'cancelled');
      done(error);
    },
  });
  return readable;
}

/** As Node has it. */
const HIGH_WATER_MARK: Rule = [
  'an integer of at least 0, below Infinity',
  (value: unknown) => Number.isInteger(value) && Number(value) >= 0,
];
