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
 * were derived, and settle it when they are). A lease that is shared out is still held: it is over when `carryOut` is called.
 */
export abstract class Lease {
  abstract readonly info: DeliveryInfo;
  private became: Outcome | 'shared' | undefined = undefined;
  private coming: Promise<Settled> | undefined = undefined;
  private holders = 0;

  /** Aborts when the lease is lost. */
  abstract get signal(): AbortSignal;
  /** Carries the outcome out. Called once. It does not throw; where it fails, what it returns is rejected. */
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
    return this.became !== undefined;
  }

  /** What became of it; undefined while it is open, and where others settle it. */
  get outcome(): Outcome | undefined {
    return this.became === 'shared' ? undefined : this.became;
  }

  /** What came of that. */
  get answer(): Promise<Settled> | undefined {
    return this.coming;
  }

  /** The first outcome wins: false for those after it. Whoever calls it sees to it that a rejection is handled. */
  settle(outcome: Outcome): Promise<Settled> | false {
    if (this.became !== undefined) return false;
    this.became = outcome;
    return (this.coming = this.carryOut(outcome));
  }

  /** Gives it to those that are derived from it; what is returned settles it then. Undefined once it is settled. */
  shareOut(): ((outcome: Outcome) => Promise<Settled>) | undefined {
    if (this.became !== undefined) return undefined;
    this.became = 'shared';
    return (outcome) => this.carryOut(outcome);
  }
}

/** Whoever gave the deliveries out reports that a store has failed: a caller that does not wait for this answer need not hear of it. */
export function quiet(answer: Promise<Settled>): Promise<Settled> {
  answer.catch(ignore);
  return answer;
}

const ignore = (): void => undefined;
