/** Publishes what a source emits, as fast as the queue takes it. */
import type { Observable } from 'rxjs';
import { OverflowError } from '../errors.js';
import { tellDropped } from '../flow/dropped.js';
import { Sink, type SinkObserver } from '../flow/sinks/sink.js';
import { guarded } from '../flow/unhandled.js';
import { offAbort, onAbort } from './onAbort.js';
import type { Publisher } from './publisher.js';
import { One } from './publishPlace.js';
import type { NewMessage } from './store.js';

/** @param messageOf what it throws ends the source */
export function publishFrom<T>(
  source: Observable<T>,
  publisher: Publisher,
  window: number,
  signal: AbortSignal | undefined,
  messageOf: (value: T, index: number) => NewMessage,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const publishing = new Publishing(publisher, window, signal, messageOf, resolve, reject);
    publishing.start(source);
  });
}

/** States: *open* → *ending* (the source has ended; what it gave is not durable yet) → *over*; or *over* at once, by a refusal or the signal. */
class Publishing<T> {
  private readonly places = new Set<One>();
  private readonly sink: Sink<T>;
  private index = 0;
  private durable = 0;
  /** Made durable since more was asked for. */
  private unasked = 0;
  private end: { readonly error: unknown } | 'complete' | undefined;

  constructor(
    private readonly publisher: Publisher,
    private readonly window: number,
    private readonly signal: AbortSignal | undefined,
    private readonly messageOf: (value: T, index: number) => NewMessage,
    private readonly resolve: (count: number) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    this.sink = new Window<T>(window, {
      next: (value) => this.add(value),
      error: (error) => this.onEnd({ error }),
      complete: () => this.onEnd('complete'),
    });
  }

  start(source: Observable<T>): void {
    if (this.signal?.aborted === true) return this.abort();
    if (this.signal !== undefined) onAbort(this.signal, this.abort);
    this.sink.request(this.window);
    source.subscribe(this.sink);
  }

  private add(value: T): void {
    const accept = (): void => {
      this.places.delete(place);
      this.onDurable();
    };
    const place: One = new One(this.messageOf(value, this.index++), true, undefined, accept, this.giveUp);
    this.places.add(place);
    this.publisher.add(place);
  }

  private onDurable(): void {
    this.durable++;
    if (this.end !== undefined) return this.onEnd(this.end);
    // Half a window at a time: one call is for many values.
    if (++this.unasked < this.window / 2) return;
    const asked = this.unasked;
    this.unasked = 0;
    try {
      this.sink.request(asked);
    } catch (error) {
      this.giveUp(error);
    }
  }

  /** What came before the end is published before it is told. */
  private onEnd(end: { readonly error: unknown } | 'complete'): void {
    this.end = end;
    if (this.places.size > 0) return;
    this.leave();
    if (end === 'complete') this.resolve(this.durable);
    else this.reject(end.error);
  }

  private leave(): void {
    if (this.signal !== undefined) offAbort(this.signal, this.abort);
  }

  private readonly abort = (): void => this.giveUp(this.signal!.reason);

  private readonly giveUp = (error: unknown): void => {
    this.leave();
    this.reject(error);
    for (const place of this.places) this.publisher.withdraw(place);
    guarded(() => this.sink.unsubscribe());
  };
}

/** Says what its user called. */
class Window<T> extends Sink<T> {
  constructor(
    private readonly window: number,
    observer: SinkObserver<T>,
  ) {
    super(observer);
  }

  protected override _next(value: T): void {
    if (this.requested > 0) return super._next(value);
    const advice = 'raise `window`, give an array to publishMany, or put a boundedBuffer before it';
    this.error(new OverflowError('publishFrom', this.window, advice));
    tellDropped(value, 'overflow');
  }
}
