/** Messages and outcomes of which the laws need only a little. */
import type { Message, NewMessage, StoreOutcome } from '../queue/store.js';

export function messageOf(body: string | Uint8Array, publishedAt: number, facts: Partial<NewMessage> = {}): NewMessage {
  const none = { key: undefined, headers: undefined, deadline: undefined, dedupeId: undefined };
  return { body, publishedAt, priority: 0, notBefore: 0, ...none, ...facts };
}

export function outcomeOf(message: Message, kind: StoreOutcome['kind'], delay: number): StoreOutcome {
  const died = kind === 'dead' ? { reason: `${message.id} died`, error: 'Error: no' } : NOTHING;
  return { message, kind, delay, ...died };
}

const NOTHING = { reason: undefined, error: undefined };
