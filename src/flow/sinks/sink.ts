/** The end of a pipeline that asks for each value. */
import { Subscriber, type Observable, type Observer, type Unsubscribable } from 'rxjs';
import { OverflowError } from '../../errors.js';
import { check, checkOptions, FUNCTION, NOT_NEGATIVE, OBSERVABLE, required } from '../../options.js';
import { carryDemand, Listeners, Upstream, type Demand, type Draining } from '../demand.js';
import { tellDropped } from '../dropped.js';
import { reportUnhandled } from '../unhandled.js';

/** What a sink does with what it gets. */
export type SinkObserver<T> = Observer<T>;

/**
 * A subscriber that takes only what it asked for with `request(n)`: the end of a pipeline whose consumer is your own code.
 *
 * Use it to write a sink for something that can say when it is ready (a socket, a file, a worker). Not needed for async
 * iterables, Web or Node streams: `toAsyncIterable`, `toReadableStream` and `writeTo` are there. A source that ignores demand
 * ends it with an `OverflowError`: put a `boundedBuffer` before it where that may happen. When the observer's `next` throws, the source is
 * unsubscribed and the observer's `error` gets what was thrown; what `error` and `complete` throw is reported as unhandled.
 *
 * ```ts
 * import { pull, Sink } from 'sluice';
 *
 * const sink = new Sink<string>({
 *   next: (value) => console.log(value),
 *   error: (error) => console.error(error),
 *   complete: () => console.log('done'),
 * });
 * pull(['a', 'b', 'c']).subscribe(sink);
 * sink.request(2);
 * // => a
 * // => b
 * sink.request(1);
 * // => c
 * // => done
 * ```
 */
export class Sink<T> extends Subscriber<T> implements Demand {
  /** Those before this sink, for a drain. */
  readonly upstream: Upstream = new Upstream();
  private readonly listeners = new Listeners();
  private credit = 0;
  private ended = false;

  /** @param observer gets at most as many values as were requested; `error` and `complete` need no request */
  constructor(private readonly observer: SinkObserver<T>) {
    super();
    checkOptions('Sink', observer, {
      next: required(FUNCTION),
      error: required(FUNCTION),
      complete: required(FUNCTION),
    });
    carryDemand(this);
  }

  /** Subscribes a new sink to `source`. */
  static on<T>(source: Observable<T>, observer: SinkObserver<T>): Sink<T> {
    check('source', OBSERVABLE, source, 'Sink.on');
    const sink = new Sink(observer);
    source.subscribe(sink);
    return sink;
  }

  /** Values asked for that have not come; 0 once it has ended. */
  get requested(): number {
    return this.over ? 0 : this.credit;
  }

  onRequest(listener: () => void): Unsubscribable {
    return this.listeners.add(listener);
  }

  onDrain(end: (draining: Draining) => void): Unsubscribable {
    return this.upstream.onDrain(end);
  }

  /**
   * Asks for `n` values more.
   *
   * @throws OptionError when `n` is not an integer of at least 0, or `Infinity`
   */
  request(n: number): void {
    check('n', NOT_NEGATIVE, n, 'Sink.request');
    if (this.over) return;
    this.credit += n;
    this.listeners.wake(this); // also when there was credit: a source that reads ahead may read more
  }

  protected override _next(value: T): void {
    if (this.credit <= 0) {
      this.error(new OverflowError('sink', 0, 'put a boundedBuffer before it'));
      return tellDropped(value, 'overflow');
    }
    this.credit--;
    try {
      this.observer.next(value);
    } catch (error) {
      if (this.over) reportUnhandled(error);
      else this.error(error);
    }
  }

  protected override _error(error: unknown): void {
    this.finish(() => this.observer.error(error));
  }

  protected override _complete(): void {
    this.finish(() => this.observer.complete());
  }

  /** True once it takes nothing any more: RxJS closes it only when the observer was told. */
  private get over(): boolean {
    return this.ended || this.closed;
  }

  /** As RxJS does it: the observer is told first, then the source is let go. */
  private finish(tell: () => void): void {
    this.ended = true;
    try {
      tell();
    } catch (error) {
      reportUnhandled(error);
    } finally {
      this.unsubscribe();
    }
  }
}
