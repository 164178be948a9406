/** What a transaction keeps in mind until its end, so that it is done once for all that is in it. */
import type { Statements } from './statements.js';

interface GroupCount {
  readonly id: number;
  live: number;
}

export class Transaction {
  /** Groups that may have something to give out, or another time to wake at. */
  readonly stirred: Set<number> = new Set<number>();
  /** Topics that may have room. */
  readonly freed: Set<number> = new Set<number>();
  private readonly topics = new Map<number, GroupCount[]>();
  private readonly changes = new Map<number, number>();
  private next = 0;
  private allocated = false;
  /** Those that follow each other: none when `to` is before `from`. */
  private from = 0;
  private to = -1;

  /** @param now in milliseconds since 1970 */
  constructor(
    readonly sql: Statements,
    readonly now: number,
  ) {}

  /** The first of `count` numbers that nothing had before. */
  allocate(count: number): number {
    if (!this.allocated) this.next = this.sql.next.get()!.next;
    this.allocated = true;
    const first = this.next;
    this.next += count;
    return first;
  }

  /** What the ids of this file begin with. */
  get file(): string {
    return this.sql.prefix;
  }

  /** How many messages the group has that are not dead letters. */
  liveOf(group: number): number {
    return this.sql.live.get(group)!.live + (this.changes.get(group) ?? 0);
  }

  groupsOf(topic: number): readonly GroupCount[] {
    let groups = this.topics.get(topic);
    if (groups === undefined) {
      groups = this.sql.groups.all(topic).map(({ id, live }) => ({ id, live: live + (this.changes.get(id) ?? 0) }));
      this.topics.set(topic, groups);
    }
    return groups;
  }

  /** The most that a group of the topic has. */
  mostOf(topic: number): number {
    return this.groupsOf(topic).reduce((most, { live }) => Math.max(most, live), 0);
  }

  /** There are so many more messages. */
  addLive(topic: number, group: number, count: number): void {
    this.changes.set(group, (this.changes.get(group) ?? 0) + count);
    const known = this.topics.get(topic)?.find(({ id }) => id === group);
    if (known !== undefined) known.live += count;
    if (count < 0) this.freed.add(topic);
  }

  /** A new message that can be given out: those that follow each other are put down at once, by `flush`. */
  ready(id: number): void {
    if (id !== this.to + 1) {
      this.flush();
      this.from = id;
    }
    this.to = id;
  }

  /** Before somebody looks at what is ready. */
  flush(): void {
    if (this.to < this.from) return;
    this.sql.addReadyRange.run(this.from, this.to);
    this.to = -1;
    this.from = 0;
  }

  /** Puts down what was kept in mind. Last of all. */
  end(): void {
    this.flush();
    if (this.allocated) this.sql.setNext.run(this.next);
    for (const [group, count] of this.changes) if (count !== 0) this.sql.addLive.run(count, group);
  }
}
