/** What goes through the pipeline of `requestReply`. */

/** A request on its way through a pipeline, and the one who waits for its reply. */
export class Exchange<T> {
  /** `requestReply` makes them. */
  constructor(
    /** The request; after a stage that worked on it, what that made of it. */
    readonly value: T,
    private readonly caller: Caller,
  ) {}

  /** True when nobody waits any more: it was refused, or failed, or the caller gave up. */
  get settled(): boolean {
    return this.caller.settled;
  }

  /** Ends it with a `RefusedError`. */
  refuse(reason: string): void {
    this.caller.refuse(reason);
  }

  /** Ends it with `error`. */
  fail(error: unknown): void {
    this.caller.reject(error);
  }

  /** Ends it with its value as the reply. */
  reply(): void {
    this.caller.resolve(this.value);
  }

  /**
   * The work of a stage: the exchange with what `worker` makes of its value. What that throws goes to the caller, not into the stream; where
   * nobody waits any more, `worker` is not called. One that is at work is not told when the caller gives up: put a signal into the value, or look
   * at `settled`.
   */
  async run<U>(worker: (value: T) => U | PromiseLike<U>): Promise<Exchange<U>> {
    if (!this.settled) {
      try {
        return this.with(await worker(this.value));
      } catch (error) {
        this.fail(error);
      }
    }
    return this as Exchange<unknown> as Exchange<U>; // settled: nobody looks at its value again
  }

  /** The same exchange with another value. */
  with<U>(value: U): Exchange<U> {
    return new Exchange(value, this.caller);
  }
}

/** One who waits for a reply. */
export interface Caller {
  readonly settled: boolean;
  resolve(reply: unknown): void;
  reject(error: unknown): void;
  refuse(reason: string): void;
}
