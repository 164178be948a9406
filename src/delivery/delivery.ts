/** A value with its acknowledgement. */
import type { Shareable } from '../flow/dropped.js';
import type { DropReason } from '../flow/stageOptions.js';
import { check, checkOptions, FUNCTION, STRING, type Rule } from '../options.js';
import { promised, type DeliveryInfo, type Lease, type Outcome, type Settled } from './lease.js';
import { NumberedPart, Part, Whole } from './parts.js';

/** What `nack` is told. */
export interface NackOptions {
  /** Milliseconds after which the message is to come again. A finite number of at least 0. Default: what the queue's `backoff` says. */
  readonly delay?: number | undefined;
  /** Why, for whoever looks at the queue. Default: none. */
  readonly reason?: string | undefined;
  /** What was thrown. Default: nothing. */
  readonly error?: unknown;
}

/** The answer of `ack` and its like: false when something else settled it before; else what came of it. */
export type Settling = Promise<Settled> | false;

/**
 * A value, and the duty to say what became of it. Made by queues, and by `createDelivery`.
 *
 * The first of `ack`, `nack`, `release` and `deadLetter` wins; later ones return false and do nothing. What they return is resolved when the
 * store has answered. One need not wait for it: that a store has failed is told by the stream that the deliveries come from.
 */
export class Delivery<T> implements DeliveryInfo, Shareable {
  constructor(
    readonly value: T,
    private readonly lease: Lease,
  ) {}

  get id(): string {
    return this.lease.info.id;
  }

  /**
   * The ids of the messages in it: its own, or, of a batch and of what else `mergeDeliveries` made, those of all, in the order of its values. Note
   * what was done by these: a batch is never the same twice.
   */
  get ids(): readonly string[] {
    return this.lease.ids;
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
    return this.settle(ACK);
  }

  /**
   * It could not be done: it is to come again, after a while. The attempt counts.
   *
   * @throws OptionError when an option is wrong; it is not settled then
   */
  nack(options: NackOptions = {}): Settling {
    checkOptions('nack', options, { delay: DELAY, reason: STRING, error: ANYTHING });
    return this.settle({ kind: 'nack', ...options });
  }

  /** Nobody has worked on it: it is to come again, and this attempt does not count. */
  release(): Settling {
    return this.settle(RELEASE);
  }

  /**
   * It can not be done: it goes to the dead letters.
   *
   * @throws OptionError when `reason` is not a string; it is not settled then
   */
  deadLetter(reason: string, error?: unknown): Settling {
    check('reason', STRING, reason, 'deadLetter');
    return this.settle({ kind: 'dead', reason, error });
  }

  /**
   * The same message with another value: whichever of the two is settled first settles it.
   *
   * @throws OptionError when `project` is not a function
   */
  map<R>(project: (value: T) => R): Delivery<R> {
    check('project', FUNCTION, project, 'map');
    return new Delivery(project(this.value), this.lease);
  }

  /**
   * A delivery for each of `values`: the message is settled when all of them are. None: it is done. What has to be done again wins: a part
   * that was nacked over one that was released, that over a dead letter, and that over those acked; of several delays the
   * longest, be it what the queue says.
   *
   * The parts have ids of their own: `17#0`, `17#1`, … of the message `17`, the same each time if the values are. Of what was merged nobody knows
   * which part is whose, so their `ids` are several: split before you merge.
   *
   * @throws OptionError when `values` are no iterable; it is not settled then
   */
  split<R>(values: Iterable<R>): Delivery<R>[] {
    check('values', ITERABLE, values, 'split');
    return this.parts([...values], (whole, place) => new NumberedPart(whole, place));
  }

  /** The message, for logs: without what stands behind it. */
  toJSON(): DeliveryInfo & { readonly value: T } {
    const { id, key, attempt, publishedAt, headers, priority, deadline, value } = this;
    return { id, key, attempt, publishedAt, headers, priority, deadline, value };
  }

  /** A stage dropped it: nobody has worked on it. */
  'sluice.dropped'(reason: DropReason): void {
    this.lease.settle(reason === 'expired' ? { kind: 'dead', reason } : RELEASE);
  }

  /** Several get it: a part for each. */
  'sluice.share'(count: number): readonly unknown[] {
    return this.parts(new Array<T>(count).fill(this.value), (whole) => new Part(whole));
  }

  private parts<R>(values: readonly R[], make: (whole: Whole, place: number) => Part): Delivery<R>[] {
    const settle = this.lease.shareOut();
    if (settle === undefined) return values.map((value) => new Delivery(value, this.lease));
    if (values.length === 0) settle(ACK);
    const whole = new Whole(this.lease, values.length, settle);
    return values.map((value, place) => new Delivery(value, make(whole, place)));
  }

  private settle(outcome: Outcome): Settling {
    return !this.lease.settled && promised((listener) => this.lease.settle(outcome, listener));
  }
}

/** What stands behind a delivery, which is not for users: `handle` and `mergeDeliveries` need it. */
export function leaseOf(delivery: Delivery<unknown>): Lease {
  // eslint-disable-next-line @typescript-eslint/dot-notation -- private for users, not for what is in this folder
  return delivery['lease'];
}

/** True for a delivery, also one of another copy of the package. */
export function isDelivery(value: unknown): value is Delivery<unknown> {
  return (
    value instanceof Delivery ||
    typeof (value as Partial<Shareable> | null | undefined)?.['sluice.share'] === 'function'
  );
}

/** A function of the user's threw for it: were it released, no attempt would count, and it would come again for ever. */
export function blame(delivery: Delivery<unknown>, error: unknown): void {
  void delivery.nack({ error });
}

/** Of a wait before another attempt. */
export const DELAY: Rule = [
  'a finite number of milliseconds of at least 0',
  (value: unknown) => Number.isFinite(value) && (value as number) >= 0,
];
export const ITERABLE: Rule = [
  'an iterable',
  (value: Partial<Iterable<unknown>> | null | undefined) => typeof value?.[Symbol.iterator] === 'function',
];
const ANYTHING: Rule = ['anything', () => true];

export const ACK: Outcome = { kind: 'ack' };
export const RELEASE: Outcome = { kind: 'release' };
