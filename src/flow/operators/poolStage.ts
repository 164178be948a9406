/** The stage behind `pool`. */
import type { ObservableInput, Subscriber } from 'rxjs';
import { KeyedLanes } from '../../core/keyedLanes.js';
import { CompletionOrder, SourceOrder, type ResultOrder } from '../../core/resultOrder.js';
import { RingBuffer } from '../../core/ringBuffer.js';
import { OverflowError } from '../../errors.js';
import { UNBOUNDED } from '../demand.js';
import { tellDropped } from '../dropped.js';
import type { Activity } from '../stageOptions.js';
import { Call, type Slot } from './poolCall.js';
import { PoolCalls } from './poolCalls.js';
import type { PoolSettings } from './poolSettings.js';
import type { Worker, WorkerSource } from './poolWorkers.js';

export class PoolStage<T, R> extends PoolCalls<T, R> {
  private readonly inSourceOrder: boolean;
  private readonly results: ResultOrder<R, Call<T, R>>;
  private readonly queue = new RingBuffer<Call<T, R>>();
  private readonly lanes: KeyedLanes<Call<T, R>> | undefined;
  private readonly key: ((value: T) => unknown) | undefined;
  /** Calls have details. */
  private readonly detailed: boolean;
  /** Nothing but room decides when a value starts. */
  private readonly plain: boolean;
  private waiting = 0;

  constructor(
    out: Subscriber<R>,
    workers: Worker<T, ObservableInput<R>> | WorkerSource<T, R>,
    settings: PoolSettings<T>,
  ) {
    super(out, workers, settings);
    const { key, timeout, deadline, retry, order } = settings;
    this.key = key;
    this.detailed = deadline !== undefined || retry !== undefined;
    this.lanes = key && new KeyedLanes();
    this.inSourceOrder = order === 'source';
    this.plain = !this.inSourceOrder && key === undefined && timeout === undefined && deadline === undefined;
    this.results = this.inSourceOrder ? new SourceOrder() : new CompletionOrder();
    this.scale();
  }

  get capacity(): number {
    return this.inSourceOrder ? Math.min(this.limit, this.window) : this.limit;
  }

  /** *Busy* where values wait for workers, or would have to; *blocked* where that is so because results wait; else *starved*, if not wholly. */
  override get activity(): Activity {
    const full = this.waiting > 0 || (this.requested <= 0 && (this.held > 0 || !this.ending));
    if (full && this.running >= this.concurrency) return 'busy';
    if (this.results.ready) return 'blocked';
    return full ? 'busy' : 'starved';
  }

  get waitsFor(): string {
    if (this.concurrency === 0) return 'its concurrency to rise above 0';
    if (this.running >= this.concurrency) return 'its workers';
    if (this.waiting > 0 && this.lanes !== undefined) return 'values of the same keys';
    if (this.retrying > 0) return 'calls that are to be tried again';
    return this.inSourceOrder ? 'the result of the oldest value' : 'its workers';
  }

  get requested(): number {
    if (this.ending) return 0;
    const room = this.limit - this.running - this.waiting - this.retrying;
    return Math.max(0, this.inSourceOrder ? Math.min(room, this.window - this.held) : room - this.results.size);
  }

  /** While more than half of the waiting places are taken there is work to go on with, unless all of it waits for its key. */
  protected override get wantsMore(): boolean {
    if (this.waiting > this.refillAt && this.lanes?.available !== false) return false;
    return this.requested > 0;
  }

  get held(): number {
    return this.running + this.waiting + this.retrying + this.results.undelivered;
  }

  protected get unstarted(): number {
    return this.waiting;
  }

  /** A slot is taken until its result is delivered, or in source order until the result can wait for its turn elsewhere. */
  private get slotFree(): boolean {
    return this.concurrency > (this.inSourceOrder ? this.running : this.running + this.results.size);
  }

  protected accept(value: T): void {
    const details = this.detailed ? this.detailsOf(value) : undefined;
    const key = this.key?.(value);
    if (this.released) return; // a callback unsubscribed
    if (this.requested <= 0 && --this.promised < 0) return this.overrun(value);
    const call = new Call<T, R>(value, this.index++, key, this.arrivalTime(), details);
    if (details !== undefined) this.settings.retry?.budget?.called();
    this.results.enter(call);
    if (this.watcher !== undefined) {
      this.watcher.arrived();
      if (this.released) return; // so did what it asked
    }
    if (this.lanes === undefined && this.waiting === 0 && this.slotFree) return this.startOrExpire(call);
    this.waiting++;
    if (this.lanes === undefined) {
      this.queue.push(call);
    } else {
      this.lanes.push(call.key, call);
      this.run();
    }
  }

  protected work(): void {
    const { results, lanes, queue, retries } = this;
    if (this.clock.rang) this.onTime();
    for (let innersAsked = false; ;) {
      if (results.ready && this.downstream.requested > 0) {
        const result = results.take();
        this.countOut(results.outByTake);
        this.pass(result);
      } else if (retries.size > 0 && this.slotFree) {
        this.retrying--;
        this.startOrExpire(retries.shift());
      } else if (this.waiting > 0 && (lanes === undefined || lanes.available) && this.slotFree) {
        this.waiting--;
        this.startOrExpire(lanes === undefined ? queue.shift() : lanes.take());
      } else if (!innersAsked && this.innerListeners.size > 0) {
        innersAsked = true;
        this.innerListeners.wake(this.inSourceOrder ? UNBOUNDED : this.downstream);
        continue;
      } else break;
      innersAsked = false;
    }
  }

  protected clear(): void {
    const { calls: started, stop } = this.takeStarted();
    const lost: R[] = [];
    const begun = [...started, ...this.results.clear((result) => lost.push(result))];
    const waiting = this.lanes?.drain() ?? this.queue.drain();
    this.waiting = 0;
    stop();
    for (const call of begun) this.drop(call.value, 'cancelled', this.ageSince(call.arrivedAt), true);
    for (const call of waiting) this.drop(call.value, 'cancelled', this.ageSince(call.arrivedAt), call.triedBefore);
    tellDropped(lost, 'cancelled');
  }

  private overrun(value: T): void {
    if (this.ending) return this.drop(value, 'cancelled');
    this.promised = 0;
    this.drop(value, 'overflow');
    const advice = 'make it pause (see demandOf), or put a boundedBuffer with a named `overflow` before the pool';
    this.endWith(new OverflowError(this.name, this.capacity, advice));
  }

  private startOrExpire(call: Call<T, R>): void {
    if (call.timeLeft > 0) this.start(call);
    else this.expire(call);
  }

  protected expire(call: Call<T, R>, begun: boolean = call.triedBefore): void {
    this.drop(call.value, 'expired', this.ageSince(call.arrivedAt), begun);
    this.countOut(this.results.skip(call));
    this.lanes?.done(call.key);
  }

  resolved(slot: Slot<T, R>, result: R): void {
    if (this.watcher !== undefined) this.tell(slot, result);
    this.conclude(slot, result);
  }

  /** The call of `slot` has come to `result`. */
  protected conclude(slot: Slot<T, R>, result: R): void {
    const { call } = slot;
    if (call === undefined) return tellDropped(result, 'cancelled'); // it comes too late
    if (slot.mark !== -1) this.served(slot);
    const { results } = this;
    if (!this.clearAhead || !results.first(call)) {
      results.hold(call, result);
      return this.finished(slot);
    }
    // The value is out before its result is: the consumer may end the stream with that.
    this.free(slot);
    this.countOut(results.finish(call));
    this.lanes?.done(call.key);
    this.pass(result);
    const usual = this.plain && this.waiting > 0 && results.size === 0 && this.running === this.concurrency - 1;
    if (usual && !this.busy && this.innerListeners.size === 0 && this.retries.size === 0) {
      // Worth a fifth of a pool's cost: the slot goes on with the next value, without a round of `run`.
      this.waiting--;
      this.running++;
      this.startIn(slot, this.queue.shift());
      return this.wakeSources();
    }
    this.letGo(slot);
    this.run();
  }

  /** A result of an inner Observable. */
  produced(call: Call<T, R>, result: R): void {
    const { results } = this;
    if (results.size < this.window || (results.first(call) && this.clearAhead)) {
      this.give(call, result);
      this.noteRoom();
      return this.run();
    }
    const advice = `an Observable that the worker returned sent more than ${this.window} results without demand: return an array or pull(…), or raise \`window\``;
    this.fail(new OverflowError(this.name, this.window, advice));
  }

  /** The same without going on with the next value before what called this has returned. */
  protected concludeLater(slot: Slot<T, R>, result: R, abandoned: boolean = false): void {
    const { call } = slot;
    if (call === undefined) return tellDropped(result, 'cancelled');
    this.results.hold(call, result);
    this.finished(slot, abandoned);
  }

  finished(slot: Slot<T, R>, abandoned: boolean = false): void {
    const { call } = slot;
    if (call === undefined) return;
    if (slot.mark !== -1) this.served(slot);
    if (slot.startedAt >= 0) this.watcher?.ended(slot);
    this.free(slot);
    this.countOut(this.results.finish(call));
    this.lanes?.done(call.key);
    this.letGo(slot, abandoned);
    this.run();
  }

  protected tell(slot: Slot<T, R>, result: unknown): void {
    try {
      if (slot.call !== undefined) this.watcher!.ended(slot, result);
    } catch (error) {
      this.fail(error); // `isOverload` threw
    }
  }

  protected delayed(call: Call<T, R>): void {
    if (!this.keepsOrder) this.lanes?.done(call.key);
  }

  /** With a key it has kept its lane busy, or goes to the end of that. */
  protected tryAgain(call: Call<T, R>): void {
    if (this.keepsOrder) return this.retries.push(call);
    this.retrying--;
    this.waiting++;
    this.lanes!.push(call.key, call);
  }

  private get keepsOrder(): boolean {
    return this.lanes === undefined || this.settings.retry?.keepOrder !== false;
  }

  /** What an inner source of `call` may send now. */
  roomFor(call: Call<T, R>): number {
    if (this.results.first(call)) return this.clearAhead ? this.downstream.requested : 0;
    return this.inSourceOrder ? this.window - this.results.size : 0;
  }

  private give(call: Call<T, R>, result: R): void {
    if (call.details !== undefined) call.details.gave = true;
    if (this.clearAhead && this.results.first(call)) this.pass(result);
    else this.results.hold(call, result);
  }
}
