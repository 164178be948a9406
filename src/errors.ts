/** Every error sluice makes: a stable `code`, the facts to act on, and an `instanceof` that works across two copies of the package. */

/**
 * The base of all errors that sluice makes: test `error instanceof SluiceError`, then look at `error.code`.
 *
 * `instanceof` goes by the code, so it holds for errors of another copy of the package too.
 *
 * ```ts
 * import { boundedBuffer, SluiceError } from 'sluice';
 *
 * try {
 *   boundedBuffer({ capacity: -1 });
 * } catch (error) {
 *   console.log(error instanceof SluiceError && error.code); // => SLUICE_OPTION
 * }
 * ```
 */
export class SluiceError extends Error {
  /** What went wrong, for programs: it does not change between releases. */
  get code(): string {
    return 'SLUICE_';
  }

  override get name(): string {
    return `SluiceError [${this.code}]`;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    const { code } = (value ?? {}) as { code?: unknown };
    return typeof code === 'string' && code.startsWith(this.prototype.code);
  }
}

/**
 * An option or argument is missing, unknown or out of range. Thrown at the call, before anything has happened; in the stream when a value
 * of an Observable that is an option (`rate`, `concurrency`, `open$`) is out of range.
 */
export class OptionError extends SluiceError {
  override get code(): string {
    return 'SLUICE_OPTION';
  }

  constructor(
    /** The option's name. */
    readonly option: string,
    /** What came. */
    readonly received: unknown,
    message: string,
  ) {
    super(message);
  }
}

/** A source sent more than the stage had room for: it ignores demand, and no policy that drops was named. */
export class OverflowError extends SluiceError {
  override get code(): string {
    return 'SLUICE_OVERFLOW';
  }

  constructor(
    /** The name of the stage that had no room. */
    readonly stage: string,
    /** What the stage can hold. */
    readonly capacity: number,
    advice: string,
  ) {
    super(`\`${stage}\` is full (capacity ${capacity}) and its source ignores demand: ${advice}`);
  }
}

/** A subscriber of a `broadcast` was too slow, and had named the policy `'evict'`. What waited for it is lost to it; it may subscribe again. */
export class SlowSubscriberError extends SluiceError {
  override get code(): string {
    return 'SLUICE_SLOW_SUBSCRIBER';
  }

  constructor(
    /** The subscriber's name. */
    readonly stage: string,
    /** How many values waited for it. */
    readonly lag: number,
    why: string,
  ) {
    super(`\`${stage}\` was too slow and was unsubscribed: ${why}`);
  }
}

/** `send` could not hand its value over: the queue was closed before there was room. The value was not accepted. */
export class QueueClosedError extends SluiceError {
  override get code(): string {
    return 'SLUICE_QUEUE_CLOSED';
  }

  constructor(
    /** The queue's name. */
    readonly queue: string,
    cause?: unknown,
  ) {
    super(`\`${queue}\` is closed: the value was not accepted`, { cause });
  }
}

/** A worker call took longer than the pool's `timeout`. */
export class WorkerTimeoutError extends SluiceError {
  override get code(): string {
    return 'SLUICE_WORKER_TIMEOUT';
  }

  constructor(
    /** The name of the pool. */
    readonly stage: string,
    /** How long the call was allowed to take, in milliseconds. */
    readonly timeout: number,
    what: number | string,
  ) {
    const work = typeof what === 'number' ? `the worker did not finish value number ${what}` : what;
    super(`\`${stage}\`: ${work} within ${timeout} ms`);
  }
}

/** A function of the user's returned something that can not be used: a worker `undefined`, a `cost` NaN. */
export class ReturnError extends SluiceError {
  override get code(): string {
    return 'SLUICE_RETURN';
  }

  constructor(
    /** The name of the stage that called the function. */
    readonly stage: string,
    /** What the function returned. */
    readonly received: unknown,
    message: string,
  ) {
    super(`\`${stage}\`: ${message}`);
  }
}

/**
 * A source could not be opened, read or let go, or ended before its end, or a Node stream could not carry what it gave; `cause` is what was
 * thrown, where something was.
 */
export class SourceError extends SluiceError {
  override get code(): string {
    return 'SLUICE_SOURCE';
  }

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/**
 * A request was not let in, or had to give way before its answer was there: the service is full, or is shutting down.
 *
 * Express, Fastify and Hono answer it with its status and `Retry-After` when a handler throws it.
 */
export class RefusedError extends SluiceError {
  readonly status: number = 503;
  readonly statusCode: number = 503;

  override get code(): string {
    return 'SLUICE_REFUSED';
  }

  constructor(
    /** The name of what refused it. */
    readonly by: string,
    /** `full`, `closed`, or why a stage dropped it: `overflow`, `evicted`, `expired`, … */
    readonly reason: string,
    /** Milliseconds after which the caller may ask again. */
    readonly retryAfter: number,
    /** The answer's body, an `application/problem+json`. */
    readonly body: string,
  ) {
    super(`\`${by}\` refused a request: ${reason}`);
  }

  get headers(): Record<string, string> {
    // Fifteen digits are the most that a structured field carries; far more would be written `1e+297`.
    return { 'Retry-After': String(Math.min(1e15 - 1, Math.max(1, Math.ceil(this.retryAfter / 1_000)))) };
  }

  /** The answer as a web `Response`. */
  getResponse(): Response {
    const headers = { ...this.headers, 'Content-Type': 'application/problem+json' };
    return new Response(this.body, { status: this.status, headers });
  }
}

/** There was no token for a value, and `excess` is `'error'`. */
export class RateLimitError extends SluiceError {
  override get code(): string {
    return 'SLUICE_RATE_LIMIT';
  }

  constructor(
    /** The name of the stage. */
    readonly stage: string,
    /** Milliseconds after which there would have been one. */
    readonly retryAfter: number,
  ) {
    super(`\`${stage}\`: over the rate; there is room again in ${Math.ceil(retryAfter)} ms`);
  }
}

/** A worker could not be made; `cause` is what the last attempt threw. */
export class WorkerCreateError extends SluiceError {
  override get code(): string {
    return 'SLUICE_WORKER_CREATE';
  }

  constructor(
    /** The name of the pool. */
    readonly stage: string,
    /** How often it was tried. */
    readonly attempts: number,
    cause: unknown,
  ) {
    const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
    super(`\`${stage}\`: no worker could be made in ${tries}: ${messageOf(cause)}`, { cause });
  }
}

/** `throttleCalls` refused a call: the other side refuses most of them. */
export class ThrottledError extends SluiceError {
  override get code(): string {
    return 'SLUICE_THROTTLED';
  }

  constructor(
    /** The part of the calls that is refused now, from 0 to 1. */
    readonly probability: number,
  ) {
    super(
      `the call was not made: ${Math.round(probability * 100)} % of the calls are refused, for the other side is overloaded`,
    );
  }
}

/** A package that sluice needs for this, and does not bring along, can not be loaded; `cause` says why. */
export class MissingPackageError extends SluiceError {
  override get code(): string {
    return 'SLUICE_MISSING_PACKAGE';
  }

  constructor(
    /** Its name. */
    readonly missing: string,
    version: string,
    user: string,
    cause: unknown,
  ) {
    super(`\`${user}\` needs the package \`${missing}\`: npm install ${missing}@${version}`, { cause });
  }
}

/** A thread of `threads` ended before its call had; `cause` is what it died of. */
export class ThreadError extends SluiceError {
  override get code(): string {
    return 'SLUICE_THREAD';
  }

  constructor(cause: unknown) {
    super(`a thread ended before its call had: ${messageOf(cause)}`, { cause });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
