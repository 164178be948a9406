/** The stage behind `pool`. */
import { from, Observable, type ObservableInput, type Subscriber, type Unsubscribable } from 'rxjs';
import { KeyedLanes } from '../../core/keyedLanes.js';
import { CompletionOrder, SourceOrder, type ResultOrder } from '../../core/resultOrder.js';
import { RingBuffer } from '../../core/ringBuffer.js';
import { OverflowError, ReturnError, WorkerTimeoutError } from '../../errors.js';
import { shown } from '../../options.js';
import { Listeners, UNBOUNDED } from '../demand.js';
import { pull } from '../sources/pull.js';
import { Stage } from '../stage.js';
import type { StageOptions } from '../stageOptions.js';
import { Timer } from '../timer.js';
import { Call, Slot, type CallOwner, type WorkerContext } from './poolCall.js';

/** The options of `pool`, checked and with their defaults. */
export interface PoolSettings<T> extends StageOptions {
  readonly concurrency: number;
  readonly key?: ((value: T) => unknown) | undefined;
  readonly timeout?: number | undefined;
  readonly name: string;
  readonly order: 'completion' | 'source';
  readonly waiting: number;
  readonly window: number;
}

export class PoolStage<T, R> extends Stage<T, R> implements CallOwner<T, R> {
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
  /** Nothing but room decides when a value starts. */
  private readonly plain: boolean;
  private running = 0;
  private waiting = 0;
  private index = 0;
  private readonly slots: Slot<T, R>[] = [];
  private readonly idle: Slot<T, R>[] = [];
  private readonly innerListeners = new Listeners();
  /** Goes off when the earliest call in flight may have timed out. */
  private readonly timer = new Timer(this.scheduler, () => this.run());
  private nextTimeout = Infinity;

  constructor(
    out: Subscriber<R>,
    private readonly worker: (value: T, context: WorkerContext) => ObservableInput<R>,
    settings: PoolSettings<T>,
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
    this.plain = !this.inSourceOrder && settings.key === undefined && settings.timeout === undefined;
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
    this.timer.set(Infinity);
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
    this.running++;
    this.startIn(slot, call);
  }

  private startIn(slot: Slot<T, R>, call: Call<T, R>): void {
    slot.call = call;
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
    const { results, waiting, innerListeners } = this;
    if (!this.plain || waiting === 0 || results.size > 0 || innerListeners.size > 0 || this.busy) {
      return this.finished(slot);
    }
    // The usual case, worth a fifth of a pool's cost: the slot goes on with the next value, without a round of `run`.
    this.countOut(1);
    this.waiting--;
    this.startIn(slot, this.queue.shift());
    this.wakeSources();
  }

  /** A result of an inner Observable. */
  produced(call: Call<T, R>, result: R): void {
    const { results } = this;
    if (results.size < this.window || (results.first(call) && this.clearAhead)) {
      this.give(call, result);
      this.noteRoom();
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
    this.timer.set(slot.due);
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
    this.timer.set(this.nextTimeout);
  }
}

function* drain<T>(ring: RingBuffer<T>): Generator<T> {
  while (ring.size > 0) yield ring.shift();
}
