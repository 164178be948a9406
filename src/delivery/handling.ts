/** What became of a message that was handled. */
import type { Droppable } from '../flow/dropped.js';
import type { Delivery } from './delivery.js';
import { quiet, type Outcome, type Settled } from './lease.js';

/** What `handle` emits for each message. */
export interface Handled<T = unknown> {
  readonly delivery: Delivery<T>;
  /** `shared`: the handler made others of it (`split`, `mergeDeliveries`), which settle it. */
  readonly outcome: Outcome['kind'] | 'shared';
  /** `lease-lost`: the message was given to somebody else before, who decides. */
  readonly settled: Settled;
  /** What the handler threw. */
  readonly error?: unknown;
  /** Why, of a dead letter, or where the handler said so. */
  readonly reason?: string | undefined;
  /** After how many milliseconds it comes again, where that was said. */
  readonly delay?: number | undefined;
}

/** A message whose handler is done, on its way to being settled. */
export class Handling<T> implements Droppable {
  /**
   * @param outcome undefined where others settle it
   * @param answer undefined where there is nothing to wait for
   */
  constructor(
    private readonly delivery: Delivery<T>,
    private readonly outcome: Outcome | undefined,
    readonly answer: Promise<Settled> | undefined,
  ) {}

  settled(settled: Settled): Handled<T> {
    const { delivery, outcome } = this;
    if (outcome === undefined) return { delivery, outcome: 'shared', settled };
    if (outcome.kind === 'ack' || outcome.kind === 'release') return { delivery, outcome: outcome.kind, settled };
    const { kind, ...why } = outcome;
    return { delivery, outcome: kind, settled, ...why };
  }

  /** The stream has ended; the outcome is on its way all the same. */
  'sluice.dropped'(): void {
    if (this.answer !== undefined) void quiet(this.answer);
  }
}
