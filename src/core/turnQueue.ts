import { ExpiryHeap, type Expiring } from './expiryHeap.js';
import { LinkedQueue, type Linked } from './linkedQueue.js';

/** What an entry of a `TurnQueue` carries: when its turn is, and its place there. */
export interface InTurn<E> extends Linked<E>, Expiring {
  /** No two have the same. */
  readonly turn: number;
  /** It came after one of a later turn. */
  late: boolean;
}

/**
 * Entries by their turn, any of which can be taken out. Those that come in the order of their turns cost the same at any length; one that comes
 * later than one of a later turn costs the logarithm of the number of such.
 */
export class TurnQueue<E extends InTurn<E>> {
  private readonly inTime = new LinkedQueue<E>();
  /** Made when the first comes late: most queues never have one. */
  private late: ExpiryHeap<E> | undefined;

  get first(): E | undefined {
    const { oldest } = this.inTime;
    const late = this.late?.earliest;
    return oldest === undefined || (late !== undefined && late.turn < oldest.turn) ? late : oldest;
  }

  /** Adds `entry`, which is in no queue. */
  add(entry: E): void {
    const { newest } = this.inTime;
    entry.late = newest !== undefined && newest.turn > entry.turn;
    if (!entry.late) return this.inTime.push(entry);
    entry.expires = entry.turn;
    (this.late ??= new ExpiryHeap()).add(entry);
  }

  /** Takes `entry` out. Only if it is here. */
  remove(entry: E): void {
    if (entry.late) this.late!.remove(entry);
    else this.inTime.remove(entry);
  }
}
