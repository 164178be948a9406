/** What an entry of a `LinkedQueue` carries: its neighbours there. */
export interface Linked<E> {
  older: E | undefined;
  newer: E | undefined;
}

/** A first-in-first-out queue of entries that know their neighbours: any of them is taken out at the same cost. */
export class LinkedQueue<E extends Linked<E>> {
  oldest: E | undefined;
  newest: E | undefined;

  /** Adds `entry`, which is in no queue, as the newest. */
  push(entry: E): void {
    const { newest } = this;
    if (newest === undefined) this.oldest = entry;
    else newest.newer = entry;
    entry.older = newest;
    this.newest = entry;
  }

  /** Takes `entry` out. Only if it is in this queue. */
  remove(entry: E): void {
    const { older, newer } = entry;
    if (older === undefined) this.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.newest = older;
    else newer.older = older;
    entry.older = entry.newer = undefined; // what left must not keep alive what came after it
  }
}
