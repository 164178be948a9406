/** A pipeline that `for await` reads. */
import type { Observable } from 'rxjs';
import { RingBuffer } from '../../core/ringBuffer.js';
import { checkOptions, POSITIVE } from '../../options.js';
import { boundedBuffer, OVERFLOW, type Overflow } from '../operators/boundedBuffer.js';
import { Sink } from './sink.js';

/** Options of `toAsyncIterable`. */
export interface ToAsyncIterableOptions<T> {
  /** Values held at most between the pipeline and the loop. An integer of at least 1, or `Infinity`. Default: 16. */
  capacity?: number | undefined;
  /** What happens when a source that ignores demand overruns that. Default: `'error'`. */
  overflow?: Overflow<T> | undefined;
}

/**
 * Reads `source` in a `for await` loop, which slows the source: it runs ahead of the loop by at most `capacity` values.
 *
 * Use it to end a pipeline in code that works step by step. Not for work that should run concurrently: that is a `pool` before it.
 *
 * The source is subscribed at the first `next()`, anew for each loop; leaving the loop (`break`, `return`, a throw) unsubscribes it.
 * Order: as they come. Loss: none, unless `overflow` names one; what is held when the loop is left is dropped. Errors of
 * the source are thrown after the values before them.
 *
 * ```ts
 * import { map } from 'rxjs';
 * import { pull, toAsyncIterable } from 'sluice';
 *
 * for await (const square of toAsyncIterable(pull([1, 2, 3, 4]).pipe(map((n) => n * n)))) {
 *   if (square > 10) break;
 *   console.log(square);
 * }
 * // => 1
 * // => 4
 * // => 9
 * ```
 *
 * @returns an AsyncIterable whose iterators may also be asked for several values at once
 * @throws OptionError at the call when an option is wrong
 * @throws OverflowError in the loop when the source ignores demand and `overflow` is `'error'`
 */
export function toAsyncIterable<T>(source: Observable<T>, options: ToAsyncIterableOptions<T> = {}): AsyncIterable<T> {
  checkOptions('toAsyncIterable', options, { capacity: POSITIVE, overflow: OVERFLOW });
  const { capacity = 16, overflow } = options;
  const bounded = source.pipe(boundedBuffer({ capacity, overflow, name: 'toAsyncIterable' }));
  return { [Symbol.asyncIterator]: () => new DemandIterator(bounded) };
}

/** Asks for one value for each `next()`, which answers at once when that came at once, and waits otherwise. */
class DemandIterator<T> implements AsyncIterator<T, undefined> {
  /** Those who wait, oldest first, and how to refuse them. */
  private readonly waiting = new RingBuffer<(result: IteratorResult<T, undefined>) => void>(2);
  private readonly refusals = new RingBuffer<(error: Error) => void>(2);
  private readonly sink: Sink<T>;
  private subscribed = false;
  private handed: IteratorResult<T, undefined> | undefined;
  /** Set by the source's end; the error is thrown once, to the first `next()` there is. */
  private ended = false;
  private failure: { readonly error: unknown } | undefined;

  constructor(private readonly source: Observable<T>) {
    this.sink = new Sink({
      next: (value) => {
        const result = { done: false as const, value };
        if (this.waiting.size === 0) this.handed = result;
        else {
          this.refusals.shift();
          this.waiting.shift()(result);
        }
      },
      error: (error) => {
        this.failure = { error };
        this.finish();
      },
      complete: () => this.finish(),
    });
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (!this.ended) {
      this.sink.request(1);
      if (!this.subscribed) {
        this.subscribed = true;
        this.source.subscribe(this.sink);
      }
    }
    const { handed } = this;
    if (handed !== undefined) {
      this.handed = undefined;
      return Promise.resolve(handed);
    }
    return new Promise(this.wait);
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.sink.unsubscribe();
    this.finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  private readonly wait = (
    resolve: (result: IteratorResult<T, undefined>) => void,
    reject: (error: Error) => void,
  ): void => {
    this.waiting.push(resolve);
    this.refusals.push(reject);
    if (this.ended) this.finish();
  };

  private finish(): void {
    this.ended = true;
    while (this.waiting.size > 0) {
      const resolve = this.waiting.shift();
      const reject = this.refusals.shift();
      const { failure } = this;
      this.failure = undefined;
      if (failure === undefined) resolve({ done: true, value: undefined });
      else reject(failure.error as Error);
    }
  }
}
