/** One call of a pool's worker: its value, where it runs, and what it returned. */
import { Subscriber, type Observable, type Unsubscribable } from 'rxjs';
import type { Entry } from '../../core/resultOrder.js';
import type { RingBuffer } from '../../core/ringBuffer.js';
import { carryDemand, type Demand } from '../demand.js';
import { signalOf, type Abortable } from '../lazySignal.js';
import type { SteadyTime } from '../steadyTime.js';
import { guarded } from '../unhandled.js';

/** What a worker is told besides its value. */
export interface WorkerContext {
  /** How many values came before this one. */
  readonly index: number;
  /** Aborts when the stream is unsubscribed or fails, or the call times out. Made when it is first looked at, anew for each attempt. */
  readonly signal: AbortSignal;
  /** 1, and one more for each retry. */
  readonly attempt: number;
  /** Milliseconds until the value's deadline; `Infinity` without one. */
  readonly timeLeft: number;
}

/** What only pools with retries or deadlines keep of a call. */
export class CallDetails {
  /** Milliseconds waited before this attempt. */
  delay = 0;
  /** It gave a result: to try again would give it twice. */
  gave = false;
  /** The attempt after the first. */
  again: Again | undefined = undefined;

  constructor(
    private readonly time: SteadyTime,
    private readonly expires: number,
  ) {}

  get timeLeft(): number {
    return Math.max(0, this.expires - this.time.now());
  }
}

/** An attempt after the first, as the worker sees it: what it knows of the one before stays as it was. */
class Again implements WorkerContext, Abortable {
  abortState: Abortable['abortState'] = undefined;

  constructor(
    readonly index: number,
    readonly attempt: number,
    private readonly details: CallDetails,
  ) {}

  get signal(): AbortSignal {
    return signalOf(this);
  }

  get timeLeft(): number {
    return this.details.timeLeft;
  }
}

/**
 * A value on its way through the pool: *waiting*, *running* in a slot, perhaps *delayed* and running again, *finished* with results
 * held, out. It is what the worker sees of its first attempt.
 */
export class Call<T, R> implements Entry<R>, WorkerContext, Abortable {
  abortState: Abortable['abortState'] = undefined;
  finished = false;
  pending = 0;
  results: RingBuffer<R> | undefined = undefined;

  constructor(
    readonly value: T,
    readonly index: number,
    readonly key: unknown,
    readonly arrivedAt: number,
    readonly details: CallDetails | undefined,
  ) {}

  get attempt(): number {
    return 1;
  }

  get signal(): AbortSignal {
    return signalOf(this);
  }

  get timeLeft(): number {
    return this.details?.timeLeft ?? Infinity;
  }

  /** An attempt of it has failed. */
  get triedBefore(): boolean {
    return this.details?.again !== undefined;
  }

  /** What the worker is to see. */
  get context(): WorkerContext & Abortable {
    return this.details?.again ?? this;
  }

  /** Only with details. */
  tryAgainAfter(delay: number): void {
    const details = this.details!;
    details.delay = delay;
    details.again = new Again(this.index, this.context.attempt + 1, details);
  }
}

/** Who subscribes to a call of a session, and takes a result that is all there is, as that of a promise, whether there is demand or not. */
export interface Settling<R> {
  settle(result: R): void;
}

/** What a call's outcome is reported to. */
export interface CallOwner<T, R> {
  /** A promise came true: the only result of the slot's call. */
  resolved(slot: Slot<T, R>, result: R): void;
  /** An inner Observable sent a result of `call`. */
  produced(call: Call<T, R>, result: R): void;
  /** An inner Observable completed. */
  finished(slot: Slot<T, R>): void;
  failed(slot: Slot<T, R>, error: unknown): void;
  /** How many results an inner source of `call` may send now. */
  roomFor(call: Call<T, R>): number;
  onInnerRequest(listener: () => void): Unsubscribable;
}

/** A place where one call runs; used again and again, so that a value costs no new callbacks. */
export class Slot<T, R> {
  call: Call<T, R> | undefined = undefined;
  /** When the call times out. */
  due: number = Infinity;
  /** When the call began, if its time is measured; otherwise -1. */
  startedAt: number = -1;
  /** The same as a mark of the monitor's. */
  mark: number = -1;
  private inner: Inner<T, R> | undefined = undefined;

  constructor(private readonly owner: CallOwner<T, R>) {}

  readonly onResult: (result: R) => void = (result) => this.owner.resolved(this, result);
  readonly onError: (error: unknown) => void = (error) => this.owner.failed(this, error);

  subscribe(source: Observable<R>): void {
    const inner = new Inner(this.owner, this, this.call!);
    this.inner = inner;
    source.subscribe(inner);
  }

  /** True when the call has results that nobody takes, or could not give one. */
  waits(room: number): boolean {
    return this.inner !== undefined && (this.call!.pending > 0 || room <= 0);
  }

  /** Unsubscribes what the call returned: nothing is an outcome of it from here on. */
  silence(): void {
    const { inner } = this;
    if (inner === undefined) return;
    this.inner = undefined;
    guarded(() => inner.unsubscribe());
  }
}

/** Subscribes to what one call returned, and ends the chain on which that finds its demand. */
class Inner<T, R> extends Subscriber<R> implements Demand, Settling<R> {
  constructor(
    private readonly owner: CallOwner<T, R>,
    private readonly slot: Slot<T, R>,
    private readonly call: Call<T, R>,
  ) {
    super();
    carryDemand(this);
  }

  /** A promise came true that the call had to wait for: its only result. */
  settle(result: R): void {
    if (this.closed) return;
    this.slot.silence();
    this.owner.resolved(this.slot, result);
  }

  get requested(): number {
    return this.closed ? 0 : this.owner.roomFor(this.call);
  }

  onRequest(listener: () => void): Unsubscribable {
    return this.owner.onInnerRequest(listener);
  }

  protected override _next(result: R): void {
    this.owner.produced(this.call, result);
  }

  protected override _error(error: unknown): void {
    this.owner.failed(this.slot, error);
  }

  protected override _complete(): void {
    this.owner.finished(this.slot);
  }
}
