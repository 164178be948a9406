/** Concurrent work with a bound that the source feels: the demand-aware `mergeMap`. */
import {
  from,
  Observable,
  Subscriber,
  type ObservableInput,
  type ObservedValueOf,
  type OperatorFunction,
  type Unsubscribable,
} from 'rxjs';
import { KeyedLanes } from '../../core/keyedLanes.js';
import { CompletionOrder, SourceOrder, type Entry, type ResultOrder } from '../../core/resultOrder.js';
import { RingBuffer } from '../../core/ringBuffer.js';
import { OverflowError, ReturnError, WorkerTimeoutError } from '../../errors.js';
import { checkCount, checkDuration, checkFunction, checkOptions, expected, shown } from '../../options.js';
import { carryDemand, Listeners, UNBOUNDED, type Demand } from '../demand.js';
import { pull } from '../sources/pull.js';
import { checkStageOptions, Stage, STAGE_OPTIONS, type StageOptions } from '../stage.js';

/** What a worker is told besides its value. */
export interface WorkerContext {
  /** How many values came before this one. */
  readonly index: number;
  /** Aborts when the stream is unsubscribed or fails, or the call times out. Made when it is first looked at. */
  readonly signal: AbortSignal;
}

/** The work of a pool: a Promise, or anything RxJS's `from` takes, with 0 to n results. */
export type Worker<T, O extends ObservableInput<unknown>> = (value: T, context: WorkerContext) => O;

/** Options of `pool`. */
export interface PoolOptions<T> extends StageOptions {
  /** Calls of the worker that run at once. An integer of at least 1, or `Infinity`. Required. */
  concurrency: number;
  /**
   * The order of the results: as calls complete, or as the values came from the source. Default: `'completion'`.
   */
  order?: 'completion' | 'source' | undefined;
  /**
   * How far results may run ahead of what was delivered: in source order, values in the pool at most; in both orders, results
   * held of inner Observables that ignore demand. An integer of at least 1, or `Infinity`. Default: 256, or `concurrency + waiting`
   * if that is more.
   */
  window?: number | undefined;
  /** Values of one key are worked on one at a time, in arrival order; the pool is shared fairly between keys. Default: none. */
  key?: ((value: T) => unknown) | undefined;
  /** Values taken ahead of the work. An integer of at least 0, or `Infinity`. Default: `concurrency`. */
  waiting?: number | undefined;
  /** Milliseconds a call may take before it is aborted and the stream fails. Above 0. Default: no limit. */
  timeout?: number | undefined;
}

/**
 * Runs `worker` on each value, `concurrency` calls at once, and asks the source for no more than it can start or hold.
 *
 * Use it where you would use `mergeMap` or `concatMap` with asynchronous work. Not for synchronous functions: that is
 * `map`. A result the consumer has no room for is held in its slot, and no new work starts there.
 *
 * Order: by completion, unless `order: 'source'` or a `key` say more. Loss: none. A worker that throws or rejects ends the
 * stream at once with its error, as in `mergeMap`; what was in the pool is reported to `onDrop` as `cancelled`, with the value
 * that went in. Completion waits for the work in flight. Unsubscribing aborts it.
 *
 * ```ts
 * import { pool, pull } from 'sluice';
 *
 * const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
 * const send = async (order: number) => {
 *   await sleep(order);
 *   return `sent ${order}`;
 * };
 *
 * pull([30, 1, 10])
 *   .pipe(pool(send, { concurrency: 2, order: 'source' }))
 *   .subscribe((result) => console.log(result));
 * // => sent 30
 * // => sent 1
 * // => sent 10
 * ```
 *
 * @param worker called with a value and `{ signal, index }`; arrays and other iterables it returns are read by demand
 * @returns an operator; each subscription has a pool of its own
 * @throws OptionError at the call when an option is wrong
 * @throws OverflowError in the stream when the source, or an inner Observable, ignores demand and there is no room
 * @throws ReturnError in the stream when the worker returns nothing that can be waited for
 * @throws WorkerTimeoutError in the stream when a call takes longer than `timeout`
 */
export function pool<T, O extends ObservableInput<unknown>>(
  worker: Worker<T, O>,
  options: PoolOptions<T>,
): OperatorFunction<T, ObservedValueOf<O>> {
  checkFunction('worker', worker);
  checkOptions('pool', options, ['concurrency', 'order', 'window', 'key', 'waiting', 'timeout', ...STAGE_OPTIONS]);
  checkStageOptions(options);
  const { concurrency, order = 'completion', key, waiting = concurrency, timeout } = options;
  checkCount('concurrency', concurrency);
  checkCount('waiting', waiting, 0);
  const { window = Math.max(256, concurrency + waiting) } = options;
  checkCount('window', window);
  if (order !== 'completion' && order !== 'source') expected('order', `'completion' or 'source'`, order);
  if (key !== undefined) checkFunction('key', key);
  if (timeout !== undefined) checkDuration('timeout', timeout);
  const settings = { ...options, name: options.name ?? 'pool', concurrency, order, waiting, window };
  return (source) =>
    new Observable<ObservedValueOf<O>>(
      (subscriber) =>
        void source.subscribe(new PoolStage<T, ObservedValueOf<O>>(subscriber, worker as never, settings)),
    );
}

interface Settings<T> extends PoolOptions<T> {
  readonly name: string;
  readonly order: 'completion' | 'source';
  readonly waiting: number;
  readonly window: number;
}

/** A value on its way through the pool: *waiting*, *running* in a slot, *finished* with results held, out. */
class Call<T, R> implements Entry<R>, WorkerContext {
  finished = false;
  pending = 0;
  results: RingBuffer<R> | undefined = undefined;
  /** Made when the worker looks at `signal`; `'aborted'` when it had not done so by then. */
  private controller: AbortController | 'aborted' | undefined = undefined;

  constructor(
    readonly value: T,
    readonly index: number,
    readonly key: unknown,
    readonly arrivedAt: number,
  ) {}

  get signal(): AbortSignal {
    if (typeof this.controller === 'object') return this.controller.signal;
    const aborted = this.controller === 'aborted';
    this.controller = new AbortController();
    if (aborted) this.controller.abort();
    return this.controller.signal;
  }

  abort(reason?: unknown): void {
    if (typeof this.controller === 'object') this.controller.abort(reason);
    else this.controller = 'aborted';
  }
}

class PoolStage<T, R> extends Stage<T, R> {
  private readonly concurrency: number;
  private readonly refillAt: number;
  private readonly window: number;
  private readonly timeout: number | undefined;
  private readonly key: ((value: T) => unknown) | undefined;
  private readonly inSourceOrder: boolean;
  private readonly results: ResultOrder<R, Call<T, R>>;
  private readonly queue = new RingBuffer<Call<T, R>>();
  private readonly lanes: KeyedLanes<Call<T, R>> | undefined;
  /** What runs and waits together, at most. */
  private readonly limit: number;
  private running = 0;
  private waiting = 0;
  private index = 0;
  private readonly slots: Slot<T, R>[] = [];
  private readonly idle: Slot<T, R>[] = [];
  private readonly innerListeners = new Listeners();
  /** When the earliest call in flight may time out. */
  private nextTimeout = Infinity;

  constructor(
    out: Subscriber<R>,
    private readonly worker: Worker<T, ObservableInput<R>>,
    settings: Settings<T>,
  ) {
    super(out, settings);
    this.concurrency = settings.concurrency;
    this.limit = settings.concurrency + settings.waiting;
    this.refillAt = settings.waiting >> 1;
    this.window = settings.window;
    this.timeout = settings.timeout;
    this.key = settings.key;
    this.lanes = settings.key && new KeyedLanes();
    this.inSourceOrder = settings.order === 'source';
    this.results = this.inSourceOrder ? new SourceOrder() : new CompletionOrder();
  }

  get requested(): number {
    if (this.ending) return 0;
    const room = this.limit - this.running - this.waiting;
    if (this.inSourceOrder) return Math.min(room, this.window - this.held);
    return Math.max(0, room - this.results.size);
  }

  /** While more than half of the waiting places are taken there is work to go on with. */
  protected override get wantsMore(): boolean {
    return this.waiting <= this.refillAt && this.requested > 0;
  }

  get held(): number {
    return this.running + this.waiting + this.results.undelivered;
  }

  /** A slot is taken until its result is delivered, or in source order until the result can wait for its turn elsewhere. */
  private get slotFree(): boolean {
    return this.concurrency > (this.inSourceOrder ? this.running : this.running + this.results.size);
  }

  protected accept(value: T): void {
    if (this.requested <= 0) return this.overrun(value);
    const key = this.key?.(value);
    const call = new Call<T, R>(value, this.index++, key, this.arrivalTime());
    this.results.enter(call);
    if (this.lanes === undefined && this.waiting === 0 && this.slotFree) return this.start(call);
    this.waiting++;
    if (this.lanes === undefined) {
      this.queue.push(call);
    } else {
      this.lanes.push(key, call);
      this.run();
    }
  }

  protected work(): void {
    const { results, lanes, queue } = this;
    for (let innersAsked = false; ;) {
      if (results.ready && this.downstream.requested > 0) {
        const result = results.take();
        this.countOut(results.outByTake);
        this.pass(result);
      } else if (this.waiting > 0 && (lanes === undefined || lanes.available) && this.slotFree) {
        this.waiting--;
        this.start(lanes === undefined ? queue.shift() : lanes.take());
      } else if (!innersAsked && this.innerListeners.size > 0) {
        innersAsked = true;
        this.innerListeners.wake(this.inSourceOrder ? UNBOUNDED : this.downstream);
        continue;
      } else break;
      innersAsked = false;
    }
    if (this.timeout !== undefined) this.watchTimeouts(this.timeout);
  }

  protected clear(): void {
    for (const slot of this.slots) {
      const { call } = slot;
      if (call === undefined) continue;
      slot.clear();
      call.abort();
      this.cancel(call);
    }
    const calls = [...this.results.clear(), ...(this.lanes?.drain() ?? drain(this.queue))];
    this.running = 0;
    this.waiting = 0;
    for (const call of calls) this.cancel(call);
  }

  private cancel(call: Call<T, R>): void {
    this.drop(call.value, 'cancelled', this.ageSince(call.arrivedAt));
  }

  private overrun(value: T): void {
    if (this.ending) return this.drop(value, 'cancelled');
    this.drop(value, 'overflow');
    const advice = 'make it pause (see demandOf), or put a boundedBuffer with a named `overflow` before the pool';
    this.endWith(new OverflowError(this.name, this.limit, advice));
  }

  private start(call: Call<T, R>): void {
    let slot = this.idle.pop();
    if (slot === undefined) this.slots.push((slot = new Slot(this)));
    slot.call = call;
    this.running++;
    if (this.timeout !== undefined) this.timeFrom(slot);
    try {
      const result: unknown = this.worker(call.value, call);
      if (result instanceof Promise) result.then(slot.onResult, slot.onError);
      else slot.subscribe(this.inner(result));
    } catch (error) {
      this.fail(error);
    }
  }

  /** What a worker returned as something to subscribe to; arrays, strings and iterables are read by demand. */
  private inner(result: unknown): Observable<R> {
    if (result instanceof Observable) return result as Observable<R>;
    const iterable = result as Partial<Iterable<R> & AsyncIterable<R>> | null | undefined;
    if (iterable?.[Symbol.iterator] !== undefined || iterable?.[Symbol.asyncIterator] !== undefined) {
      return pull(result as Iterable<R>);
    }
    try {
      return from(result as ObservableInput<R>);
    } catch {
      throw new ReturnError(
        this.name,
        result,
        `the worker returned ${shown(result)}, expected a Promise or Observable`,
      );
    }
  }

  /** A promise came true: the call's only result. */
  resolved(slot: Slot<T, R>, result: R): void {
    if (slot.call === undefined) return;
    this.give(slot.call, result);
    this.finished(slot);
  }

  /** A result of an inner Observable. */
  produced(call: Call<T, R>, result: R): void {
    const { results } = this;
    if (results.size < this.window || (results.first(call) && this.clearAhead)) {
      this.give(call, result);
      return this.run();
    }
    const advice = 'an inner Observable sent results without demand; return a source that waits, or raise `window`';
    this.fail(new OverflowError(this.name, this.window, advice));
  }

  finished(slot: Slot<T, R>): void {
    const { call } = slot;
    if (call === undefined) return;
    slot.clear();
    this.idle.push(slot);
    this.running--;
    this.countOut(this.results.finish(call));
    this.lanes?.done(call.key);
    this.run();
  }

  failed(slot: Slot<T, R>, error: unknown): void {
    if (slot.call !== undefined) this.fail(error);
  }

  /** What an inner source of `call` may send now. */
  roomFor(call: Call<T, R>): number {
    if (this.results.first(call)) return this.clearAhead ? this.downstream.requested : 0;
    return this.inSourceOrder ? this.window - this.results.size : 0;
  }

  onInnerRequest(listener: () => void): Unsubscribable {
    return this.innerListeners.add(listener);
  }

  private give(call: Call<T, R>, result: R): void {
    if (this.clearAhead && this.results.first(call)) this.pass(result);
    else this.results.hold(call, result);
  }

  private timeFrom(slot: Slot<T, R>): void {
    slot.due = this.scheduler.now() + this.timeout!;
    if (this.nextTimeout !== Infinity) return;
    this.nextTimeout = slot.due;
    this.workAt(slot.due);
  }

  /** Timers fire early and late: what has timed out is told by the clock, and looked at when the earliest may have. */
  private watchTimeouts(timeout: number): void {
    if (this.running === 0) this.nextTimeout = Infinity;
    else if (this.scheduler.now() >= this.nextTimeout) {
      const late = this.slots.find((slot) => slot.call !== undefined && slot.due <= this.scheduler.now());
      if (late?.call !== undefined) {
        const error = new WorkerTimeoutError(this.name, timeout, late.call.index);
        late.call.abort(error);
        return this.fail(error);
      }
      this.nextTimeout = Math.min(...this.slots.map((slot) => (slot.call === undefined ? Infinity : slot.due)));
    }
    this.workAt(this.nextTimeout);
  }
}

/** A place where one call runs; used again and again, so that a value costs no new callbacks. */
class Slot<T, R> {
  call: Call<T, R> | undefined = undefined;
  /** When the call times out. */
  due = Infinity;
  private inner: Inner<T, R> | undefined = undefined;

  constructor(private readonly stage: PoolStage<T, R>) {}

  readonly onResult = (result: R): void => this.stage.resolved(this, result);
  readonly onError = (error: unknown): void => this.stage.failed(this, error);

  subscribe(source: Observable<R>): void {
    this.inner = new Inner(this.stage, this, this.call!);
    source.subscribe(this.inner);
  }

  clear(): void {
    this.call = undefined;
    if (this.inner === undefined) return;
    const { inner } = this;
    this.inner = undefined;
    inner.unsubscribe();
  }
}

/** Subscribes to what one call returned, and ends the chain on which that finds its demand. */
class Inner<T, R> extends Subscriber<R> implements Demand {
  constructor(
    private readonly stage: PoolStage<T, R>,
    private readonly slot: Slot<T, R>,
    private readonly call: Call<T, R>,
  ) {
    super();
    carryDemand(this);
  }

  get requested(): number {
    return this.closed ? 0 : this.stage.roomFor(this.call);
  }

  onRequest(listener: () => void): Unsubscribable {
    return this.stage.onInnerRequest(listener);
  }

  protected override _next(result: R): void {
    this.stage.produced(this.call, result);
  }

  protected override _error(error: unknown): void {
    this.stage.failed(this.slot, error);
  }

  protected override _complete(): void {
    this.stage.finished(this.slot);
  }
}

function* drain<T>(ring: RingBuffer<T>): Generator<T> {
  while (ring.size > 0) yield ring.shift();
}
