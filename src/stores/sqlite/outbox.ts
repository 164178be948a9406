import { inTransaction, type SqliteDatabase } from './driver.js';
import { Statements } from './statements.js';
import type { Transaction } from './transaction.js';

/** Milliseconds between two looks at a transaction that is still open, at most. */
const SLOWEST = 250;

/** Transactions of the application's in which messages were put: those who wait for messages are woken when they are over. */
export class Outbox {
  private readonly statements = new WeakMap<SqliteDatabase, Statements>();
  private open: (readonly [SqliteDatabase, Transaction])[] = [];
  private soon: NodeJS.Immediate | undefined;
  private timer: NodeJS.Timeout | undefined;
  private delay = 1;

  constructor(private readonly committed: (tx: Transaction) => void) {}

  statementsOf(database: SqliteDatabase): Statements {
    let statements = this.statements.get(database);
    if (statements === undefined) this.statements.set(database, (statements = new Statements(database)));
    return statements;
  }

  add(database: SqliteDatabase, tx: Transaction): void {
    this.open.push([database, tx]);
    this.delay = 1;
    // As a rule the transaction is over within this turn.
    this.soon ??= setImmediate(this.look);
  }

  close(): void {
    this.open = [];
    clearImmediate(this.soon);
    clearTimeout(this.timer);
  }

  private readonly look = (): void => {
    this.soon = undefined;
    clearTimeout(this.timer);
    this.open = this.open.filter(([database, tx]) => {
      if (isOpen(database)) return true;
      this.committed(tx);
      return false;
    });
    if (this.open.length === 0) return;
    // A clock of the real world, as the application's transaction is. It keeps no process alive: whoever waits does.
    this.timer = setTimeout(this.look, this.delay).unref();
    this.delay = Math.min(SLOWEST, 2 * this.delay);
  };
}

/** One that was closed has no transaction any more. */
function isOpen(database: SqliteDatabase): boolean {
  try {
    return inTransaction(database);
  } catch {
    return false;
  }
}
