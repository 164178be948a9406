/** Gives messages out. */
import type { Order } from '../../queue/store.js';
import { giveBack, join, lineOf } from './lines.js';
import { Members } from './members.js';
import { SCHEDULED } from './schema.js';
import type { Place, Statements } from './statements.js';
import type { Stored } from './text.js';
import { Taken } from './taken.js';
import type { Transaction } from './transaction.js';

/** A group as its rows have it. */
export interface GroupRow {
  readonly id: number;
  readonly topic: number;
  readonly order: Order;
  /** What the ids of its messages begin with. */
  readonly file: string;
}

/** Messages that become due in one transaction at most: others are to get at the file in between. */
export const DUE_AT_ONCE = 1_000;

interface Due extends Place {
  readonly key: Stored | null;
  readonly scheduled: boolean;
}

/** What is due is ready, or waits in its line. Returns how many that were. */
export function moveDue(tx: Transaction, { id: group, order }: GroupRow): number {
  const rows = tx.sql.due.all(group, tx.now, DUE_AT_ONCE);
  const timed = rows.map(({ kind, ...row }): Due => ({ ...row, token: 0, scheduled: kind === SCHEDULED }));
  const ended = tx.leases
    .expire(group, DUE_AT_ONCE - rows.length)
    .map((member): Due => ({ ...member, ...tx.sql.lineOf.get(member.id)!, scheduled: false }));
  for (const { id } of timed) tx.sql.removeTimed.run(id);
  // Those that come earlier in a line first: they need not overtake.
  const all = [...timed, ...ended].sort((a, b) => a.id - b.id);
  for (const { key, scheduled, ...place } of all) (scheduled ? join : giveBack)(tx, group, lineOf(order, key), place);
  return all.length;
}

/** Leases `want` messages to `owner`, or those that there are. */
export function take(tx: Transaction, group: GroupRow, want: number, visibility: number, owner: object): Taken[] {
  tx.flush();
  const rows = tx.sql.firstReady.all(group.id, want);
  const last = rows.at(-1);
  if (last === undefined) return [];
  const token = tx.allocate(1);
  const members = new Members();
  for (const { id, attempts } of rows) members.add(id, attempts + 1);
  tx.leases.begin(group.id, token, tx.now + visibility, members);
  tx.sql.removeReadyUpTo.run(group.id, last.rank, last.id);
  // The rest of a row of which only the first were given out.
  if (last.id < last.last) tx.sql.addReady.run(group.id, last.rank, last.id + 1, last.last, 0, 0);
  return rows.map((row) => new Taken(row, owner, token, group.file));
}

/** When the next message is due. */
export function nextDue(sql: Statements, { id }: GroupRow): number {
  return sql.nextDue.get(id, id, id)?.due ?? Infinity;
}
