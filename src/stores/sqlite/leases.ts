/**
 * Leases, as a transaction sees them. Those of one take have one row, which names the messages that are still out: a take of many writes little,
 * and so does it when they are settled. Where some of them were extended, those have a row of their own, another *part*.
 */
import { Members, type Member } from './members.js';
import type { LeaseRow, Statements } from './statements.js';

interface Part {
  readonly number: number;
  readonly group: number;
  readonly due: number;
  readonly since: number;
  readonly members: Members;
  /** Whether it has a row. */
  stored: boolean;
  changed: boolean;
}

/** A message whose lease ran out. */
export interface Ended extends Member {
  readonly token: number;
}

export class Leases {
  /** What was read, or changed, since the last `write`. */
  private readonly takes = new Map<number, Part[]>();

  constructor(
    private readonly sql: Statements,
    private readonly now: number,
  ) {}

  /** Leases messages that no lease of the token has. */
  begin(group: number, token: number, due: number, members: Members): void {
    this.sql.addLease.run(token, 0, group, due, this.now, members.toString());
  }

  /** Leases one message under a token that others may be leased under already. */
  join(group: number, token: number, due: number, { id, attempts }: Member): void {
    const parts = this.partsOf(token);
    let part = parts.find((part) => part.due === due && part.since === this.now);
    if (part === undefined) {
      const number = 1 + parts.reduce((most, { number }) => Math.max(most, number), 0);
      part = { number, group, due, since: this.now, members: new Members(), stored: false, changed: true };
      parts.push(part);
    }
    part.members.add(id, attempts);
    part.changed = true;
  }

  /** Ends the lease of one message; false when it is not leased under the token. */
  end(token: number, id: number): boolean {
    for (const part of this.partsOf(token)) if (part.members.remove(id)) return (part.changed = true);
    return false;
  }

  /** Ends leases that ran out, those of so many messages at most. */
  expire(group: number, most: number): Ended[] {
    this.write();
    const ended: Ended[] = [];
    for (const row of this.sql.dueLeases.all(group, this.now, most)) {
      const members = Members.parse(row.members);
      for (const member of members.removeFirst(most - ended.length)) ended.push({ ...member, token: row.token });
      this.store(row.token, row.part, members);
      if (ended.length >= most) break;
    }
    return ended;
  }

  /** How many messages of the group are leased, and the first of them; there is none at Infinity. */
  count(group: number): { count: number; first: number } {
    this.write();
    const all = this.sql.leases.all(group).map((row) => Members.parse(row.members));
    return {
      count: all.reduce((sum, { size }) => sum + size, 0),
      first: Math.min(...all.map(({ first }) => first)),
    };
  }

  /** Puts down what was changed: before others look at the rows, and at the end. */
  write(): void {
    for (const [token, parts] of this.takes) for (const part of parts) if (part.changed) this.put(token, part);
    this.takes.clear();
  }

  private put(token: number, { number, group, due, since, members, stored }: Part): void {
    if (stored) this.store(token, number, members);
    else if (members.size > 0) this.sql.addLease.run(token, number, group, due, since, members.toString());
  }

  private store(token: number, part: number, members: Members): void {
    if (members.size === 0) this.sql.removeLease.run(token, part);
    else this.sql.setLease.run(members.toString(), token, part);
  }

  private partsOf(token: number): Part[] {
    let parts = this.takes.get(token);
    if (parts === undefined) this.takes.set(token, (parts = this.sql.lease.all(token).map(partOf)));
    return parts;
  }
}

function partOf({ part, grp, due, since, members }: LeaseRow): Part {
  return { number: part, group: grp, due, since, members: Members.parse(members), stored: true, changed: false };
}
