/** What a handler is told besides the value, and what it may return. */
import { check, STRING } from '../options.js';
import { signalOf, type Abortable } from '../flow/lazySignal.js';
import { DELAY, leaseOf, RELEASE, type Delivery } from './delivery.js';
import type { Lease, Outcome } from './lease.js';

/** Says what is to become of a message: what `context.retry(…)`, `dead(…)` and `release()` return, for the handler to return. */
export interface HandlerOutcome {
  readonly 'sluice.outcome': Outcome;
}

/** What a handler is told besides the value. It may be taken apart: `(order, { id, retry }) => …`. */
export interface HandlerContext<T = unknown> {
  readonly delivery: Delivery<T>;
  /** The same each time that the message is delivered. */
  readonly id: string;
  readonly key: string | undefined;
  /** 1, and one more for each time that it was delivered before and not released. */
  readonly attempt: number;
  readonly headers: Readonly<Record<string, string>>;
  /** When it was published, in milliseconds since 1970. */
  readonly publishedAt: number;
  /** From this time on, in milliseconds since 1970, it is not worth handling. */
  readonly deadline: number | undefined;
  /** Aborts when the lease is lost, the call times out, or the stream is unsubscribed or fails. Made when it is first looked at. */
  readonly signal: AbortSignal;
  /** Milliseconds until the deadline; `Infinity` without one. */
  readonly timeLeft: number;
  /**
   * To be returned: the message is to come again after `after` milliseconds. Default: what the queue's `backoff` says. It counts as an attempt: at
   * attempt `maxAttempts` the message is a dead letter instead.
   *
   * @throws OptionError when `after` is not a finite number of at least 0, or `reason` not a string
   */
  readonly retry: (after?: number, reason?: string) => HandlerOutcome;
  /**
   * To be returned: the message is a dead letter.
   *
   * @throws OptionError when `reason` is not a string
   */
  readonly dead: (reason: string) => HandlerOutcome;
  /** To be returned: the message is to come again, and this attempt does not count. */
  readonly release: () => HandlerOutcome;
}

/** What the pool knows of a call that a context needs. */
export interface ContextHost {
  now(): number;
  /** Aborts `call` when the lease is lost, for as long as it runs. */
  watch(call: Abortable, lease: Lease): void;
}

/** A class, so that a message costs one object; what is not looked at is not made. */
export class Context<T> implements HandlerContext<T> {
  constructor(
    readonly delivery: Delivery<T>,
    private readonly call: Abortable,
    private readonly host: ContextHost,
  ) {}

  get id(): string {
    return this.delivery.id;
  }

  get key(): string | undefined {
    return this.delivery.key;
  }

  get attempt(): number {
    return this.delivery.attempt;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.delivery.headers;
  }

  get publishedAt(): number {
    return this.delivery.publishedAt;
  }

  get deadline(): number | undefined {
    return this.delivery.deadline;
  }

  get signal(): AbortSignal {
    this.host.watch(this.call, leaseOf(this.delivery));
    return signalOf(this.call);
  }

  get timeLeft(): number {
    const { deadline } = this;
    return deadline === undefined ? Infinity : Math.max(0, deadline - this.host.now());
  }

  /** For logs. */
  toJSON(): object {
    return this.delivery.toJSON();
  }

  // These work without `this`: they may be taken out.
  retry(after?: number, reason?: string): HandlerOutcome {
    if (after !== undefined) check('after', DELAY, after, 'retry');
    if (reason !== undefined) check('reason', STRING, reason, 'retry');
    return new Returned({ kind: 'nack', delay: after, reason });
  }

  dead(reason: string): HandlerOutcome {
    check('reason', STRING, reason, 'dead');
    return new Returned({ kind: 'dead', reason });
  }

  release(): HandlerOutcome {
    return new Returned(RELEASE);
  }
}

/** A class, for a result of a handler's that looks like an outcome is a result all the same; the name is that of every copy of the package. */
export class Returned implements HandlerOutcome {
  readonly 'sluice.outcome': Outcome;

  constructor(outcome: Outcome) {
    this['sluice.outcome'] = outcome;
  }
}
