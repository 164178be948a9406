/** A queue with a bound between plain code and a pipeline. */
import { Observable, type Subscriber } from 'rxjs';
import { RingBuffer } from '../../core/ringBuffer.js';
import { QueueClosedError } from '../../errors.js';
import { checkOptions, POSITIVE, required, SIGNAL, STRING } from '../../options.js';
import { demandOf, ignoresValues, NOTHING, type Demand, type Draining } from '../demand.js';
import { probeFrom } from '../counted.js';
import {
  STAGE_RULES,
  type Activity,
  type Ledger,
  type MonitoredStage,
  type StageMonitor,
  type StageProbe,
} from '../stageOptions.js';
import { Senders } from './senders.js';

/** The answer to `offer`: taken; no room now; or closed for good. */
export type Offer = 'accepted' | 'full' | 'closed';

/** Options of `boundedQueue`. */
export interface BoundedQueueOptions {
  /** Values held at most. An integer of at least 1, or `Infinity`. Required. */
  capacity: number;
  /** What errors and the ledger call the queue. Default: `'boundedQueue'`. */
  name?: string | undefined;
  /** Is given the queue, to watch it from the start until it has ended. Default: nobody. */
  monitor?: StageMonitor | undefined;
}

/**
 * A queue with a bound that plain code fills and a pipeline empties.
 *
 * Use it where values come from callbacks and handlers (HTTP requests, sockets): `offer` answers at once whether there is room,
 * so the caller can refuse (429); `send` waits for room, so the caller is slowed. Not for iterables and streams: `pull` reads those
 * without a queue.
 *
 * Order: as accepted; waiting senders are served first come, first served, before any later `offer`. Loss: none; accepted values
 * stay until a subscriber takes them. Several subscribers compete: each value goes to one of them, in turn among those with room.
 * After `complete` or `error`, what was accepted is still delivered, then the subscribers end, later ones too.
 *
 * ```ts
 * import { boundedQueue, pool } from 'sluice';
 *
 * const orders = boundedQueue<string>({ capacity: 2 });
 * console.log(orders.offer('a'), orders.offer('b'), orders.offer('c')); // => accepted accepted full
 *
 * orders.pipe(pool(async (order) => `mailed ${order}`, { concurrency: 1 })).subscribe({
 *   next: (mail) => console.log(mail),
 *   complete: () => console.log('done'),
 * });
 * await orders.send('d');
 * orders.complete();
 * console.log(orders.offer('e'));
 * // => mailed a
 * // => closed
 * // => mailed b
 * // => mailed d
 * // => done
 * ```
 *
 * @throws OptionError at the call when an option is wrong
 */
export function boundedQueue<T>(options: BoundedQueueOptions): BoundedQueue<T> {
  const { capacity, name = 'boundedQueue', monitor } = options;
  checkOptions('boundedQueue', options, { capacity: required(POSITIVE), name: STRING, monitor: STAGE_RULES.monitor });
  return new BoundedQueue(capacity, name, monitor);
}

/**
 * What `boundedQueue` returns. States: *open* → *closing* (`complete` or `error` was called; what was accepted is still
 * delivered) → *ended* (nothing is held: subscribers are told, and one that comes later, from inside `complete` too, at once).
 */
export class BoundedQueue<T> extends Observable<T> implements MonitoredStage {
  private readonly values = new RingBuffer<T>();
  private readonly senders = new Senders<T>();
  private readonly consumers: Consumer<T>[] = [];
  private turn = 0;
  /** Consumers that are to be completed, and take nothing more. */
  private leavers = 0;
  private delivering = false;
  private end: { readonly error: unknown } | 'complete' | undefined;
  private arrived = 0;
  private delivered = 0;
  private probe: StageProbe | undefined;
  /** One value at a time has its wait measured: its number, and the monitor's mark of when it came. */
  private measured = -1;
  private mark = -1;

  /** Use `boundedQueue`, which checks its options. */
  constructor(
    readonly capacity: number,
    readonly name: string,
    monitor?: StageMonitor,
  ) {
    super((subscriber) => this.attach(subscriber));
    this.probe = probeFrom(monitor?.add(this));
  }

  /** Values held. */
  get size(): number {
    return this.values.size;
  }

  /** Callers of `send` that wait for room. */
  get waiting(): number {
    return this.senders.size;
  }

  /** True from `complete` or `error` on. */
  get closed(): boolean {
    return this.end !== undefined;
  }

  /** Values held: the same as `size`. */
  get held(): number {
    return this.values.size;
  }

  /** Values that it would accept now. */
  get requested(): number {
    return this.closed ? 0 : this.capacity - this.values.size;
  }

  /** What it does now, for a monitor. */
  get activity(): Activity {
    return this.values.size > 0 ? 'blocked' : 'starved';
  }

  /** The demand of the consumer that came first, for a monitor. */
  get downstream(): Demand | undefined {
    return this.consumers[0]?.demand;
  }

  /** What went through so far: `in` counts what was accepted. */
  get ledger(): Ledger {
    return { stage: this.name, in: this.arrived, out: this.delivered, dropped: 0, reasons: {}, held: this.size };
  }

  /** Hands `value` over if there is room: answers at once, and never throws. */
  offer(value: T): Offer {
    if (this.closed) return 'closed';
    if (this.values.size >= this.capacity) return 'full';
    this.take(value);
    this.deliver();
    return 'accepted';
  }

  /**
   * Hands `value` over as soon as there is room, and resolves then.
   *
   * @param options.signal gives up waiting: the promise rejects with the signal's reason, and the value was not accepted
   * @throws OptionError by rejection, when an option is wrong
   * @throws QueueClosedError when the queue is closed, or is while it waits
   */
  async send(value: T, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    checkOptions('send', options, { signal: SIGNAL });
    const { signal } = options;
    if (signal?.aborted) throw signal.reason;
    if (this.closed) throw this.closedError();
    if (this.values.size >= this.capacity) return this.senders.wait(value, signal);
    this.take(value);
    this.deliver();
  }

  /** Closes the queue: waiting senders are refused, what was accepted is delivered, then subscribers complete. */
  complete(): void {
    this.close('complete');
  }

  /** Closes the queue like `complete`, but subscribers get `error` after the last value. */
  error(error: unknown): void {
    this.close({ error });
  }

  private close(end: { readonly error: unknown } | 'complete'): void {
    if (this.closed) return;
    this.end = end;
    this.senders.refuse(this.closedError());
    this.deliver();
  }

  private closedError(): QueueClosedError {
    return new QueueClosedError(this.name, typeof this.end === 'object' ? this.end.error : undefined);
  }

  private take(value: T): void {
    this.arrived++;
    this.values.push(value);
    if (this.probe !== undefined) this.tellArrival(this.probe);
  }

  private attach(subscriber: Subscriber<T>): void {
    const demand = demandOf(subscriber);
    if (demand === NOTHING) return; // it came while its pipeline drains
    if (this.ended) return this.tellEnd(subscriber);
    const consumer: Consumer<T> = { subscriber, demand };
    this.consumers.push(consumer);
    subscriber.add(() => this.detach(consumer));
    subscriber.add(demand.onRequest(() => this.deliver()));
    subscriber.add(demand.onDrain?.((draining) => this.leave(consumer, draining)));
    this.deliver();
  }

  /** Its pipeline drains: the last consumer closes the queue, and takes what is held; others leave that to those who stay. */
  private leave(consumer: Consumer<T>, draining: Draining): void {
    if (this.consumers.length - this.leavers > 1) {
      consumer.demand = NOTHING;
      this.leavers++;
      return this.deliver();
    }
    draining.watch(this);
    this.complete();
  }

  private detach(consumer: Consumer<T>): void {
    if (leaves(consumer)) this.leavers--;
    const index = this.consumers.indexOf(consumer);
    this.consumers.splice(index, 1);
    if (index < this.turn) this.turn--;
  }

  private deliver(): void {
    if (this.delivering) return;
    this.delivering = true;
    try {
      while (this.values.size > 0) {
        const consumer = this.nextWithRoom();
        if (consumer === undefined) break;
        const value = this.values.shift();
        if (++this.delivered === this.measured) this.tellWait();
        this.admit(); // before the value is out: the place that became free is the first sender's, whatever happens meanwhile
        consumer.subscriber.next(value);
      }
      if (this.leavers > 0 || this.ended) this.tellEnds();
    } finally {
      this.delivering = false;
    }
  }

  private tellEnds(): void {
    for (const { subscriber } of this.consumers.filter(leaves)) subscriber.complete();
    if (!this.ended) return;
    this.probe?.released();
    for (const { subscriber } of [...this.consumers]) this.tellEnd(subscriber);
  }

  private tellArrival(probe: StageProbe): void {
    probe.arrived();
    if (!probe.sampling || this.delivered < this.measured) return;
    this.measured = this.arrived;
    this.mark = probe.mark();
  }

  private tellWait(): void {
    this.probe!.waited(this.probe!.since(this.mark));
  }

  /** True when there is nothing to deliver and never will be. */
  private get ended(): boolean {
    return this.end !== undefined && this.values.size === 0;
  }

  private tellEnd(subscriber: Subscriber<T>): void {
    if (typeof this.end === 'object') subscriber.error(this.end.error);
    else subscriber.complete();
  }

  private admit(): void {
    for (let sender; this.values.size < this.capacity && (sender = this.senders.first) !== undefined;) {
      this.take(sender.value);
      sender.accept();
    }
  }

  /** The next in turn that has room, and would not ignore a value: what is accepted is not for one that has ended. */
  private nextWithRoom(): Consumer<T> | undefined {
    const { consumers } = this;
    for (let left = consumers.length; left > 0; left--) {
      if (this.turn >= consumers.length) this.turn = 0;
      const consumer = consumers[this.turn++]!;
      if (consumer.demand.requested > 0 && !ignoresValues(consumer.subscriber)) return consumer;
    }
    return undefined;
  }
}

interface Consumer<T> {
  readonly subscriber: Subscriber<T>;
  /** `NOTHING` once it is to be completed. */
  demand: Demand;
}

function leaves({ demand }: Consumer<never>): boolean {
  return demand === NOTHING;
}
