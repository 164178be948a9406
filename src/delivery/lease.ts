/** What stands behind deliveries: somebody who gave a value out, and is to be told once what became of it. */
import type { Outcome } from '../core/ackTree.js';

export type { Outcome };

/** `lease-lost`: the value was given to somebody else meanwhile, and nothing was done. */
export type Settled = 'settled' | 'lease-lost';

/** Who waits for what came of an outcome: a message costs no promise for that. */
export interface SettleListener {
  answered(settled: Settled): void;
  /** The store could not carry it out. */
  failed(error: unknown): void;
}

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
 * were derived, and settle it when they are) → *over*, when they have. A lease that is settled is over as well. It ends with `answered` or `failed`.
 *
 * Until it is over it is kept while somebody works on it. Who calls `keep` calls `letGo`, be it over meanwhile or not: from then on neither does anything.
 */
export abstract class Lease implements SettleListener {
  abstract readonly info: DeliveryInfo;
  private became: Outcome | 'shared' | 'over' | undefined = undefined;
  private answer: Settled | Failure | undefined = undefined;
  private listener: SettleListener | undefined = undefined;
  private holders = 0;

  /** The ids of the messages behind it. */
  get ids(): readonly string[] {
    return [this.info.id];
  }

  /** Aborts when the lease is lost. */
  abstract get signal(): AbortSignal;
  /** Carries the outcome out, and calls `answered` or `failed` then. Called once. It does not throw. */
  protected abstract carryOut(outcome: Outcome): void;

  /** Somebody works on it: the lease is not to end meanwhile. */
  keep(): void {
    if (!this.over && ++this.holders === 1) this.onKept();
  }

  /** They work on it no more, whether or not they have settled it. */
  letGo(): void {
    if (!this.over && --this.holders === 0) this.onLetGo();
  }

  /** It is kept from here on: so is what it was derived from. */
  protected onKept(): void {
    // most are derived from nothing
  }

  /** It is kept no more, perhaps since it is over. */
  protected onLetGo(): void {
    // the same
  }

  /** Somebody works on it. One that nobody works on, and nobody settles, was forgotten: its lease ends, and it comes again. */
  get kept(): boolean {
    return this.holders > 0;
  }

  /** It is settled, by whoever was to do so. */
  protected get over(): boolean {
    return this.became !== undefined && this.became !== 'shared';
  }

  /** Somebody else may have the message. It may be known without a signal. */
  get lost(): boolean {
    return this.signal.aborted;
  }

  /** True once it is settled or shared out. */
  get settled(): boolean {
    return this.became !== undefined;
  }

  /** What became of it; undefined while it is open, and where others settle it. */
  get outcome(): Outcome | undefined {
    return typeof this.became === 'string' ? undefined : this.became;
  }

  /** What `outcome` comes to: a queue makes a dead letter of a message whose attempts are over. */
  becomes(outcome: Outcome): Outcome {
    return outcome;
  }

  /** The first outcome wins: false for those after it. `listener` is told what came of it, perhaps at once. */
  settle(outcome: Outcome, listener?: SettleListener): boolean {
    if (this.became !== undefined) return false;
    this.end(this.becomes(outcome), outcome, listener);
    return true;
  }

  /** Gives it to those that are derived from it; what is returned settles it then. Undefined once it is settled. */
  shareOut(): ((outcome: Outcome, listener?: SettleListener) => void) | undefined {
    if (this.became !== undefined) return undefined;
    this.became = 'shared';
    return (outcome, listener) => this.end('over', outcome, listener);
  }

  private end(became: Outcome | 'over', outcome: Outcome, listener: SettleListener | undefined): void {
    const { kept } = this;
    this.became = became;
    this.holders = 0;
    this.listener = listener;
    if (kept) this.onLetGo();
    this.carryOut(outcome);
  }

  /** Tells one more what came of the outcome; at once, where that is known. Only for one that is settled. */
  listen(listener: SettleListener): void {
    const { answer } = this;
    if (answer instanceof Failure) listener.failed(answer.error);
    else if (answer !== undefined) listener.answered(answer);
    else this.listener = this.listener === undefined ? listener : new Both(this.listener, listener);
  }

  answered(settled: Settled): void {
    this.answer = settled;
    this.listener?.answered(settled);
  }

  failed(error: unknown): void {
    this.answer = new Failure(error);
    this.listener?.failed(error);
  }
}

/**
 * What came of an outcome, as a promise, for those who want one. Whoever gave the deliveries out reports that a store has failed: a caller that
 * does not wait for this answer need not hear of it.
 */
export function promised(settle: (listener: SettleListener) => void): Promise<Settled> {
  const promise = new Promise<Settled>((resolve, reject) => {
    const failed = (error: unknown): void => {
      reject(error);
      queueMicrotask(() => void promise.catch(ignore)); // it may fail before it is there
    };
    settle({ answered: resolve, failed });
  });
  return promise;
}

const ignore = (): void => undefined;

class Failure {
  constructor(readonly error: unknown) {}
}

class Both implements SettleListener {
  constructor(
    private readonly first: SettleListener,
    private readonly second: SettleListener,
  ) {}

  answered(settled: Settled): void {
    this.first.answered(settled);
    this.second.answered(settled);
  }

  failed(error: unknown): void {
    this.first.failed(error);
    this.second.failed(error);
  }
}
