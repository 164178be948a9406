/** What became of a message that was handled. */
import type { Droppable } from '../flow/dropped.js';
import type { Delivery } from './delivery.js';
import type { Outcome, Settled, SettleListener } from './lease.js';

/** What `handle` emits for each message. */
export interface Handled<T = unknown> {
  readonly delivery: Delivery<T>;
  /** What has become of it: `dead` also where its last attempt has failed. `shared`: the handler made others of it (`split`, `mergeDeliveries`), which settle it. */
  readonly outcome: Outcome['kind'] | 'shared';
  /** `lease-lost`: the message was given to somebody else before, who decides. */
  readonly settled: Settled;
  /** What the handler threw; where it asked for another attempt and there is none, the reason that it gave. */
  readonly error?: unknown;
  /** Why, of a dead letter, or where the handler said so. */
  readonly reason?: string | undefined;
  /** After how many milliseconds it comes again, where that was said. */
  readonly delay?: number | undefined;
}

/** Is told when the answer for a message that it waits for has come. */
export interface HandlingOwner<T> {
  answered(handling: Handling<T>): void;
  storeFailed(error: unknown): void;
}

/**
 * A message whose handler is done, on its way to being settled; then it is what `handle` emits: one object for both. What users do not see is
 * private for good, for they may print it and compare it.
 */
export class Handling<T> implements Handled<T>, Droppable, SettleListener {
  readonly outcome: Handled['outcome'];
  /** Undefined until the answer is there. */
  declare settled: Settled;
  declare error?: unknown;
  declare reason?: string | undefined;
  declare delay?: number | undefined;
  #known = false;
  #owner: HandlingOwner<T> | undefined = undefined;
  #failure: { readonly error: unknown } | undefined = undefined;

  /** @param outcome undefined where others settle it */
  constructor(
    readonly delivery: Delivery<T>,
    outcome: Outcome | undefined,
  ) {
    this.outcome = outcome === undefined ? 'shared' : outcome.kind;
    if (outcome === undefined) this.answered('settled');
    else if (outcome.kind === 'nack' || outcome.kind === 'dead') this.explain(outcome);
  }

  /** Has `owner` told of the answer; returns false where that is there already. */
  waitFor(owner: HandlingOwner<T>): boolean {
    if (this.#failure !== undefined) {
      owner.storeFailed(this.#failure.error);
      return true;
    }
    if (this.#known) return false;
    this.#owner = owner;
    return true;
  }

  answered(settled: Settled): void {
    this.settled = settled;
    this.#known = true;
    const owner = this.#owner;
    this.#owner = undefined;
    owner?.answered(this);
  }

  failed(error: unknown): void {
    if (this.#owner === undefined) this.#failure = { error };
    else this.#owner.storeFailed(error);
  }

  private explain(outcome: Exclude<Outcome, { kind: 'ack' | 'release' }>): void {
    if (outcome.error !== undefined) this.error = outcome.error;
    if (outcome.reason !== undefined) this.reason = outcome.reason;
    if (outcome.kind === 'nack' && outcome.delay !== undefined) this.delay = outcome.delay;
  }

  /** The stream has ended; the outcome is on its way all the same. */
  'sluice.dropped'(): void {
    this.#owner = undefined;
  }
}
