import { LinkedQueue } from '../../core/linkedQueue.js';
import type { Stored } from './stored.js';

/** What was given out, by the end of its lease. */
export class Leases extends LinkedQueue<Stored> {
  size = 0;

  /** Puts `stored` behind all whose leases end before; where all are as long, that is at the end. */
  join(stored: Stored): void {
    this.size++;
    let older = this.newest;
    while (older !== undefined && older.expires > stored.expires) older = older.older;
    const newer = older === undefined ? this.oldest : older.newer;
    if (newer === undefined) return this.push(stored);
    stored.older = older;
    stored.newer = newer;
    newer.older = stored;
    if (older === undefined) this.oldest = stored;
    else older.newer = stored;
  }

  /** Takes `stored` out. Only if it is here. */
  leave(stored: Stored): void {
    this.size--;
    this.remove(stored);
  }
}
