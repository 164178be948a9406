import { ExpiryHeap, type Expiring } from './expiryHeap.js';
import { TurnQueue, type InTurn } from './turnQueue.js';

/** What an entry of `TurnLanes` carries besides its turn. */
export interface Prioritized<E> extends InTurn<E> {
  readonly priority: number;
}

/** Entries by falling priority, those of one priority by their turn; any of them can be taken out. Any number of priorities may be there. */
export class TurnLanes<E extends Prioritized<E>> {
  private readonly lanes = new Map<number, Lane<E>>();
  private readonly byPriority = new ExpiryHeap<Lane<E>>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The one whose turn it is. */
  get first(): E | undefined {
    return this.byPriority.earliest?.first;
  }

  /** The first of each priority. */
  *firsts(): Generator<E> {
    for (const lane of this.lanes.values()) yield lane.first!;
  }

  /** Adds `entry`, which is in no queue. */
  add(entry: E): void {
    const { priority } = entry;
    let lane = this.lanes.get(priority);
    if (lane === undefined) {
      lane = new Lane(priority);
      this.lanes.set(priority, lane);
      this.byPriority.add(lane);
    }
    lane.add(entry);
    this.count++;
  }

  /** Takes `entry` out. Only if it is here. */
  remove(entry: E): void {
    const lane = this.lanes.get(entry.priority)!;
    lane.remove(entry);
    this.count--;
    if (lane.first !== undefined) return;
    this.lanes.delete(entry.priority);
    this.byPriority.remove(lane);
  }
}

/** Those of one priority. It is there only while it has any. */
class Lane<E extends InTurn<E>> extends TurnQueue<E> implements Expiring {
  readonly expires: number;
  place = 0;

  constructor(priority: number) {
    super();
    this.expires = -priority;
  }
}
