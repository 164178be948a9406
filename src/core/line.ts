/** Those who wait for one key, the one that came first at the front. */
import { LinkedQueue, type Linked } from './linkedQueue.js';

/** A place in a line. */
export interface Queued<P> extends Linked<P> {
  /** When the one who has it came, as a number: no two in a line have the same. */
  readonly turn: number;
  readonly cost: number;
}

/** A queue by `turn`, which knows what all in it cost. Who comes later than others, from another line, may belong before them. */
export class Line<P extends Queued<P>> extends LinkedQueue<P> {
  /** What all in it cost. */
  cost = 0;

  /** Puts `place` behind all that came before it. */
  join(place: P): void {
    this.cost += place.cost;
    let older = this.newest;
    while (older !== undefined && older.turn > place.turn) older = older.older;
    const newer = older === undefined ? this.oldest : older.newer;
    if (newer === undefined) return this.push(place);
    place.older = older;
    place.newer = newer;
    newer.older = place;
    if (older === undefined) this.oldest = place;
    else older.newer = place;
  }

  /** Takes `place` out. */
  leave(place: P): void {
    this.cost -= place.cost;
    this.remove(place);
  }

  /** What `place` and those before it cost. */
  costUpTo(place: P): number {
    let cost = 0;
    for (let one: P | undefined = place; one !== undefined; one = one.older) cost += one.cost;
    return cost;
  }
}
