/** The errors of queues and stores. */
import { SluiceError } from '../errors.js';

/** `publish` was refused: the queue holds as many messages as it may, and `whenFull` is `'error'`. Nothing was put. */
export class QueueFullError extends SluiceError {
  override get code(): string {
    return 'SLUICE_QUEUE_FULL';
  }

  constructor(
    /** The queue's name. */
    readonly queue: string,
    /** Messages that it holds at most. */
    readonly capacity: number,
  ) {
    super(`\`${queue}\` is full (capacity ${capacity}): the message was not put`);
  }
}

/** A value can not be a message: it can not be encoded, or is too large; or a message can not be decoded. */
export class MessageError extends SluiceError {
  override get code(): string {
    return 'SLUICE_MESSAGE';
  }

  constructor(
    /** The queue's name. */
    readonly queue: string,
    message: string,
    cause?: unknown,
  ) {
    super(`\`${queue}\`: ${message}`, { cause });
  }
}

/**
 * What happened to a store: `full` (no space is left), `read-only`, `corrupt` (it is not what it should be), `schema` (a newer version of
 * sluice wrote it), `busy` (others kept it for too long), `closed`, `unavailable` (it can not be reached, or opened).
 */
export type StoreTrouble = 'full' | 'read-only' | 'corrupt' | 'schema' | 'busy' | 'closed' | 'unavailable';

/**
 * A store could not do what it was asked for: nothing of that was done, or, where the connection broke (`unavailable`), it is not known what.
 * `cause` is what its driver threw.
 */
export class StoreError extends SluiceError {
  override get code(): string {
    return 'SLUICE_STORE';
  }

  constructor(
    /** The kind of store: `'sqlite'`. */
    readonly store: string,
    /** What happened. */
    readonly trouble: StoreTrouble,
    message: string,
    cause?: unknown,
  ) {
    super(`${store} store: ${message}`, { cause });
  }
}

/** Whether it says that the store is closed. */
export function isClosed(error: unknown): boolean {
  return error instanceof StoreError && error.trouble === 'closed';
}
