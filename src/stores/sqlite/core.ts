/** What a store, its topics and its groups share: one connection, and who waits for what is in it. */
import type { SchedulerLike } from 'rxjs';
import { OptionError } from '../../errors.js';
import { StoreError } from '../../queue/errors.js';
import { Commits } from './commits.js';
import { fileOf, inTransaction, type SqliteDatabase } from './driver.js';
import { patiently, realPath, type Connection } from './open.js';
import { Outbox } from './outbox.js';
import { Presence } from './presence.js';
import { Statements } from './statements.js';
import { Takers } from './takers.js';
import type { TopicRow } from './put.js';
import { stored } from './text.js';
import { Transaction } from './transaction.js';
import { storeError } from './trouble.js';
import { Wake } from './wake.js';

/** One that waits for a change. */
export interface Waiter {
  /** There may have been one; or the file is gone, as that says. */
  look(gone?: StoreError): void;
}

export class Core {
  readonly sql: Statements;
  readonly commits: Commits;
  /** *Open* → *closing* (nothing is taken any more) → *closed* (nor put) → *ended* (nor settled). */
  state: 'open' | 'closing' | 'closed' | 'ended' = 'open';
  private readonly presence: Presence;
  private readonly wake: Wake;
  private readonly outbox: Outbox;
  private readonly groups = new Map<number, Takers>();
  /** Those that wait, for messages or for room. */
  private readonly waiters = new Set<Waiter>();
  private readonly rooms = new Set<Waiter>();
  private ending: Promise<void> | undefined;

  constructor(
    private readonly connection: Connection,
    readonly scheduler: SchedulerLike,
  ) {
    this.presence = new Presence(connection.file);
    this.sql = new Statements(connection.database);
    this.commits = new Commits(connection, this.sql, () => scheduler.now(), this.committed, this.presence);
    this.wake = new Wake(connection.file, () => this.sql.version.get()!.data_version, this.lookAll);
    this.outbox = new Outbox(this.committed);
  }

  /** Its real path; empty when it is in memory. */
  get file(): string {
    return this.connection.file;
  }

  /** The members of a group in this store, made where there are none yet. */
  takers({ id, terms }: TopicRow, name: string): Takers {
    const group = this.findOrMake(
      () => this.sql.group.get(id, stored(name))?.id,
      () => {
        this.sql.addGroup.run(id, stored(name));
        this.sql.addCounter.run(id, stored(name));
      },
    );
    let takers = this.groups.get(group);
    if (takers === undefined) {
      const row = { id: group, topic: id, order: terms.order, file: this.sql.prefix };
      const waits = (takers: Takers): void => this.waits(takers, takers.size > 0);
      this.groups.set(
        group,
        (takers = new Takers(row, this.sql, this.commits, this.scheduler, waits, this.connection.file)),
      );
    }
    return takers;
  }

  /** What `find` finds, after `make` where that is nothing. Others may make the same at the same time. */
  findOrMake<R>(find: () => R | undefined, make: () => void): R {
    if (this.state !== 'open') throw closedError();
    this.presence.check();
    try {
      const there = find();
      if (there !== undefined) return there;
      const { database } = this.connection;
      if (inTransaction(database)) {
        throw new StoreError('sqlite', 'busy', 'a transaction is open: make queues before it begins, or after it');
      }
      return patiently(database, () => {
        this.sql.begin.run();
        try {
          if (find() === undefined) make();
          this.sql.commit.run();
        } catch (error) {
          if (inTransaction(database)) this.sql.rollback.run();
          throw error;
        }
        return find()!;
      });
    } catch (error) {
      throw storeError('nothing was made', error, this.connection.file);
    }
  }

  /** `waiter` waits, or does not any more. */
  waits(waiter: Waiter, waits: boolean, forRoom = false): void {
    for (const set of forRoom ? [this.waiters, this.rooms] : [this.waiters]) {
      if (waits) set.add(waiter);
      else set.delete(waiter);
    }
    this.wake.waiting = this.waiters.size > 0;
  }

  /** Carries `work` out in the transaction that `transaction` has open. */
  inTransactionOf<R>(transaction: unknown, work: (tx: Transaction) => R): R {
    if (this.closed) throw closedError();
    this.presence.check();
    const database = this.checkTransaction(transaction);
    try {
      const sql = database === this.connection.database ? this.sql : this.outbox.statementsOf(database);
      const tx = new Transaction(sql, this.scheduler.now());
      database.exec('SAVEPOINT sluice');
      try {
        const result = work(tx);
        tx.end();
        database.exec('RELEASE sluice');
        this.outbox.add(database, tx);
        return result;
      } catch (error) {
        if (inTransaction(database)) database.exec('ROLLBACK TO sluice; RELEASE sluice');
        throw error;
      }
    } catch (error) {
      throw storeError('nothing was put', error, this.connection.file);
    }
  }

  refuse(): Promise<never> {
    return Promise.reject(closedError());
  }

  /** Resolves when all that was asked for is done, and nothing of the store is left but the application's own connection. */
  close(): Promise<void> {
    return (this.ending ??= this.end());
  }

  /** Nothing is put any more. */
  get closed(): boolean {
    return this.state === 'closed' || this.state === 'ended';
  }

  /** Queues gather what is asked of them for a moment: what was published, or settled, before this is on its way, or waits for an answer. */
  private async end(): Promise<void> {
    this.state = 'closing';
    for (const takers of this.groups.values()) takers.close();
    await turn();
    this.state = 'closed';
    for (const room of this.rooms) room.look();
    do {
      await this.commits.drained();
      await turn();
    } while (!this.commits.isIdle);
    this.state = 'ended';
    this.outbox.close();
    this.wake.close();
    this.connection.own?.close();
  }

  /** Where that is open: on a connection to this store's file. */
  private checkTransaction(transaction: unknown): SqliteDatabase {
    const wrong = (what: string): OptionError =>
      new OptionError('transaction', transaction, `Expected \`transaction\` to be ${what} (sqliteStore)`);
    const database = transaction as SqliteDatabase | null | undefined;
    if (typeof database?.prepare !== 'function' || typeof database.exec !== 'function') {
      throw wrong('a connection of better-sqlite3 or `node:sqlite`, got another value');
    }
    const { database: ours, file } = this.connection;
    if (database !== ours && (file === '' || realPath(fileOf(database)) !== file)) {
      throw wrong(`a connection to the file of the store, \`${file}\`; it is one to \`${fileOf(database)}\``);
    }
    if (!inTransaction(database)) throw wrong('a connection that has a transaction open; it has none');
    return database;
  }

  private readonly committed = ({ stirred, freed }: Transaction): void => {
    if (stirred.size === 0 && freed.size === 0) return;
    for (const group of stirred) this.groups.get(group)?.look();
    if (freed.size > 0) for (const room of this.rooms) room.look();
    this.wake.committed();
  };

  private whyGone(): StoreError | undefined {
    try {
      this.presence.check();
      return undefined;
    } catch (error) {
      return error as StoreError;
    }
  }

  private readonly lookAll = (): void => {
    const gone = this.whyGone();
    for (const waiter of this.waiters) waiter.look(gone);
  };
}

/** As it is before anybody puts timers of a test in its place: the real event loop is waited for. */
const immediately = setImmediate;

/** The next turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => immediately(resolve));
}

function closedError(): StoreError {
  return new StoreError('sqlite', 'closed', 'it is closed');
}
