/** What a group of a store should have in it: a list of messages, each in a state. */
import type { Message, NewMessage, Order, StoreCounts } from '../queue/store.js';

/** A message, as it should be. */
export interface Entry {
  readonly put: NewMessage;
  id: string | undefined;
  /** Its place in the order. */
  seq: number;
  state: 'waits' | 'held' | 'retry' | 'scheduled' | 'dead' | 'gone';
  /** When it changes by itself: the end of its lease, of its retry, of its delay; of a dead letter, when it died. */
  due: number;
  attempts: number;
  /** The lease that may settle it: also one that has run out, until somebody else has the message. */
  lease: Message | undefined;
  reason: string | undefined;
  error: string | undefined;
}

export class GroupModel {
  /** Those that are not dead letters. */
  entries: Entry[] = [];
  /** The oldest death first. */
  dead: Entry[] = [];

  constructor(
    private readonly order: Order,
    readonly visibility: number,
    readonly retention: number,
  ) {}

  /** Time has passed: what is due waits. */
  pass(now: number): void {
    for (const entry of this.entries) if (entry.state !== 'waits' && entry.due <= now) entry.state = 'waits';
    this.dead = this.dead.filter(({ due }) => due + this.retention > now);
  }

  add(put: NewMessage, id: string, seq: number, now: number): void {
    const state = put.notBefore > now ? 'scheduled' : 'waits';
    const rest = { attempts: 0, lease: undefined, reason: undefined, error: undefined };
    this.entries.push({ put, id, seq, state, due: put.notBefore, ...rest });
  }

  /** What may be given out: in an order, nothing of a line but its first, and only while none of it is out. */
  get available(): Entry[] {
    return this.entries.filter((entry) => entry.state === 'waits' && !this.entries.some((o) => this.blocks(o, entry)));
  }

  /** Whether another of its line is out, or to be tried again. */
  isOut(entry: Entry): boolean {
    return this.entries.some((o) => o.state !== 'waits' && this.blocks(o, entry));
  }

  give(entry: Entry, message: Message, now: number): void {
    Object.assign(entry, { state: 'held', due: now + this.visibility, lease: message, attempts: entry.attempts + 1 });
  }

  /** The lease of `entry` is settled. */
  settle(entry: Entry, kind: 'ack' | 'nack' | 'release' | 'dead', delay: number, now: number): void {
    entry.lease = undefined;
    if (kind === 'release') entry.attempts--;
    if (kind === 'release' || kind === 'nack') {
      entry.state = kind === 'nack' && delay > 0 ? 'retry' : 'waits';
      entry.due = now + delay;
      return;
    }
    this.entries = this.entries.filter((other) => other !== entry);
    entry.state = kind === 'dead' ? 'dead' : 'gone';
    entry.due = now;
    if (kind === 'dead') this.dead.push(entry);
  }

  redrive(entry: Entry, seq: number): void {
    this.dead = this.dead.filter((other) => other !== entry);
    // Whether it keeps its id is for the store to say.
    Object.assign(entry, { seq, state: 'waits', attempts: 0, id: undefined });
    this.entries.push(entry);
  }

  count(): Omit<StoreCounts, 'oldest'> {
    const of = (...states: Entry['state'][]): number =>
      this.entries.filter(({ state }) => states.includes(state)).length;
    const ready = this.available.length;
    return {
      ready,
      delayed: of('retry', 'scheduled'),
      blocked: of('waits') - ready,
      inFlight: of('held'),
      dead: this.dead.length,
    };
  }

  private blocks(other: Entry, entry: Entry): boolean {
    if (other === entry || this.order === 'none' || other.state === 'scheduled') return false;
    if (this.order === 'key' && (entry.put.key === undefined || other.put.key !== entry.put.key)) return false;
    return other.state !== 'waits' || other.seq < entry.seq;
  }
}
