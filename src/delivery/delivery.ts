/** A value with its acknowledgement. */
import { Parts } from '../core/ackTree.js';
import type { Droppable } from '../flow/dropped.js';
import type { DropReason } from '../flow/stageOptions.js';
import { Lease, type DeliveryInfo, type Outcome, type Settled } from './lease.js';

/** What `nack` is told. */
export interface NackOptions {
  /** Milliseconds after which the message is to come again. At least 0. Default: what the queue's `backoff` says. */
  readonly delay?: number | undefined;
  /** Why, for whoever looks at the queue. Default: none. */
  readonly reason?: string | undefined;
  /** What was thrown. Default: nothing. */
  readonly error?: unknown;
}

/** The answer of `ack` and its like: false when something else settled it before; else what came of it. */
export type Settling = Promise<Settled> | false;

export class Delivery<T> implements DeliveryInfo, Droppable {
  constructor(
    readonly value: T,
    private readonly lease: Lease,
  ) {}

  get id(): string {
    return this.lease.info.id;
  }

  get key(): string | undefined {
    return this.lease.info.key;
  }

  get attempt(): number {
    return this.lease.info.attempt;
  }

  get publishedAt(): number {
    return this.lease.info.publishedAt;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.lease.info.headers;
  }

  get priority(): number {
    return this.lease.info.priority;
  }

  get deadline(): number | undefined {
    return this.lease.info.deadline;
  }

  /** Aborts when the lease is lost: somebody else may be working on the message. */
  get signal(): AbortSignal {
    return this.lease.signal;
  }

  /** True once it is settled, or others were derived from it that settle it. */
  get settled(): boolean {
    return this.lease.settled;
  }

  /** It is done. */
  ack(): Settling {
    return this.lease.settle(ACK);
  }

  /** It could not be done: it is to come again, after a while. The attempt counts. */
  nack(options: NackOptions = {}): Settling {
    return this.lease.settle({ kind: 'nack', ...options });
  }

  /** Nobody has worked on it: it is to come again, and this attempt does not count. */
  release(): Settling {
    return this.lease.settle(RELEASE);
  }

  /** It can not be done: it goes to the dead letters. */
  deadLetter(reason: string, error?: unknown): Settling {
    return this.lease.settle({ kind: 'dead', reason, error });
  }

  /** The same message with another value: whichever of the two is settled first settles it. */
  map<R>(project: (value: T) => R): Delivery<R> {
    return new Delivery(project(this.value), this.lease);
  }

  /** A delivery for each of `values`: the message is settled when all of them are. None: it is done. */
  split<R>(values: Iterable<R>): Delivery<R>[] {
    const parts = [...values];
    const settle = this.lease.shareOut();
    if (settle === undefined) return parts.map((value) => new Delivery(value, this.lease));
    if (parts.length === 0) void settle(ACK);
    const whole = new Whole(this.lease, parts.length, settle);
    return parts.map((value) => new Delivery(value, new Part(whole)));
  }

  /** A stage dropped it: nobody has worked on it. */
  'sluice.dropped'(reason: DropReason): void {
    if (reason === 'expired') this.deadLetter('expired');
    else this.release();
  }
}

const ACK: Outcome = { kind: 'ack' };
const RELEASE: Outcome = { kind: 'release' };
const NOTED: Promise<Settled> = Promise.resolve('settled');

/** The message that parts were made of. */
class Whole {
  private readonly parts: Parts;

  constructor(
    readonly lease: Lease,
    count: number,
    private readonly settle: (outcome: Outcome) => Promise<Settled>,
  ) {
    this.parts = new Parts(count);
  }

  /** Only the last part waits for what came of the whole: others that waited could keep it from ever being worked on. */
  settlePart(outcome: Outcome): Promise<Settled> {
    const combined = this.parts.settle(outcome);
    return combined === undefined ? NOTED : this.settle(combined);
  }
}

/** One of the parts. */
class Part extends Lease {
  constructor(private readonly whole: Whole) {
    super();
  }

  get info(): DeliveryInfo {
    return this.whole.lease.info;
  }

  get signal(): AbortSignal {
    return this.whole.lease.signal;
  }

  override keep(): void {
    if (!this.kept) this.whole.lease.keep();
    super.keep();
  }

  override letGo(): void {
    super.letGo();
    if (!this.kept) this.whole.lease.letGo();
  }

  protected carryOut(outcome: Outcome): Promise<Settled> {
    if (this.kept) this.whole.lease.letGo();
    return this.whole.settlePart(outcome);
  }
}
