/** The pool in which handlers run: what comes of a call is an outcome, never a failure of the stream. */
import { Observable, type Subscriber } from 'rxjs';
import { DeadLetterBreaker, type BreakerCounts } from '../core/deadLetterBreaker.js';
import { ReturnError, SourceError } from '../errors.js';
import { shown } from '../options.js';
import { abort, type Abortable } from '../flow/lazySignal.js';
import type { Call, Slot } from '../flow/operators/poolCall.js';
import type { PoolSettings } from '../flow/operators/poolSettings.js';
import { PoolStage } from '../flow/operators/poolStage.js';
import type { DropReason } from '../flow/stageOptions.js';
import { Timer } from '../flow/timer.js';
import { ACK, isDelivery, leaseOf, type Delivery } from './delivery.js';
import { Context, type ContextHost, type HandlerContext, type HandlerOutcome } from './handlerContext.js';
import { Handling } from './handling.js';
import type { Lease, Outcome } from './lease.js';

/** The options of `handle` that the pool itself does not know, checked and with their defaults. */
export interface HandlerSettings<T> {
  readonly handler: (value: T, context: HandlerContext<T>) => unknown;
  readonly maxAttempts: number;
  /** Milliseconds until the next attempt; undefined where the queue is to say so. */
  readonly delayAfter: (attempt: number, error: unknown) => number | undefined;
  readonly breaker: DeadLetterBreaker | undefined;
  /** Milliseconds. */
  readonly pause: number;
  readonly onTrip: ((counts: BreakerCounts) => void) | undefined;
}

export class HandlerPool<T> extends PoolStage<Delivery<T>, Handling<T>> implements ContextHost {
  /** Calls whose signal was looked at, and how to have it follow the lease no more. */
  private readonly watched = new Map<Abortable, () => void>();
  /** A second timer, for it goes on when no call runs. */
  private readonly pauseTimer: Timer = new Timer(this.time, () => this.goOn());
  private pausedUntil = -Infinity;
  /** The concurrency that was set last. No initial value: the constructor of the base sets it. */
  private wanted?: number;

  constructor(
    out: Subscriber<Handling<T>>,
    settings: PoolSettings<Delivery<T>>,
    private readonly handling: HandlerSettings<T>,
  ) {
    super(out, NO_WORKER, settings);
    this.worker = ((delivery: Delivery<T>, call: Call<Delivery<T>, Handling<T>>) =>
      this.begin(delivery, call)) as unknown as NonNullable<typeof this.worker>;
  }

  override get requested(): number {
    return this.paused ? 0 : super.requested;
  }

  override get waitsFor(): string {
    return this.paused ? 'the pause of its deadLetterBreaker to end' : super.waitsFor;
  }

  override resize(most: number): void {
    this.wanted = most;
    super.resize(this.paused ? 0 : most);
  }

  /** Has the signal of `call` follow the lease, for as long as it runs. */
  watch(call: Abortable & { readonly finished?: boolean }, lease: Lease): void {
    if (this.released || call.finished || this.watched.has(call)) return;
    const { signal } = lease;
    const lost = (): void => abort(call, signal.reason);
    if (signal.aborted) return lost();
    signal.addEventListener('abort', lost);
    this.watched.set(call, () => signal.removeEventListener('abort', lost));
  }

  protected override accept(delivery: Delivery<T>): void {
    if (!isDelivery(delivery)) {
      throw new SourceError(`\`${this.name}\` got ${shown(delivery)}, expected a delivery: see createDelivery`);
    }
    leaseOf(delivery).keep();
    super.accept(delivery);
  }

  protected override clear(): void {
    super.clear();
    this.pauseTimer.set(Infinity);
    for (const unwatch of this.watched.values()) unwatch();
    this.watched.clear();
  }

  /** Each that was accepted is dropped, or what became of it goes out: with that nobody here works on it any more. */
  protected override drop(value: unknown, reason: DropReason, age?: number, begun?: boolean): void {
    try {
      super.drop(value, reason, age, begun);
    } finally {
      if (isDelivery(value)) leaseOf(value).letGo();
    }
  }

  protected override pass(handling: Handling<T>): void {
    if (handling.outcome === 'shared') leaseOf(handling.delivery).letGo(); // of others it is over
    super.pass(handling);
  }

  override resolved(slot: Slot<Delivery<T>, Handling<T>>, result: unknown): void {
    const handling = this.outcomeIn(slot, result);
    if (handling !== undefined) this.conclude(slot, handling);
  }

  protected override returned(slot: Slot<Delivery<T>, Handling<T>>, result: unknown): void {
    let coming: boolean;
    try {
      coming = typeof (result as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function';
    } catch (error) {
      return this.failed(slot, error);
    }
    if (coming) return void Promise.resolve(result).then(slot.onResult as (result: unknown) => void, slot.onError);
    const handling = this.outcomeIn(slot, result);
    if (handling !== undefined) this.concludeLater(slot, handling);
  }

  override failed(slot: Slot<Delivery<T>, Handling<T>>, error: unknown, abandoned: boolean = false): void {
    const { call } = slot;
    if (call === undefined) return;
    slot.mark = -1; // how long a call takes that fails says nothing about the others
    let handling: Handling<T>;
    try {
      this.watcher?.failed(slot, error);
      if (slot.call !== call) return; // a callback unsubscribed
      handling = this.settle(call, this.outcomeOfFailure(call.value, error, this.handling.delayAfter));
    } catch (thrown) {
      return this.failFor(call, this.outcomeOfFailure(call.value, error), thrown);
    }
    this.concludeLater(slot, handling, abandoned);
  }

  /** It is what a dead letter says. */
  protected override unfinished({ value: { id, attempt } }: Call<Delivery<T>, Handling<T>>): string {
    return `the handler did not finish message ${id}, attempt ${attempt},`;
  }

  private begin(delivery: Delivery<T>, call: Call<Delivery<T>, Handling<T>>): unknown {
    const lease = leaseOf(delivery);
    if (lease.settled || lease.lost) return GONE; // while it waited
    const { attempt, deadline } = lease.info;
    if (deadline !== undefined && deadline <= this.now()) return EXPIRED;
    if (attempt > this.handling.maxAttempts) return EXHAUSTED; // its last handler did not come to an end
    return this.handling.handler(delivery.value, new Context(delivery, call, this));
  }

  /** What a result of the call in `slot` says; undefined where the stream has ended meanwhile. */
  private outcomeIn(slot: Slot<Delivery<T>, Handling<T>>, result: unknown): Handling<T> | undefined {
    const { call } = slot;
    if (call === undefined) return undefined;
    let outcome: Outcome | undefined;
    try {
      outcome = result === undefined ? ACK : this.outcomeOf(call.value, result);
      this.watcher?.ended(slot, result);
      if (slot.call !== call) return undefined; // a callback unsubscribed
      return this.settle(call, outcome);
    } catch (thrown) {
      this.failFor(call, outcome ?? this.outcomeOfFailure(call.value, thrown), thrown);
      return undefined;
    }
  }

  /**
   * `retry`, `isOverload` or the like threw, or the handler returned what is wrong: the stream fails with `thrown`. Were the message released with the
   * others no attempt would count, and it would come again for ever, to fail the stream each time. What was done is done.
   */
  private failFor(call: Call<Delivery<T>, Handling<T>>, outcome: Outcome, thrown: unknown): void {
    leaseOf(call.value).settle(outcome);
    this.fail(thrown);
  }

  private outcomeOf(delivery: Delivery<T>, result: unknown): Outcome {
    const mistake = mistakeIn(result);
    if (mistake !== undefined) throw new ReturnError(this.name, result, `the handler returned ${mistake}`);
    if (typeof result !== 'object' || result === null) return ACK;
    const outcome = (result as Partial<HandlerOutcome>)['sluice.outcome'] ?? ACK;
    if (outcome.kind !== 'nack' || delivery.attempt < this.handling.maxAttempts) return outcome;
    return exhausted(delivery, outcome.reason, outcome);
  }

  /** @param delayAfter undefined: the queue is to say when it comes again */
  private outcomeOfFailure(
    delivery: Delivery<T>,
    error: unknown,
    delayAfter?: HandlerSettings<T>['delayAfter'],
  ): Outcome {
    const { attempt } = delivery;
    const last = attempt >= this.handling.maxAttempts;
    if (last && delivery.ids.length === 1) return exhausted(delivery, error, undefined);
    const delay = delayAfter?.(attempt, error);
    const again: Outcome = delay === undefined ? { kind: 'nack', error } : { kind: 'nack', delay, error };
    return last ? exhausted(delivery, error, again) : again;
  }

  private settle(call: Call<Delivery<T>, Handling<T>>, outcome: Outcome): Handling<T> {
    if (this.watched.size > 0) this.unwatch(call);
    const delivery = call.value;
    const lease = leaseOf(delivery);
    const counts = outcome !== EXPIRED['sluice.outcome'] && outcome !== GONE['sluice.outcome'];
    if (lease.settled) return this.settledBefore(delivery, lease, counts);
    const becomes = lease.becomes(outcome);
    const handling = new Handling(delivery, becomes);
    lease.settle(outcome, handling);
    if (counts) this.note(becomes);
    return handling;
  }

  /** The handler has done it, or made others of it. */
  private settledBefore(delivery: Delivery<T>, lease: Lease, counts: boolean): Handling<T> {
    const { outcome } = lease;
    const handling = new Handling(delivery, outcome);
    if (outcome === undefined) return handling;
    if (counts) this.note(outcome);
    lease.listen(handling);
    return handling;
  }

  private unwatch(call: Abortable): void {
    this.watched.get(call)?.();
    this.watched.delete(call);
  }

  private get paused(): boolean {
    return this.pausedUntil > -Infinity;
  }

  private note({ kind }: Outcome): void {
    const { breaker, pause, onTrip } = this.handling;
    if (breaker === undefined || this.paused || this.released) return;
    const counts = breaker.note(kind === 'dead');
    if (counts === undefined) return;
    super.resize(0);
    this.promised += this.requested; // it has room, and may be on its way
    this.pausedUntil = this.time.now() + pause;
    this.pauseTimer.set(this.pausedUntil);
    this.noteRoom();
    onTrip?.(counts);
  }

  /** The pause is over, unless the timer went off early. */
  private goOn(): void {
    if (this.time.now() < this.pausedUntil) return this.pauseTimer.set(this.pausedUntil);
    this.pausedUntil = -Infinity;
    this.resize(this.wanted!);
    this.run();
  }
}

/** The attempts of a message are over; of a batch, the others of which come `again`. */
function exhausted({ ids }: Delivery<unknown>, error: unknown, again: Outcome | undefined): Outcome {
  const outcome: Outcome = { kind: 'dead', reason: 'attempts', error };
  return ids.length === 1 ? outcome : { ...outcome, others: again };
}

/** Work that nobody does: it would be acked, and lost in silence. */
function mistakeIn(result: unknown): string | undefined {
  if (typeof result === 'function') return 'a function, which nobody calls: `return release()`, not `return release`';
  if (typeof result !== 'object' || result === null) return undefined;
  if (result instanceof Observable) return 'an Observable, which nobody subscribes to: return a promise';
  const { next } = result as { next?: unknown };
  if (typeof next !== 'function' || !(Symbol.iterator in result || Symbol.asyncIterator in result)) return undefined;
  return 'a generator, which nobody runs: use an async function';
}

/** `begin` takes its place. */
const NO_WORKER = (): never[] => [];
/** It is not the handler's fault. */
const EXPIRED: HandlerOutcome = { 'sluice.outcome': { kind: 'dead', reason: 'expired' } };
const GONE: HandlerOutcome = { 'sluice.outcome': { kind: 'release' } };
const EXHAUSTED: HandlerOutcome = { 'sluice.outcome': { kind: 'dead', reason: 'attempts' } };
