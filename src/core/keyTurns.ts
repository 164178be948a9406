import { TurnLanes, type Prioritized } from './turnLanes.js';
import { TurnQueue } from './turnQueue.js';

/** What an entry of `KeyTurns` carries: the line of its key, while it waits there or is out. */
export interface Keyed<E extends Prioritized<E>> extends Prioritized<E> {
  keyLine: KeyLine<E> | undefined;
}

/**
 * Entries that wait for their turn, of which one per key may be out at a time. The first of a key is *ready*, unless one is out; those behind are
 * *blocked*. Of those that are ready the highest priority goes first, then the earliest turn. An entry without a key waits for no other.
 */
export class KeyTurns<E extends Keyed<E>> {
  private readonly heads = new TurnLanes<E>();
  private readonly keyLines = new Map<unknown, KeyLine<E>>();
  private behind = 0;

  /** How many can be taken now. */
  get ready(): number {
    return this.heads.size;
  }

  /** How many wait for another of their key. */
  get blocked(): number {
    return this.behind;
  }

  /** The first of each priority, and of each key. */
  *firsts(): Generator<E> {
    yield* this.heads.firsts();
    for (const { first } of this.keyLines.values()) if (first !== undefined) yield first;
  }

  /** `entry` waits from now on, at its turn. */
  add(entry: E, key: unknown): void {
    if (key === undefined) return this.heads.add(entry);
    const line = (entry.keyLine ??= this.lineOf(key));
    const { head } = line;
    if (line.out > 0 || (head !== undefined && head.turn < entry.turn)) return this.block(entry, line);
    if (head !== undefined) this.unready(head, line);
    line.head = entry;
    this.heads.add(entry);
  }

  /** Takes out the first that is ready, if any is: its key is out until `done`. */
  take(): E | undefined {
    const entry = this.heads.first;
    if (entry === undefined) return undefined;
    this.heads.remove(entry);
    const line = entry.keyLine;
    if (line !== undefined) {
      line.head = undefined;
      line.out++;
    }
    return entry;
  }

  /** `entry`, which waits, is taken out, ready or not; its key is not out by that. */
  withdraw(entry: E): void {
    const line = entry.keyLine;
    entry.keyLine = undefined; // the line may end by this
    if (line !== undefined && line.head !== entry) {
      this.behind--;
      return line.remove(entry);
    }
    this.heads.remove(entry);
    if (line === undefined) return;
    line.head = undefined;
    this.advance(line);
  }

  /** The key of `entry`, which was taken out or withdrawn, is out until `done`. */
  hold(entry: E, key: unknown): void {
    if (key === undefined) return;
    const line = (entry.keyLine = this.lineOf(key));
    line.out++;
    if (line.head !== undefined) this.unready(line.head, line);
  }

  /** The key of `entry` is not out any more by it. One that is to wait again is added before. */
  done(entry: E): void {
    const line = entry.keyLine;
    if (line === undefined) return;
    line.out--;
    this.advance(line);
  }

  /** Whether another of the key of `entry`, which waits, is out. */
  isOut(entry: E): boolean {
    return entry.keyLine !== undefined && entry.keyLine.out > 0;
  }

  private lineOf(key: unknown): KeyLine<E> {
    let line = this.keyLines.get(key);
    if (line === undefined) this.keyLines.set(key, (line = new KeyLine(key)));
    return line;
  }

  private block(entry: E, line: KeyLine<E>): void {
    line.add(entry);
    this.behind++;
  }

  private unready(head: E, line: KeyLine<E>): void {
    this.heads.remove(head);
    line.head = undefined;
    this.block(head, line);
  }

  /** Makes the first of `line` ready, when nothing keeps it back; a line that nobody is in ends. */
  private advance(line: KeyLine<E>): void {
    if (line.out > 0) return;
    const { first } = line;
    if (first === undefined) {
      this.keyLines.delete(line.key);
      return;
    }
    line.remove(first);
    this.behind--;
    line.head = first;
    this.heads.add(first);
  }
}

/** Those of one key that are blocked. It is there only while one of the key waits or is out. */
class KeyLine<E extends Prioritized<E>> extends TurnQueue<E> {
  /** The one that is ready. */
  head: E | undefined;
  /** How many are out: more than one only where a lease had run out. */
  out = 0;

  constructor(readonly key: unknown) {
    super();
  }
}

export type { KeyLine };
