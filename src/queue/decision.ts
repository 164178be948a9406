/** What a store is told of what became of a message. */
import type { Outcome } from '../core/ackTree.js';
import { messageOf } from './codec.js';
import { LONGEST_DELAY } from './publishOptions.js';
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

/** Throws what `backoff` throws. A delay that is too long is as long as it may be. */
export function decide(message: Message, said: Outcome, settings: DecisionSettings): Decided {
  const outcome = becomes(message, said, settings.maxAttempts);
  if (outcome.kind === 'ack') return ACKED;
  if (outcome.kind === 'release') return RELEASED;
  const error = outcome.error === undefined ? undefined : textOf(outcome.error);
  if (outcome.kind === 'nack') {
    const { atLeast = 0 } = outcome;
    const delay = outcome.delay ?? Math.max(atLeast, settings.backoff(message.attempt, outcome.error));
    return { kind: 'nack', delay: Math.min(delay, settings.maxDelay, LONGEST_DELAY), reason: outcome.reason, error };
  }
  if (settings.discard) return ACKED;
  return { kind: 'dead', delay: 0, reason: outcome.reason, error };
}

/** What was thrown, as text that a store can keep. */
function textOf(error: unknown): string {
  return (stackOf(error) ?? messageOf(error)).slice(0, LONGEST_TEXT);
}

/** It is a string, unless somebody has made something else of it, or fails to. */
function stackOf(error: unknown): string | undefined {
  try {
    const stack: unknown = error instanceof Error ? error.stack : undefined;
    return typeof stack === 'string' ? stack : undefined;
  } catch {
    return undefined;
  }
}

const LONGEST_TEXT = 8_192;
