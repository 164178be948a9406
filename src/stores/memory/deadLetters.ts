import { LinkedQueue, type Linked } from '../../core/linkedQueue.js';
import type { StoreDeadLetter } from '../../queue/store.js';
import { copied, type Stored } from './stored.js';

/** The dead letters of a group, the oldest first. */
export class DeadLetters {
  private readonly line = new LinkedQueue<Dead>();
  private readonly byId = new Map<string, Dead>();

  get size(): number {
    return this.byId.size;
  }

  /** @param until the time after which it is not kept */
  add(id: string, stored: Stored, letter: Dead['letter'], until: number): void {
    const dead: Dead = { id, stored, letter, until, older: undefined, newer: undefined };
    this.line.push(dead);
    this.byId.set(id, dead);
  }

  /** Those whose time is over at `now` go. */
  forget(now: number): void {
    for (let dead = this.line.oldest; dead !== undefined && dead.until <= now; dead = this.line.oldest)
      this.remove(dead);
  }

  /** Those after the one of the id `after`; all, where that is not there (any more). */
  browse(after: string | undefined, limit: number): StoreDeadLetter[] {
    const known = after === undefined ? undefined : this.byId.get(after);
    const found: StoreDeadLetter[] = [];
    let dead = known === undefined ? this.line.oldest : known.newer;
    for (; dead !== undefined && found.length < limit; dead = dead.newer) found.push(shown(dead));
    return found;
  }

  /** Takes out those of these ids that are there, or so many of the oldest. */
  take(which: readonly string[] | number, atMost: number): Stored[] {
    const taken: Stored[] = [];
    if (typeof which === 'number') {
      for (
        let dead = this.line.oldest;
        dead !== undefined && taken.length < Math.min(which, atMost);
        dead = this.line.oldest
      ) {
        taken.push(this.remove(dead));
      }
      return taken;
    }
    for (const id of which) {
      const dead = this.byId.get(id);
      if (dead !== undefined && taken.length < atMost) taken.push(this.remove(dead));
    }
    return taken;
  }

  private remove(dead: Dead): Stored {
    this.line.remove(dead);
    this.byId.delete(dead.id);
    return dead.stored;
  }
}

interface Dead extends Linked<Dead> {
  readonly id: string;
  readonly stored: Stored;
  readonly letter: Pick<StoreDeadLetter, 'reason' | 'error' | 'diedAt'>;
  readonly until: number;
}

function shown({ id, stored, letter }: Dead): StoreDeadLetter {
  const { body, publishedAt } = stored;
  const { key, headers, priority, deadline } = stored.rest;
  return {
    id,
    body: copied(body),
    key,
    headers,
    priority,
    publishedAt,
    deadline,
    attempts: stored.attempts,
    ...letter,
  };
}
