/** The calls of a pool: where they run, how long they may, whether they are tried again, and how many there are at once. */
import { Observable, type ObservableInput, type Subscriber, type Unsubscribable } from 'rxjs';
import { RingBuffer } from '../../core/ringBuffer.js';
import { ReturnError, WorkerTimeoutError } from '../../errors.js';
import { NOT_NEGATIVE } from '../../options.js';
import type { ConcurrencyWatcher, PoolFigures, ScaledPool } from '../concurrency.js';
import { expiryOf } from '../deadline.js';
import { Listeners } from '../demand.js';
import { tellDropped } from '../dropped.js';
import { follow } from '../follow.js';
import { abort } from '../lazySignal.js';
import { Stage } from '../stage.js';
import { guarded } from '../unhandled.js';
import { CallDetails, Slot, type Call, type CallOwner } from './poolCall.js';
import { PoolClock } from './poolClock.js';
import { retryDelay } from './poolRetry.js';
import type { PoolSettings } from './poolSettings.js';
import { sourceOf, type Worker, type WorkerSession, type WorkerSource } from './poolWorkers.js';

/** The half of a pool's stage that runs calls; `PoolStage` is the one that takes values and gives results. */
export abstract class PoolCalls<T, R> extends Stage<T, R> implements CallOwner<T, R>, ScaledPool {
  protected running = 0;
  /** Calls that wait for another attempt, or for a slot for it. */
  protected retrying = 0;
  protected concurrency = 0;
  /** What runs and waits together, at most. */
  protected limit = 0;
  /** How much more was asked for than there is room for, the limit having fallen since: so much is still taken. */
  protected promised = 0;
  protected refillAt = 0;
  protected window = 1;
  protected index = 0;
  /** Calls whose delay is over: they go before what waits. */
  protected readonly retries: RingBuffer<Call<T, R>> = new RingBuffer<Call<T, R>>(2);
  protected readonly innerListeners: Listeners = new Listeners();
  /** Told what happens, where a rule sets the concurrency. */
  protected watcher: ConcurrencyWatcher | undefined = undefined;
  protected readonly clock: PoolClock<T, R> = new PoolClock(this.time, () => this.run());
  private readonly slots: Slot<T, R>[] = [];
  private readonly idle: Slot<T, R>[] = [];
  protected worker: Worker<T, ObservableInput<R>> | undefined;
  /** Opened by the first value, where the worker is no function. */
  private session: WorkerSession<T, R> | undefined = undefined;
  private readonly timeout: number | undefined;

  constructor(
    out: Subscriber<R>,
    private readonly workers: Worker<T, ObservableInput<R>> | WorkerSource<T, R>,
    protected readonly settings: PoolSettings<T>,
  ) {
    super(out, settings);
    this.timeout = settings.timeout;
    this.worker = typeof workers === 'function' ? workers : undefined;
  }

  /** Sets the concurrency, and from now on. The last step of the constructor: an Observable may have a number at once. */
  protected scale(): void {
    const { concurrency } = this.settings;
    if (typeof concurrency === 'number') return this.resize(concurrency);
    if (!(concurrency instanceof Observable)) {
      this.watcher = concurrency.attach(this);
      return;
    }
    const apply = (value: number): void => {
      this.resize(value);
      this.run();
    };
    const fail = (error: unknown): void => this.fail(error);
    const follower = { stage: this.name, option: 'concurrency', rule: NOT_NEGATIVE, apply, fail };
    this.out.add(follow(concurrency, follower));
  }

  /** Calls that wait and have not begun. */
  protected abstract get unstarted(): number;
  /** A promise came true: the call's only result. */
  abstract resolved(slot: Slot<T, R>, result: R): void;
  abstract produced(call: Call<T, R>, result: R): void;
  abstract finished(slot: Slot<T, R>): void;
  abstract roomFor(call: Call<T, R>): number;
  /** A value's deadline has passed, or will have before it can be tried again. */
  protected abstract expire(call: Call<T, R>, begun?: boolean): void;
  /** A call that failed is delayed: its key may go on with another. */
  protected abstract delayed(call: Call<T, R>): void;
  /** Its delay is over. */
  protected abstract tryAgain(call: Call<T, R>): void;

  resize(most: number): void {
    const concurrency = Math.min(most, (this.workers as Partial<WorkerSource<T, R>>).max ?? Infinity);
    const { waiting = concurrency, window } = this.settings;
    const { requested } = this;
    this.concurrency = concurrency;
    this.limit = concurrency + waiting;
    this.refillAt = Math.floor(waiting / 2);
    this.window = window ?? Math.max(256, this.window, this.limit);
    this.promised = Math.max(0, this.promised + requested - this.requested) || 0; // NaN: both are Infinity
    this.session?.resize?.(concurrency);
    this.noteRoom();
  }

  figures(): PoolFigures {
    const { index: arrived, held, requested: room, running, concurrency } = this;
    return { now: this.now(), arrived, held, room, running, concurrency, waiting: this.unstarted + this.retrying };
  }

  now(): number {
    return this.scheduler.now();
  }

  lookIn(ms: number): void {
    this.clock.lookIn(ms);
  }

  onInnerRequest(listener: () => void): Unsubscribable {
    return this.innerListeners.add(listener);
  }

  failed(slot: Slot<T, R>, error: unknown, abandoned: boolean = false): void {
    const { call } = slot;
    if (call === undefined) return;
    slot.mark = -1; // how long a call takes that fails says nothing about the others
    let delay: number | undefined;
    try {
      this.watcher?.failed(slot, error);
      delay = this.delayOf(call, error);
    } catch (thrown) {
      return this.fail(thrown);
    }
    if (delay === undefined) return this.fail(error);
    if (slot.call === undefined) return; // a callback unsubscribed
    this.free(slot);
    if (delay === Infinity) {
      try {
        this.expire(call, true);
      } catch (thrown) {
        return this.fail(thrown); // `onDrop` threw
      }
    } else {
      call.tryAgainAfter(delay);
      this.retrying++;
      this.clock.delay(call, delay);
      this.delayed(call);
    }
    this.letGo(slot, abandoned);
    this.run();
  }

  protected detailsOf(value: T): CallDetails {
    return new CallDetails(this.time, expiryOf(this.name, value, this.settings.deadline, this.time));
  }

  protected start(call: Call<T, R>): void {
    let slot = this.idle.pop();
    if (slot === undefined) this.slots.push((slot = new Slot(this)));
    this.running++;
    this.noteRoom(); // the work may be done, and the room there again, before the value has arrived
    this.startIn(slot, call);
  }

  protected startIn(slot: Slot<T, R>, call: Call<T, R>): void {
    slot.call = call;
    if (this.probe !== undefined && call.arrivedAt !== -1) this.sample(slot, call);
    if (this.timeout !== undefined) this.clock.limit(slot, this.timeout);
    if (this.watcher !== undefined) this.watcher.started(slot);
    let result: unknown;
    try {
      const worker = this.worker ?? this.openSession();
      result = worker(call.value, call.context);
    } catch (error) {
      return this.failed(slot, error);
    }
    if (result instanceof Promise) result.then(slot.onResult, slot.onError);
    else if (slot.call === call) this.returned(slot, result);
    else tellDropped(result, 'cancelled'); // it unsubscribed its own stream
  }

  /** Measures the wait of a value that begins, and what its call takes, if it is one of those that the monitor wants measured. */
  private sample(slot: Slot<T, R>, call: Call<T, R>): void {
    const probe = this.probe!;
    if (call.arrivedAt < 0 || probe.sampling) slot.mark = probe.mark();
    if (call.details?.again === undefined) this.waited(call.arrivedAt);
  }

  /** The call in `slot`, which was measured, has ended. */
  protected served(slot: Slot<T, R>): void {
    const probe = this.probe!;
    probe.served(probe.since(slot.mark));
    slot.mark = -1;
  }

  /** A worker has returned something that is not a promise. */
  protected returned(slot: Slot<T, R>, result: unknown): void {
    let source: Observable<R>;
    try {
      source = sourceOf(this.name, result);
    } catch (error) {
      return this.fail(error); // a worker that returns nothing is wrong, not unlucky: it is not tried again
    }
    slot.subscribe(source);
  }

  private openSession(): Worker<T, ObservableInput<R>> {
    const session = (this.workers as WorkerSource<T, R>).open(this.concurrency, this.scheduler, this.name);
    this.session = session;
    return (this.worker = (value, context) => session.run(value, context));
  }

  /** Takes the call out of its slot. */
  protected free(slot: Slot<T, R>): void {
    slot.call = undefined;
    if (--this.running === 0) this.clock.limitNone();
  }

  /**
   * Lets go of what the call returned and keeps the slot for another, once the call is accounted for: finalizers run. What an
   * abandoned call does may still settle: that is not to be taken for another call's outcome.
   */
  protected letGo(slot: Slot<T, R>, abandoned: boolean = false): void {
    slot.silence();
    if (abandoned) this.slots.splice(this.slots.indexOf(slot), 1);
    else this.idle.push(slot);
  }

  /** Takes out the calls that run or are to run again; `stop` then aborts what runs. */
  protected takeStarted(): { calls: Call<T, R>[]; stop: () => void } {
    const slots = this.slots.filter(({ call }) => call !== undefined);
    const running = slots.map(({ call }) => call!);
    const calls = [...this.clock.stop(), ...this.retries.drain(), ...running];
    for (const slot of slots) slot.call = undefined;
    this.running = 0;
    this.retrying = 0;
    const stop = (): void => {
      for (const slot of slots) slot.silence();
      for (const { context } of running) abort(context);
      guarded(() => this.session?.close?.());
    };
    return { calls, stop };
  }

  /** What is due by the clock, the timer having gone off. */
  protected onTime(): void {
    const { clock } = this;
    clock.rang = false;
    for (let call = clock.due(); call !== undefined; call = clock.due()) this.tryAgain(call);
    for (const slot of clock.late(this.slots)) this.timeOut(slot);
    if (this.released) return;
    if (clock.lookDue) this.watcher?.look();
    clock.set();
  }

  private timeOut(slot: Slot<T, R>): void {
    const { call } = slot;
    if (call === undefined) return; // the one before it ended the stream
    // It may have done its work and wait for the consumer: that is not to be blamed on it.
    if (slot.waits(this.roomFor(call))) return this.clock.limit(slot, this.timeout!);
    const error = new WorkerTimeoutError(this.name, this.timeout!, this.unfinished(call));
    slot.silence(); // what it does when it is aborted comes too late
    abort(call.context, error);
    this.failed(slot, error, true);
  }

  /** What did not come to its end in time, for an error. */
  protected unfinished(call: Call<T, R>): number | string {
    return call.index;
  }

  private delayOf(call: Call<T, R>, error: unknown): number | undefined {
    const { retry } = this.settings;
    if (retry === undefined || this.released) return undefined;
    if (error instanceof ReturnError && error.stage === this.name) return undefined; // wrong, not unlucky
    return retryDelay(this.name, retry, call, error);
  }
}
