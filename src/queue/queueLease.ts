/** The lease of a message that a queue gave out; it is its outcome as well, once there is one: there is one of these for each message. */
import type { Outcome } from '../core/ackTree.js';
import type { Linked } from '../core/linkedQueue.js';
import { Lease, type DeliveryInfo } from '../delivery/lease.js';
import { abort, isAborted, signalOf, type Abortable } from '../flow/lazySignal.js';
import type { Headers, Message, StoreOutcome } from './store.js';

/** Most are acks, which share one of these. */
export type Decided = Omit<StoreOutcome, 'message'>;

export const ACKED: Decided = { kind: 'ack', delay: 0, reason: undefined, error: undefined };
export const RELEASED: Decided = { kind: 'release', delay: 0, reason: undefined, error: undefined };

/** Carries outcomes out. */
export interface LeaseOwner {
  settle(lease: QueueLease, outcome: Outcome): void;
  /** What an outcome of `message` comes to. */
  becomes(message: Message, outcome: Outcome): Outcome;
  /** Somebody works on it. */
  onKept(): void;
}

export class QueueLease extends Lease implements DeliveryInfo, StoreOutcome, Linked<QueueLease>, Abortable {
  older: QueueLease | undefined = undefined;
  newer: QueueLease | undefined = undefined;
  abortState: Abortable['abortState'] = undefined;
  /** It is in the hands of its keeper: not settled, and not lost. */
  held = false;
  /** The store was asked to extend it since then, and has not said that it did. */
  asked = false;
  /** What the store is told. */
  decided: Decided = ACKED;

  constructor(
    readonly message: Message,
    /** When it began, or was extended last, on the clock of its owner. */
    public since: number,
    private readonly owner: LeaseOwner,
  ) {
    super();
  }

  get info(): DeliveryInfo {
    return this;
  }

  get id(): string {
    return this.message.id;
  }

  get key(): string | undefined {
    return this.message.key;
  }

  get attempt(): number {
    return this.message.attempt;
  }

  get publishedAt(): number {
    return this.message.publishedAt;
  }

  get headers(): Headers {
    return this.message.headers ?? NONE;
  }

  get priority(): number {
    return this.message.priority;
  }

  get deadline(): number | undefined {
    return this.message.deadline;
  }

  get kind(): StoreOutcome['kind'] {
    return this.decided.kind;
  }

  get delay(): number {
    return this.decided.delay;
  }

  get reason(): string | undefined {
    return this.decided.reason;
  }

  get error(): string | undefined {
    return this.decided.error;
  }

  override get signal(): AbortSignal {
    return signalOf(this);
  }

  override get lost(): boolean {
    return isAborted(this);
  }

  override becomes(outcome: Outcome): Outcome {
    return this.owner.becomes(this.message, outcome);
  }

  protected override onKept(): void {
    this.owner.onKept();
  }

  lose(reason: Error): void {
    abort(this, reason);
  }

  protected override carryOut(outcome: Outcome): void {
    this.owner.settle(this, outcome);
  }
}

const NONE: Headers = {};
