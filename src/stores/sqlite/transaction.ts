/** What a transaction keeps in mind until its end, so that it is done once for all that is in it. */
import { Leases } from './leases.js';
import type { Statements } from './statements.js';

/** New messages that follow each other: heads of lines have a row each, others one for all. */
interface Run {
  readonly group: number;
  readonly rank: number;
  readonly heads: boolean;
  readonly from: number;
  to: number;
}

interface GroupCount {
  readonly id: number;
  live: number;
}

export class Transaction {
  /** Groups that may have something to give out, or another time to wake at. */
  readonly stirred: Set<number> = new Set<number>();
  /** Topics that may have room. */
  readonly freed: Set<number> = new Set<number>();
  readonly leases: Leases;
  committed = false;
  private readonly topics = new Map<number, GroupCount[]>();
  private readonly changes = new Map<number, number>();
  private next: number | undefined;
  private allocated = false;
  /** What is ready since the last `flush`, as long as it follows each other. */
  private run: Run | undefined;
  /** Messages that are done. */
  private readonly gone: number[] = [];

  /** @param now in milliseconds since 1970 */
  constructor(
    readonly sql: Statements,
    readonly now: number,
  ) {
    this.leases = new Leases(sql, now);
  }

  /** The first number that nothing had before. */
  get upcoming(): number {
    return (this.next ??= this.sql.next.get()!.next);
  }

  /** The first of `count` numbers that nothing had before, or has from now on. */
  allocate(count: number): number {
    const first = this.upcoming;
    this.next = first + count;
    this.allocated = true;
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

  /** A new message that can be given out, and waits for no other. */
  ready(group: number, rank: number, id: number): void {
    const { run } = this;
    if (run?.to === id - 1 && run.group === group && run.rank === rank && !run.heads) run.to = id;
    else this.begin({ group, rank, heads: false, from: id, to: id });
  }

  /** A new message that can be given out, and that others wait for. */
  head(id: number): void {
    const { run } = this;
    if (run?.to === id - 1 && run.heads) run.to = id;
    else this.begin({ group: 0, rank: 0, heads: true, from: id, to: id });
  }

  /** Before somebody looks at what is ready. */
  flush(): void {
    const { run } = this;
    if (run === undefined) return;
    this.run = undefined;
    if (run.heads) this.sql.addHeads.run(run.from, run.to);
    else this.sql.addReady.run(run.group, run.rank, run.from, run.to, 0, 0);
  }

  private begin(run: Run): void {
    this.flush();
    this.run = run;
  }

  /** A message that is done: those whose ids follow each other are deleted at once. */
  remove(id: number): void {
    this.gone.push(id);
  }

  private removeGone(): void {
    const gone = this.gone.sort((a, b) => a - b);
    for (let i = 0, from = 0; i < gone.length; i++) {
      if (gone[i]! + 1 === gone[i + 1]) continue;
      this.sql.removeMessages.run(gone[from]!, gone[i]!);
      from = i + 1;
    }
  }

  /** Puts down what was kept in mind. Last of all. */
  end(): void {
    this.flush();
    this.leases.write();
    this.removeGone();
    if (this.allocated) this.sql.setNext.run(this.upcoming);
    for (const [group, count] of this.changes) if (count !== 0) this.sql.addLive.run(count, group);
  }
}
