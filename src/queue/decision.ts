/** What a store is told of what became of a message. */
import type { Outcome } from '../core/ackTree.js';
import { check } from '../options.js';
import { messageOf } from './codec.js';
import { DELAY } from './publishOptions.js';
import { ACKED, RELEASED, type Decided } from './queueLease.js';
import type { Message } from './store.js';

export interface DecisionSettings {
  readonly maxAttempts: number;
  /** There are no dead letters: what would be one is done. */
  readonly discard: boolean;
  /** Milliseconds that the store can have a message wait at most. */
  readonly maxDelay: number;
  /** Milliseconds before a message comes again whose attempt failed with `error`. */
  backoff(attempt: number, error: unknown): number;
}

/** A message whose attempts are over is a dead letter. */
export function becomes({ attempt }: Message, outcome: Outcome, maxAttempts: number): Outcome {
  if (outcome.kind !== 'nack' || attempt < maxAttempts) return outcome;
  return { kind: 'dead', reason: 'attempts', error: outcome.error === undefined ? outcome.reason : outcome.error };
}

/** Throws what `backoff` throws, and where it returns no delay. */
export function decide(message: Message, said: Outcome, settings: DecisionSettings): Decided {
  const outcome = becomes(message, said, settings.maxAttempts);
  if (outcome.kind === 'ack') return ACKED;
  if (outcome.kind === 'release') return RELEASED;
  const error = outcome.error === undefined ? undefined : textOf(outcome.error);
  if (outcome.kind === 'nack') {
    const { atLeast = 0 } = outcome;
    const delay = outcome.delay ?? Math.max(atLeast, settings.backoff(message.attempt, outcome.error));
    check('delay', DELAY, delay, 'nack');
    return { kind: 'nack', delay: Math.min(delay, settings.maxDelay), reason: outcome.reason, error };
  }
  if (settings.discard) return ACKED;
  return { kind: 'dead', delay: 0, reason: outcome.reason, error };
}

/** What was thrown, as text that a store can keep. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
  return text.slice(0, LONGEST);
}

const LONGEST = 8_192;
