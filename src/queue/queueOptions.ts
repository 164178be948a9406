/** The options of a queue, and what they are checked by. */
import type { SchedulerLike } from 'rxjs';
import type { Backoff } from '../flow/control/backoff.js';
import { BACKOFF } from '../flow/control/backoffDelay.js';
import { COUNT, DURATION, FUNCTION, POSITIVE, SCHEDULER, type Rule } from '../options.js';
import { CODEC, type Codec } from './codec.js';
import type { Order } from './store.js';

/** Options of `queue`. */
export interface QueueOptions<T> {
  /**
   * Which messages wait for which: none (`'none'`); all for the one before (`'queue'`); each for the one before it of its key (`'key'`): no
   * message of a key is delivered while another of it is in flight, or waits to come again. Default: `'none'`.
   */
  order?: Order | undefined;
  /** Messages that may be in the queue, dead letters not counted, across processes. An integer of at least 1, or `Infinity`. Default: `Infinity`. */
  capacity?: number | undefined;
  /** What a publisher gets when it is full: it waits in line, or a `QueueFullError`. Default: `'wait'`. */
  whenFull?: 'wait' | 'error' | undefined;
  /** Milliseconds after which a message that was delivered, is not settled, and that nobody works on, is delivered again. Above 0. Default: 30,000. */
  visibilityTimeout?: number | undefined;
  /** How often a message is delivered before it is a dead letter. An integer of at least 1, or `Infinity`. Default: 10. */
  maxAttempts?: number | undefined;
  /** How long a message waits after a `nack` without a delay. Default: `exponential({ base: 1_000, max: 300_000, jitter: 'equal' })`. */
  backoff?: Backoff | ((attempt: number, error: unknown) => number) | undefined;
  /** What becomes of dead letters: they are kept, to browse and redrive; or discarded. Default: `'keep'`. */
  deadLetter?: 'keep' | 'discard' | undefined;
  /** Milliseconds for which dead letters are kept. Above 0, or `Infinity`. Default: `Infinity`. */
  retention?: number | undefined;
  /** Milliseconds for which a `dedupeId` is remembered. Above 0. Default: 300,000. */
  dedupeWindow?: number | undefined;
  /** How values become bodies and back. Default: JSON; a Uint8Array passes through untouched. */
  codec?: Codec<T> | undefined;
  /** Bytes of a message at most: its body and its headers. An integer of at least 1. Default: 1 MiB, or what the store can hold if that is less. */
  maxBytes?: number | undefined;
  /** The clock and timer. Give the store the same. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
  /** Random numbers from 0 to 1, for `backoff`. Default: `Math.random`. */
  random?: (() => number) | undefined;
}

/** Those that every queue of one name has to have alike. */
export const SHARED = [
  'order',
  'capacity',
  'visibilityTimeout',
  'maxAttempts',
  'deadLetter',
  'retention',
  'dedupeWindow',
  'maxBytes',
] as const;

export const QUEUE_RULES: Record<keyof QueueOptions<never>, Rule> = {
  order: oneOf('none', 'queue', 'key'),
  capacity: POSITIVE,
  whenFull: oneOf('wait', 'error'),
  visibilityTimeout: DURATION,
  maxAttempts: POSITIVE,
  backoff: BACKOFF,
  deadLetter: oneOf('keep', 'discard'),
  retention: [
    'a number of milliseconds above 0, or Infinity',
    (value: unknown) => typeof value === 'number' && value > 0,
  ],
  dedupeWindow: DURATION,
  codec: CODEC,
  maxBytes: COUNT,
  scheduler: SCHEDULER,
  random: FUNCTION,
};

function oneOf(...words: string[]): Rule {
  return [words.map((word) => `'${word}'`).join(' or '), (value: unknown) => words.includes(value as string)];
}
