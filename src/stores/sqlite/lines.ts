/**
 * Messages that wait for each other. The *head* of a line is the one that is ready, leased or retrying; those behind it are blocked. When it
 * leaves, or waits like the others again, the first of the blocked ones is the head.
 */
import type { Order } from '../../queue/store.js';
import type { Place } from './statements.js';
import type { Stored } from './text.js';
import type { Transaction } from './transaction.js';

/** What messages of a line have in common; null for a message that waits for none. */
export type Line = Stored | number | null;

export function lineOf(order: Order, key: Stored | null): Line {
  return order === 'key' ? key : order === 'queue' ? 0 : null;
}

/** A new message, which comes after all others. */
export function append(tx: Transaction, group: number, line: Line, { id, rank }: Pick<Place, 'id' | 'rank'>): void {
  if (line === null) tx.ready(group, rank, id);
  else if (tx.sql.addHead.run(group, line, id).changes === 1) tx.head(id);
  else tx.sql.addBlocked.run(group, line, id, 0, 0);
}

/** One that waited for its time takes its place, which may be before the head; but not if that was given out, or retries. */
export function join(tx: Transaction, group: number, line: Line, place: Place): void {
  tx.flush();
  const head = line === null ? undefined : tx.sql.head.get(group, line);
  if (line === null || head === undefined) {
    if (line !== null) tx.sql.addHead.run(group, line, place.id);
    return ready(tx, group, place);
  }
  if (head.id < place.id || !demote(tx, group, line, head)) return block(tx, group, line, place);
  tx.sql.setHead.run(place.id, group, line);
  ready(tx, group, place);
}

/** The head has left. */
export function leave(tx: Transaction, group: number, line: Line): void {
  if (line === null) return;
  const next = tx.sql.firstBlocked.get(group, line);
  if (next === undefined) return void tx.sql.removeHead.run(group, line);
  tx.sql.removeBlocked.run(group, line, next.id, next.token);
  tx.sql.setHead.run(next.id, group, line);
  ready(tx, group, next);
}

/** The head waits like the others again. */
export function giveBack(tx: Transaction, group: number, line: Line, place: Place): void {
  if (line === null) return ready(tx, group, place);
  block(tx, group, line, place);
  leave(tx, group, line);
}

/** Takes a blocked one out of its line and makes it the head: false when there is none, or the head was given out, or retries. */
export function overtake(tx: Transaction, group: number, line: Line, one: { id: number; token: number }): boolean {
  if (line === null || tx.sql.isBlocked.get(group, line, one.id, one.token) === undefined) return false;
  const head = tx.sql.head.get(group, line);
  if (head === undefined || !demote(tx, group, line, head)) return false;
  tx.sql.removeBlocked.run(group, line, one.id, one.token);
  tx.sql.setHead.run(one.id, group, line);
  return true;
}

/** A head that is ready is blocked. False when it is not ready. */
function demote(tx: Transaction, group: number, line: Line, { id, rank }: { id: number; rank: number }): boolean {
  tx.flush();
  const waits = tx.sql.withdrawReady.get(group, rank, id);
  if (waits === undefined) return false;
  tx.sql.removeReady.run(group, rank, id, waits.token);
  block(tx, group, line, { id, rank, ...waits });
  return true;
}

function ready(tx: Transaction, group: number, { rank, id, attempts, token }: Place): void {
  tx.sql.addReady.run(group, rank, id, id, attempts, token);
}

function block(tx: Transaction, group: number, line: Line, { id, attempts, token }: Place): void {
  tx.sql.addBlocked.run(group, line, id, attempts, token);
}
