/** A source and a consumer that do what the test says, when it says it. */
import { Observable, type Subscriber, type Subscription } from 'rxjs';
import { demandOf, Sink, type Demand } from '../index.js';

/**
 * A source that sends what the test tells it to, and shows what is asked of it.
 *
 * `send` ignores demand, as `fromEvent` and a `Subject` do; `sendOnDemand` waits, as `pull` does.
 *
 * ```ts
 * import { boundedBuffer } from 'sluice';
 * import { ManualConsumer, ManualSource } from 'sluice/testing';
 *
 * const source = new ManualSource<string>();
 * const consumer = new ManualConsumer(source.pipe(boundedBuffer({ capacity: 2 })));
 * console.log(source.requested); // => 2
 * source.send('a');
 * console.log(source.requested, consumer.values); // => 1 []
 * consumer.request(1);
 * console.log(source.requested, consumer.values); // => 2 [ 'a' ]
 * ```
 */
export class ManualSource<T> extends Observable<T> {
  private readonly links: { readonly subscriber: Subscriber<T>; readonly demand: Demand }[] = [];
  private readonly waiting: T[] = [];
  private sending = false;
  /** How often it was subscribed. */
  subscriptions = 0;

  constructor() {
    super((subscriber) => {
      const link = { subscriber, demand: demandOf(subscriber) };
      this.subscriptions++;
      this.links.push(link);
      subscriber.add(() => {
        this.links.splice(this.links.indexOf(link), 1);
        this.sendWaiting();
      });
      subscriber.add(link.demand.onRequest(() => this.sendWaiting()));
      this.sendWaiting();
    });
  }

  /** Subscriptions that are open. */
  get open(): number {
    return this.links.length;
  }

  /** What every subscriber that is open asks for, the least of them; 0 when none is. */
  get requested(): number {
    return this.links.length === 0 ? 0 : Math.min(...this.links.map(({ demand }) => demand.requested));
  }

  /** Values of `sendOnDemand` that were not asked for yet: they wait for the next subscriber if these end. */
  get unsent(): number {
    return this.waiting.length;
  }

  /** Sends `value` to every subscriber now, whether or not it was asked for. */
  send(value: T): void {
    for (const { subscriber } of [...this.links]) subscriber.next(value);
  }

  /** Sends `value` as soon as every subscriber asks for it. */
  sendOnDemand(value: T): void {
    this.waiting.push(value);
    this.sendWaiting();
  }

  /** Completes every subscriber now, also while values are unsent. */
  complete(): void {
    this.endEach((subscriber) => subscriber.complete());
  }

  /** Ends every subscriber with `error` now, also while values are unsent. */
  error(error: unknown): void {
    this.endEach((subscriber) => subscriber.error(error));
  }

  /** Nothing unsent goes to those whose turn to end is still to come. */
  private endEach(end: (subscriber: Subscriber<T>) => void): void {
    const { sending, links } = this;
    this.sending = true;
    for (const { subscriber } of [...links]) end(subscriber);
    this.sending = sending;
    this.sendWaiting(); // one that subscribed meanwhile, by `retry` say, may ask for it
  }

  private sendWaiting(): void {
    if (this.sending) return;
    this.sending = true;
    while (this.waiting.length > 0 && this.requested > 0) this.send(this.waiting.shift()!);
    this.sending = false;
  }
}

/**
 * A consumer that takes what the test asks for and keeps it; see `ManualSource` for an example.
 *
 * A value that was not asked for ends it with an `OverflowError`, so an operator that ignores demand is found out.
 */
export class ManualConsumer<T> {
  readonly values: T[] = [];
  /** How the stream ended: `'complete'`, or its error in an object; undefined while it is open. */
  end: 'complete' | { readonly error: unknown } | undefined;
  private readonly sink: Sink<T>;

  /** @param onValue called with each value, after it was kept: to send, ask for more or unsubscribe from inside `next` */
  constructor(source: Observable<T>, onValue?: (value: T) => void) {
    this.sink = new Sink<T>({
      next: (value) => {
        this.values.push(value);
        onValue?.(value);
      },
      error: (error) => (this.end = { error }),
      complete: () => (this.end = 'complete'),
    });
    source.subscribe(this.sink);
  }

  /** Values asked for that have not come. */
  get requested(): number {
    return this.sink.requested;
  }

  request(n: number): void {
    this.sink.request(n);
  }

  /** What to give to `drain`. */
  get subscription(): Subscription {
    return this.sink;
  }

  unsubscribe(): void {
    this.sink.unsubscribe();
  }
}
