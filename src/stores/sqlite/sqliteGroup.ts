import type { Settled } from '../../delivery/lease.js';
import { expected } from '../../options.js';
import type { GroupTerms, Message, StoreCounts, StoreDeadLetter, StoreGroup, StoreOutcome } from '../../queue/store.js';
import type { Phase } from './commits.js';
import type { Core } from './core.js';
import { RETRYING, SCHEDULED } from './schema.js';
import { extend, forgetDead, revive, settle } from './settle.js';
import type { DeadRow } from './statements.js';
import { DUE_AT_ONCE, moveDue, type GroupRow } from './take.js';
import { bodyOf, headersOf, idOf, numberOf, Taken, type Lease } from './taken.js';
import type { Takers } from './takers.js';
import { restored, restoredOrUndefined } from './text.js';
import type { Transaction } from './transaction.js';

/** Dead letters that are handled in one transaction at most: others are to get at the file in between. */
const LETTERS_AT_ONCE = 1_000;
/** Pages of dead letters whose ends are known when they themselves are gone. */
const PAGES = 100;

export class SqliteGroup implements StoreGroup {
  private readonly row: GroupRow;
  /** Where pages of dead letters ended. */
  private readonly ends = new Map<string, number>();

  constructor(
    private readonly core: Core,
    /** Messages that the topic may have. */
    private readonly capacity: number,
    private readonly takers: Takers,
    private readonly terms: GroupTerms,
  ) {
    this.row = takers.group;
  }

  take(want: number, signal: AbortSignal): Promise<readonly Message[]> {
    const { core } = this;
    if (core.state !== 'open') return core.refuse();
    if (signal.aborted || want < 1) return Promise.resolve([]);
    return this.takers.take(want, this.terms.visibilityTimeout, this.owner, signal);
  }

  async settle(outcomes: readonly StoreOutcome[]): Promise<readonly Settled[]> {
    const endings = outcomes.map((outcome) => ({ outcome, lease: this.leaseOf(outcome.message) }));
    return this.inTransaction('settle', endings.length, (tx) => {
      this.takers.repair(tx); // a retry begins to wait now
      return endings.map((ending) => settle(tx, this.row, this.terms.retention, ending));
    });
  }

  async extend(messages: readonly Message[]): Promise<readonly Settled[]> {
    const leases = messages.map((message) => ({ lease: this.leaseOf(message), attempt: message.attempt }));
    const { visibilityTimeout } = this.terms;
    return this.inTransaction('settle', leases.length, (tx) => {
      this.takers.repair(tx);
      return leases.map(({ lease, attempt }) => extend(tx, this.row, visibilityTimeout, lease, attempt));
    });
  }

  count(): Promise<StoreCounts> {
    const { id } = this.row;
    return this.inTransaction('take', 1, (tx) => {
      tx.flush();
      this.takers.repair(tx);
      while (moveDue(tx, this.row) === DUE_AT_ONCE);
      const leased = tx.leases.count(id);
      const [ready, blocked] = [tx.sql.countReady.get(id)!, tx.sql.countBlocked.get(id)!];
      const [retrying, scheduled] = [tx.sql.countTimed.get(id, RETRYING)!, tx.sql.countTimed.get(id, SCHEDULED)!];
      const firsts = [leased, ready, blocked, retrying, scheduled].map(({ first }) => first ?? Infinity);
      return {
        ready: ready.count,
        delayed: retrying.count + scheduled.count,
        blocked: blocked.count,
        inFlight: leased.count,
        dead: tx.sql.countDead.get(id, this.forgotten(tx.now))!.count,
        oldest: tx.sql.published.get(Math.min(...firsts))?.published,
      };
    });
  }

  browse(after: string | undefined, limit: number): Promise<readonly StoreDeadLetter[]> {
    return this.inTransaction('take', 1, (tx) => {
      forgetDead(tx, this.row.id, this.terms.retention);
      const rows = tx.sql.dead.all(this.row.id, this.placeOf(tx, after), this.forgotten(tx.now), Math.min(limit, MANY));
      const last = rows.at(-1);
      if (last !== undefined) this.noteEnd(idOf(this.row.file, last.number), last.id);
      return rows.map((row) => letterOf(row, this.row.file));
    });
  }

  async redrive(which: readonly string[] | number): Promise<number> {
    const { capacity, row } = this;
    return this.inParts(which, (tx, ids) => revive(tx, row, capacity - tx.liveOf(row.id), ids));
  }

  async purge(ids: readonly string[] | 'all'): Promise<number> {
    return this.inParts(ids === 'all' ? Infinity : ids, (tx, rows) =>
      rows.reduce((count, id) => count + Number(tx.sql.removeDead.run(id).changes), 0),
    );
  }

  /** All handles of a group in a process are one: what one gave out another may settle. */
  private get owner(): object {
    return this.takers;
  }

  private inTransaction<R>(phase: Phase, weight: number, run: (tx: Transaction) => R): Promise<R> {
    const { core } = this;
    const over = phase === 'settle' ? core.state === 'ended' : core.closed;
    return over ? core.refuse() : core.commits.promise(phase, weight, run);
  }

  /** Carries out `work` with dead letters of these ids, or so many of the oldest, some at a time. Returns how many that were. */
  private async inParts(
    which: readonly string[] | number,
    work: (tx: Transaction, rows: readonly number[]) => number,
  ): Promise<number> {
    const all = typeof which === 'number' ? which : which.length;
    let count = 0;
    for (let from = 0; from < all; from += LETTERS_AT_ONCE) {
      const most = Math.min(LETTERS_AT_ONCE, all - from);
      const part = await this.inTransaction('put', 2 * most, (tx) => {
        forgetDead(tx, this.row.id, this.terms.retention);
        const rows =
          typeof which === 'number' ? this.oldestDead(tx, most) : this.deadOf(tx, which.slice(from, from + most));
        return { found: rows.length, done: work(tx, rows) };
      });
      count += part.done;
      // Fewer than there were: there is no room for more.
      if (part.done < part.found || (typeof which === 'number' && part.found < most)) break;
    }
    return count;
  }

  private oldestDead(tx: Transaction, most: number): number[] {
    return tx.sql.oldestDead.all(this.row.id, this.forgotten(tx.now), most).map(({ id }) => id);
  }

  private deadOf(tx: Transaction, ids: readonly string[]): number[] {
    const numbers = new Set(ids.map((id) => numberOf(this.row.file, id)));
    return [...numbers].flatMap((number) =>
      number === undefined ? [] : tx.sql.deadOf.all(this.row.id, number, this.forgotten(tx.now)).map(({ id }) => id),
    );
  }

  /** Dead letters that died until then are not kept any more. */
  private forgotten(now: number): number {
    return now - this.terms.retention;
  }

  private placeOf(tx: Transaction, after: string | undefined): number {
    const number = after === undefined ? undefined : numberOf(this.row.file, after);
    if (number === undefined) return 0;
    return tx.sql.deadOf.get(this.row.id, number, -Infinity)?.id ?? this.ends.get(after!) ?? 0;
  }

  private noteEnd(id: string, place: number): void {
    this.ends.delete(id);
    this.ends.set(id, place);
    if (this.ends.size > PAGES) this.ends.delete(this.ends.keys().next().value!);
  }

  private leaseOf(message: Message): Lease {
    return (
      Taken.leaseOf(message, this.owner) ??
      expected('message', 'one that this group of this store gave out', message, 'sqliteStore')
    );
  }
}

/** As good as no limit: SQLite takes no Infinity for one. */
const MANY = Number.MAX_SAFE_INTEGER;

function letterOf(row: DeadRow, file: string): StoreDeadLetter {
  return {
    id: idOf(file, row.number),
    body: bodyOf(row.body, row.form),
    key: restoredOrUndefined(row.key),
    headers: headersOf(row.headers),
    priority: 0 - row.rank,
    publishedAt: row.published,
    deadline: row.deadline ?? undefined,
    attempts: row.attempts,
    reason: restored(row.reason),
    error: restoredOrUndefined(row.error),
    diedAt: row.died,
  };
}
