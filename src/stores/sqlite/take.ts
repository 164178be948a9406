/** Gives messages out. */
import type { Order } from '../../queue/store.js';
import { giveBack, join, lineOf } from './lines.js';
import { LEASED, SCHEDULED } from './schema.js';
import type { DueRow, Statements } from './statements.js';
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

/** What is due is ready, or waits in its line. Returns how many that were. */
export function moveDue(tx: Transaction, { id: group, order }: GroupRow): number {
  const rows = tx.sql.due.all(group, tx.now, DUE_AT_ONCE);
  // Those that come earlier in a line first: they need not overtake.
  for (const row of rows.sort((a, b) => a.id - b.id)) moveOne(tx, group, order, row);
  return rows.length;
}

function moveOne(tx: Transaction, group: number, order: Order, row: DueRow): void {
  tx.sql.removeTimed.run(row.id);
  const line = lineOf(order, row.key);
  const place = { id: row.id, rank: row.rank, attempts: row.attempts, token: row.kind === LEASED ? row.token : 0 };
  if (row.kind === SCHEDULED) join(tx, group, line, place);
  else giveBack(tx, group, line, place);
}

/** Leases `want` messages to `owner`, or those that there are. */
export function take(tx: Transaction, group: GroupRow, want: number, visibility: number, owner: object): Taken[] {
  tx.flush();
  const rows = tx.sql.firstReady.all(group.id, want);
  const last = rows.at(-1);
  if (last === undefined) return [];
  const token = tx.allocate(1);
  tx.sql.leaseReady.run(tx.now + visibility, tx.now, token, group.id, rows.length);
  tx.sql.removeReadyUpTo.run(group.id, last.rank, last.id);
  return rows.map((row) => new Taken(row, owner, token, group.file));
}

/** When the next message is due. */
export function nextDue(sql: Statements, { id }: GroupRow): number {
  return sql.nextDue.get(id, id, id)?.due ?? Infinity;
}
