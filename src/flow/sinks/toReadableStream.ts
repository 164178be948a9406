/** A pipeline as a web stream. */
import type { Observable } from 'rxjs';
import { check, checkOptions, FUNCTION, OBJECT, OBSERVABLE, POSITIVE, type Rule } from '../../options.js';
import { tellDropped } from '../dropped.js';
import { boundedBuffer, OVERFLOW, type Overflow } from '../operators/boundedBuffer.js';
import { Sink } from './sink.js';

/** Options of `toReadableStream`. */
export interface ToReadableStreamOptions<T> {
  /** Values held at most between the pipeline and the stream. An integer of at least 1, or `Infinity`. Default: 16. */
  capacity?: number | undefined;
  /** What happens when a source that ignores demand overruns that. Default: `'error'`. */
  overflow?: Overflow<T> | undefined;
  /**
   * The stream's own queuing strategy: its `highWaterMark`, a number of at least 0, or `Infinity`, is read ahead as well. Default: one
   * value.
   */
  strategy?: QueuingStrategy<T> | undefined;
}

/**
 * Makes a web `ReadableStream` of `source`, which is read only as fast as the stream is: `Response` bodies, `pipeTo`, workers.
 *
 * Use it to hand a pipeline to something that reads web streams. For Node streams use `toReadable` of `sluice/node`.
 *
 * `source` is subscribed when the stream first asks: right after it was made, for it fills its own queue of one; with
 * `strategy: { highWaterMark: 0 }` only when it is read. `cancel` unsubscribes the source. Order: as they come. Loss: none, unless
 * `overflow` names one; what is held on `cancel` is dropped. An error of the source errors the stream after the values before it were
 * taken from the pipeline; a stream then discards those still in its own queue. A `strategy` whose `size` throws ends both.
 *
 * ```ts
 * import { pull, toReadableStream } from 'sluice';
 *
 * const stream = toReadableStream(pull(['a', 'b']));
 * const reader = stream.getReader();
 * console.log((await reader.read()).value); // => a
 * console.log((await reader.read()).value); // => b
 * console.log((await reader.read()).done); // => true
 * ```
 *
 * @throws OptionError at the call when an option is wrong
 */
export function toReadableStream<T>(
  source: Observable<T>,
  options: ToReadableStreamOptions<T> = {},
): ReadableStream<T> {
  check('source', OBSERVABLE, source, 'toReadableStream');
  checkOptions('toReadableStream', options, { capacity: POSITIVE, overflow: OVERFLOW, strategy: OBJECT });
  const { capacity = 16, overflow, strategy } = options;
  if (strategy !== undefined) checkStrategy(strategy);
  const { highWaterMark = 1, size } = strategy ?? {};
  let sink: Sink<T> | undefined;
  let answered = (): void => undefined;
  /** The last value, if it went into the stream's own queue: what was read of one that is longer nobody knows. */
  let unread: T | undefined;
  const giveUp = (): void => {
    tellDropped(unread, 'cancelled');
    unread = undefined;
  };
  return new ReadableStream<T>(
    {
      pull: (controller) => {
        // One value for each pull: the stream pulls again when it has been enqueued and there is still room.
        return new Promise<void>((resolve) => {
          answered = resolve;
          unread = undefined;
          if (sink !== undefined) return sink.request(1);
          sink = new Sink<T>({
            next: (value) => {
              controller.enqueue(value);
              if (size === undefined && highWaterMark > controller.desiredSize!) unread = value;
              answered();
            },
            error: (error) => {
              giveUp();
              controller.error(error);
              answered();
            },
            complete: () => {
              controller.close();
              answered();
            },
          });
          sink.request(1);
          source.pipe(boundedBuffer({ capacity, overflow, name: 'toReadableStream' })).subscribe(sink);
        });
      },
      cancel: () => {
        sink?.unsubscribe();
        giveUp();
      },
    },
    strategy,
  );
}

const STRATEGY_RULES: Record<keyof QueuingStrategy, Rule> = {
  highWaterMark: ['a number of at least 0', (value: unknown) => typeof value === 'number' && value >= 0],
  size: FUNCTION,
};

/** The stream itself would ignore what it does not know. A strategy that is a class may have more than the two. */
function checkStrategy(strategy: QueuingStrategy): void {
  const { highWaterMark, size } = strategy;
  const literal = Object.getPrototypeOf(strategy) === Object.prototype;
  checkOptions('toReadableStream, strategy', literal ? strategy : { highWaterMark, size }, STRATEGY_RULES);
}
