import type { StoreError } from '../../queue/errors.js';
import type { GroupTerms, NewMessage, PutAnswer, StoreGroup, StoreTopic, TopicTerms } from '../../queue/store.js';
import type { Core } from './core.js';
import { put, weightOf } from './put.js';
import { SqliteGroup } from './sqliteGroup.js';

export class SqliteTopic implements StoreTopic {
  /** Those who wait for room. */
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly core: Core,
    readonly id: number,
    readonly terms: TopicTerms,
  ) {}

  put(messages: readonly NewMessage[], whole: boolean): Promise<readonly PutAnswer[]> {
    const { core } = this;
    if (core.closed) return core.refuse();
    return core.commits.promise('put', weightOf(messages), (tx) => put(tx, this, messages, whole));
  }

  room(signal: AbortSignal): Promise<void> {
    const { core } = this;
    if (core.closed) return core.refuse();
    if (signal.aborted || this.hasRoom()) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        this.waiting.delete(wake);
        core.waits(this, this.waiting.size > 0, true);
        resolve();
      };
      signal.addEventListener('abort', wake);
      this.waiting.add(wake);
      core.waits(this, true, true);
    });
  }

  putIn(transaction: unknown, messages: readonly NewMessage[]): readonly PutAnswer[] {
    return this.core.inTransactionOf(transaction, (tx) => put(tx, this, messages, false));
  }

  group(name: string, terms: GroupTerms): StoreGroup {
    return new SqliteGroup(this.core, this.terms.capacity, this.core.takers(this, name), terms);
  }

  /** Those who wait for room are told when there is some: they put, and may find that others were faster, or that the file is gone. */
  look(gone?: StoreError): void {
    if (gone !== undefined || this.core.closed || this.hasRoom()) for (const wake of this.waiting) wake();
  }

  /** Where it can not be read, that is for those to find out who put. */
  private hasRoom(): boolean {
    try {
      const groups = this.core.sql.groups.all(this.id);
      return groups.every(({ live }) => live < this.terms.capacity);
    } catch {
      return true;
    }
  }
}
