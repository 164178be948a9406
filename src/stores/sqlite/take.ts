/** Gives messages out. */
import type { Order } from '../../queue/store.js';
import { giveBack, join, lineOf } from './lines.js';
import { Members } from './members.js';
import { SCHEDULED } from './schema.js';
import type { Place, ReadyRow, Statements } from './statements.js';
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

/** Messages that are taken before it is known how large they are. */
const FEW = 8;
/** Bytes, about, that one take gets: more would keep others from the file, and fill the memory. */
const LARGE = 8 * 1024 * 1024;

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

/** Leases `want` messages to `owner`, or those that there are; fewer where they are large, but one at least. */
export function take(tx: Transaction, group: GroupRow, want: number, visibility: number, owner: object): Taken[] {
  const rows = withdrawFirst(tx, group.id, want);
  if (rows.length === 0) return [];
  const token = tx.allocate(1);
  const members = new Members();
  for (const [id, , attempts] of rows) members.add(id, attempts + 1);
  tx.leases.begin(group.id, token, tx.now + visibility, members);
  return rows.map((row) => new Taken(row, owner, token, group.file));
}

/** Takes the first ones out of what is ready: a few, and then as many as there is room for if they are like those. */
function withdrawFirst(tx: Transaction, group: number, want: number): ReadyRow[] {
  tx.flush();
  const all: ReadyRow[] = [];
  let size = 0;
  for (let page = Math.min(want, FEW); page > 0;) {
    const rows = tx.sql.firstReady.all(group, page);
    const latest = rows.at(-1);
    if (latest === undefined) break;
    const [id, last, , , rank] = latest;
    tx.sql.removeReadyUpTo.run(group, rank, id);
    // The rest of a row of which only the first were taken out.
    if (id < last) tx.sql.addReady.run(group, rank, id + 1, last, 0, 0);
    for (const row of rows) {
      all.push(row);
      size += row[10].length;
    }
    if (rows.length < page) break;
    const fits = Math.floor(((LARGE - size) * all.length) / Math.max(1, size));
    page = Math.min(want - all.length, 8 * all.length, fits);
  }
  return all;
}

/** When the next message is due. */
export function nextDue(sql: Statements, { id }: GroupRow): number {
  return sql.nextDue.get(id, id, id)?.due ?? Infinity;
}
