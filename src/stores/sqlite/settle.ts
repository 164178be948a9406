/** What becomes of messages that were given out. */
import type { Settled } from '../../delivery/lease.js';
import type { StoreOutcome } from '../../queue/store.js';
import { append, giveBack, leave, lineOf, overtake, type Line } from './lines.js';
import { RETRYING } from './schema.js';
import type { Place } from './statements.js';
import type { GroupRow } from './take.js';
import type { Lease } from './taken.js';
import { stored, storedOrNull } from './text.js';
import type { Transaction } from './transaction.js';

/** An outcome with the lease of its message. */
export interface Ending {
  readonly lease: Lease;
  readonly outcome: StoreOutcome;
}

/** Where a message is that was given out: leased, or back in its line, as its first or behind, for its lease ran out and nobody took it yet. */
type Standing = 'leased' | 'ready' | 'blocked';

export function settle(tx: Transaction, group: GroupRow, retention: number, { lease, outcome }: Ending): Settled {
  const line = lineOf(group.order, lease.key);
  const standing = withdraw(tx, group.id, line, lease);
  if (standing === undefined) return 'lease-lost';
  const { kind, delay } = outcome;
  const attempts = outcome.message.attempt - (kind === 'release' ? 1 : 0);
  const place: Place = { id: lease.id, rank: lease.rank, attempts, token: 0 };
  if (kind !== 'ack' || line !== null) tx.stirred.add(group.id);
  const blocked = standing === 'blocked';
  if (kind === 'ack' || kind === 'dead') {
    if (kind === 'dead') bury(tx, group.id, retention, lease.id, outcome);
    tx.remove(lease.id);
    tx.addLive(group.topic, group.id, -1);
    if (!blocked) leave(tx, group.id, line);
  } else if (kind === 'nack' && delay > 0) {
    if (blocked) {
      // Its line would have to wait for it, and another of it is ahead, or out: it waits as it did, for its lease is over.
      tx.sql.addBlocked.run(group.id, line, lease.id, attempts, lease.token);
      return 'lease-lost';
    }
    tx.sql.addTimed.run(group.id, lease.id, RETRYING, tx.now + delay, tx.now, attempts);
  } else if (blocked) {
    tx.sql.addBlocked.run(group.id, line, lease.id, attempts, 0);
  } else {
    giveBack(tx, group.id, line, place);
  }
  return 'settled';
}

/** Has the lease end `visibility` from now. */
export function extend(tx: Transaction, group: GroupRow, visibility: number, lease: Lease, attempts: number): Settled {
  const due = tx.now + visibility;
  const { id, token } = lease;
  if (!tx.leases.end(token, id) && !resume(tx, group, lease)) return 'lease-lost';
  tx.leases.join(group.id, token, due, { id, attempts });
  return 'settled';
}

/** Takes a message whose lease ran out from where it waits; false when somebody else got it, or another of its line was given out meanwhile. */
function resume(tx: Transaction, group: GroupRow, lease: Lease): boolean {
  const line = lineOf(group.order, lease.key);
  if (tx.sql.removeReady.run(group.id, lease.rank, lease.id, lease.token).changes === 1) return true;
  return overtake(tx, group.id, line, lease);
}

/** Takes a message out of where it stands; undefined when somebody else got it, or it is gone. */
function withdraw(tx: Transaction, group: number, line: Line, { id, rank, token }: Lease): Standing | undefined {
  if (tx.leases.end(token, id)) return 'leased';
  if (tx.sql.removeReady.run(group, rank, id, token).changes === 1) return 'ready';
  if (line === null || tx.sql.removeBlocked.run(group, line, id, token).changes === 0) return undefined;
  return 'blocked';
}

function bury(
  tx: Transaction,
  group: number,
  retention: number,
  id: number,
  { message, reason, error }: StoreOutcome,
): void {
  forgetDead(tx, group, retention);
  if (retention <= 0) return;
  tx.sql.bury.run(tx.allocate(1), tx.now, message.attempt, stored(reason ?? ''), storedOrNull(error), id);
}

/** Dead letters whose time is over go, so many at once that they can not pile up. */
export function forgetDead(tx: Transaction, group: number, retention: number): void {
  if (retention !== Infinity) tx.sql.forgetDead.run(group, tx.now - retention, 100);
}

/** Puts dead letters back, as many as there is room for. Returns how many that were. */
export function revive(tx: Transaction, group: GroupRow, room: number, dead: readonly number[]): number {
  let count = 0;
  for (const id of dead) {
    const row = tx.sql.deadLine.get(id);
    if (row === undefined || count >= room) continue;
    const fresh = tx.allocate(1);
    tx.sql.revive.run({ fresh }, id);
    tx.sql.removeDead.run(id);
    append(tx, group.id, lineOf(group.order, row.key), { id: fresh, rank: row.rank });
    count++;
  }
  if (count > 0) tx.addLive(group.topic, group.id, count);
  tx.stirred.add(group.id);
  return count;
}
