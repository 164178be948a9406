/** A pipeline that `for await` reads. */
import { Subscriber, type Observable, type Unsubscribable } from 'rxjs';
import { RingBuffer } from '../../core/ringBuffer.js';
import { OverflowError } from '../../errors.js';
import { check, checkOptions, OBSERVABLE, POSITIVE } from '../../options.js';
import { carryDemand, Listeners, type Demand } from '../demand.js';
import { tellDropped } from '../dropped.js';
import { boundedBuffer, OVERFLOW, type Overflow } from '../operators/boundedBuffer.js';

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
 * The source is subscribed at the first `next()`, anew for each loop; leaving the loop (`break`, `return`, a throw) unsubscribes it, and
 * from then on each `next()` answers done. An iterator's `throw(error)`, for `yield*`, leaves too and rejects with `error`.
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
  check('source', OBSERVABLE, source, 'toAsyncIterable');
  checkOptions('toAsyncIterable', options, { capacity: POSITIVE, overflow: OVERFLOW });
  const { capacity = 16, overflow } = options;
  if (overflow === undefined || overflow === 'error') return iterable(source, capacity);
  return iterable(source.pipe(boundedBuffer({ capacity, overflow, name: 'toAsyncIterable' })), 0);
}

function iterable<T>(source: Observable<T>, capacity: number): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
      const sink = new IteratorSink(source, capacity);
      return {
        next: () => sink.take(),
        return: async (value) => {
          sink.leave();
          return { done: true, value: await value };
        },
        throw: (error) => {
          sink.leave();
          return Promise.reject(error as Error);
        },
      };
    },
  };
}

type Result<T> = IteratorResult<T, undefined>;

const DONE: Result<never> = { done: true, value: undefined };

/**
 * The end of a pipeline that an iterator takes from: a value answers the oldest `take` that waits, or is held.
 *
 * States: *new* → *subscribed* (by the first `take`) → *ended* (by the source, or left; what is held is still given).
 */
class IteratorSink<T> extends Subscriber<T> implements Demand {
  private readonly listeners = new Listeners();
  private readonly values = new RingBuffer<Result<T>>();
  /** Those who wait, oldest first, and how to refuse them; nobody waits while values are held. */
  private readonly waiting = new RingBuffer<(result: Result<T>) => void>(2);
  private readonly refusals = new RingBuffer<(error: unknown) => void>(2);
  private subscribed = false;
  /** `requested` was 0: sources are to be woken when half of the room is free. */
  private asleep = false;
  private ended = false;
  /** Thrown once, to the first `take` there is after the last value. */
  private failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly source: Observable<T>,
    private readonly capacity: number,
  ) {
    super();
    carryDemand(this);
  }

  get requested(): number {
    return this.ended ? 0 : this.capacity + this.waiting.size - this.values.size;
  }

  onRequest(listener: () => void): Unsubscribable {
    return this.listeners.add(listener);
  }

  take(): Promise<Result<T>> {
    if (this.values.size === 0) return new Promise(this.wait);
    const result = this.values.shift();
    this.wake();
    return Promise.resolve(result);
  }

  /** Lets the source go and gives up what is held. */
  leave(): void {
    this.unsubscribe();
    while (this.values.size > 0) tellDropped(this.values.shift().value, 'cancelled');
    this.failure = undefined;
    this.finish();
  }

  protected override _next(value: T): void {
    const { waiting, values } = this;
    const result: Result<T> = { done: false, value };
    if (waiting.size > 0) {
      this.refusals.shift();
      waiting.shift()(result);
    } else if (values.size < this.capacity) {
      values.push(result);
    } else {
      const advice = 'make it wait (demandOf) or name an `overflow` policy';
      this.error(new OverflowError('toAsyncIterable', this.capacity, advice));
      return tellDropped(value, 'overflow');
    }
    if (this.requested === 0) this.asleep = true;
  }

  protected override _error(error: unknown): void {
    this.failure = { error };
    this.finish();
    this.unsubscribe();
  }

  protected override _complete(): void {
    this.finish();
    this.unsubscribe();
  }

  private readonly wait = (resolve: (result: Result<T>) => void, reject: (error: unknown) => void): void => {
    this.waiting.push(resolve);
    this.refusals.push(reject);
    if (this.ended) return this.finish();
    if (this.subscribed) return this.wake();
    this.subscribed = true;
    this.source.subscribe(this);
  };

  private wake(): void {
    if (!this.asleep || this.ended || this.values.size > this.capacity / 2) return;
    this.asleep = false;
    this.listeners.wake(this);
  }

  private finish(): void {
    this.ended = true;
    while (this.waiting.size > 0) {
      const resolve = this.waiting.shift();
      const reject = this.refusals.shift();
      const { failure } = this;
      this.failure = undefined;
      if (failure === undefined) resolve(DONE);
      else reject(failure.error);
    }
  }
}
