/** What stands behind deliveries: somebody who gave a value out, and is to be told once what became of it. */
import type { Outcome } from '../core/ackTree.js';

export type { Outcome };

/** `lease-lost`: the value was given to somebody else meanwhile, and nothing was done. */
export type Settled = 'settled' | 'lease-lost';

/** What is known of the message that a delivery carries. */
export interface DeliveryInfo {
  /** The same each time that the message is delivered. */
  readonly id: string;
  readonly key: string | undefined;
  /** 1, and one more for each time that it was delivered before and not released. */
  readonly attempt: number;
  /** When it was published, in milliseconds since 1970. */
  readonly publishedAt: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly priority: number;
  /** From this time on, in milliseconds since 1970, it is not worth delivering. */
  readonly deadline: number | undefined;
}

/**
 * The base of what deliveries of one message share. States: *open* → *settled* (`settle`, for the first time) or *shared out* (`shareOut`: others
 * were derived, and settle it when they are).
 */
export abstract class Lease {
  abstract readonly info: DeliveryInfo;
  private over = false;
  private holders = 0;

  /** Aborts when the lease is lost. */
  abstract get signal(): AbortSignal;
  /** Carries the outcome out. */
  protected abstract carryOut(outcome: Outcome): Promise<Settled>;

  /** Somebody works on it: the lease is not to end meanwhile. */
  keep(): void {
    this.holders++;
  }

  /** They work on it no more, and have not settled it. */
  letGo(): void {
    this.holders--;
  }

  /** Somebody works on it. One that nobody works on, and nobody settles, was forgotten: its lease ends, and it comes again. */
  get kept(): boolean {
    return this.holders > 0;
  }

  /** True once it is settled or shared out. */
  get settled(): boolean {
    return this.over;
  }

  /** The first outcome wins: false for those after it. */
  settle(outcome: Outcome): Promise<Settled> | false {
    if (this.over) return false;
    this.over = true;
    return this.carryOut(outcome);
  }

  /** Gives it to those that are derived from it; what is returned settles it then. Undefined once it is settled. */
  shareOut(): ((outcome: Outcome) => Promise<Settled>) | undefined {
    if (this.over) return undefined;
    this.over = true;
    return (outcome) => this.carryOut(outcome);
  }
}
