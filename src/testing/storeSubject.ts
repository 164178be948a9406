/** What the laws of stores are told of a store. */
import type { Store, StoreFeatures } from '../queue/store.js';

/** A store as the laws see it. */
export interface StoreSubject {
  readonly name: string;
  /** What it declares: laws about what it has not do not apply. */
  readonly features: StoreFeatures;
  /**
   * Called for each run. Stores of earlier runs may be given again, as long as `topic` is new, which makes runs cheap; with `alone` the
   * run is about closing, or a crash, and needs stores that nobody else has.
   */
  open(alone: boolean): Promise<StoreSetting> | StoreSetting;
  /** With order `'none'`, messages of one priority come as put. Default: false. */
  readonly fifo?: boolean;
  /**
   * Milliseconds, even: times in the laws are multiples of half of it. A store with a clock of its own, that really waits in `advance`,
   * has one in which a script is done many times over. Default: 1,000.
   */
  readonly tick?: number;
  /** Milliseconds of real time in which what must come has come. Default: 10,000. */
  readonly patience?: number;
}

/** Stores for one run. */
export interface StoreSetting {
  /** One or several on the same messages, as processes would have them: each call goes to any of them. */
  readonly stores: readonly Store[];
  /** A name that no topic has; the run's topics begin with it. */
  readonly topic: string;
  /** What the clock of the stores says. */
  now(): number;
  /** That much time passes, and timers go off. */
  advance(ms: number): Promise<void> | void;
  /** Sets the clock forward, or back where it is below 0, with no time passing. Where that can not be done, laws about it do not run. */
  jump?(ms: number): void;
  /** Others on the same messages, as after a crash: those before are left as they are, and not called any more. Only where they are durable. */
  reopen?(): Promise<readonly Store[]> | readonly Store[];
  /** The run is over, however it went. */
  close(): Promise<void> | void;
}

/** Rejects when `promise` is not settled in time. */
export async function patient<T>(promise: Promise<T>, what: string, { patience = 10_000 }: StoreSubject): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it does not answer: ${what}`)), patience);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
