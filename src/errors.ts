/** Every error sluice makes: a stable `code`, the facts to act on, and an `instanceof` that works across two copies of the package. */

/** Marks the errors of every copy of sluice; the value is the error's `code`. */
const BRAND: unique symbol = Symbol.for('sluice.error');

interface Branded {
  readonly [BRAND]?: string;
}

/**
 * The base of all errors that sluice makes: test `error instanceof SluiceError`, then look at `error.code`.
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
  /** The code every instance of this class carries; undefined here, where every code matches. */
  static readonly code: string | undefined = undefined;
  /** What went wrong, for programs: it does not change between releases. */
  readonly code: string;

  constructor(name: string, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = name;
    this.code = code;
    Object.defineProperty(this, BRAND, { value: code });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    const code = typeof value === 'object' && value !== null ? (value as Branded)[BRAND] : undefined;
    return code !== undefined && (this.code === undefined || this.code === code);
  }
}

/** An option or argument is missing, unknown or out of range. Thrown at the call, before anything has happened. */
export class OptionError extends SluiceError {
  static override readonly code = 'SLUICE_OPTION';
  /** The option's name, as the caller wrote it. */
  readonly option: string;
  /** What came instead. */
  readonly received: unknown;

  constructor(option: string, received: unknown, message: string) {
    super('OptionError', OptionError.code, message);
    this.option = option;
    this.received = received;
  }
}

/** A source sent more than the stage had room for: it ignores demand, and no policy that drops was named. */
export class OverflowError extends SluiceError {
  static override readonly code = 'SLUICE_OVERFLOW';
  /** The name of the stage that had no room. */
  readonly stage: string;
  /** What the stage can hold. */
  readonly capacity: number;

  constructor(stage: string, capacity: number, advice: string) {
    super(
      'OverflowError',
      OverflowError.code,
      `\`${stage}\` is full (capacity ${capacity}) and its source ignores demand: ${advice}`,
    );
    this.stage = stage;
    this.capacity = capacity;
  }
}

/** `send` could not hand its value over: the queue was closed before there was room for it. The value was not accepted. */
export class QueueClosedError extends SluiceError {
  static override readonly code = 'SLUICE_QUEUE_CLOSED';
  /** The queue's name. */
  readonly queue: string;

  constructor(queue: string, cause?: unknown) {
    super('QueueClosedError', QueueClosedError.code, `\`${queue}\` is closed: the value was not accepted`, { cause });
    this.queue = queue;
  }
}

/** A worker call took longer than the pool's `timeout`. */
export class WorkerTimeoutError extends SluiceError {
  static override readonly code = 'SLUICE_WORKER_TIMEOUT';
  /** The name of the pool. */
  readonly stage: string;
  /** How long the call was allowed to take, in milliseconds. */
  readonly timeout: number;

  constructor(stage: string, timeout: number, index: number) {
    super(
      'WorkerTimeoutError',
      WorkerTimeoutError.code,
      `\`${stage}\`: the worker did not finish value number ${index} within ${timeout} ms`,
    );
    this.stage = stage;
    this.timeout = timeout;
  }
}

/** A function of the user's returned something that can not be used: a worker `undefined`, a `cost` NaN. */
export class ReturnError extends SluiceError {
  static override readonly code = 'SLUICE_RETURN';
  /** The name of the stage that called the function. */
  readonly stage: string;
  /** What the function returned. */
  readonly received: unknown;

  constructor(stage: string, received: unknown, message: string) {
    super('ReturnError', ReturnError.code, `\`${stage}\`: ${message}`);
    this.stage = stage;
    this.received = received;
  }
}

/** A source could not be opened or let go, or ended before its end; `cause` is what it threw, where it threw. */
export class SourceError extends SluiceError {
  static override readonly code = 'SLUICE_SOURCE';

  constructor(message: string, cause?: unknown) {
    super('SourceError', SourceError.code, message, { cause });
  }
}
