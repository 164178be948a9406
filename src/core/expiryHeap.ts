/** What an entry of an `ExpiryHeap` carries: when it expires, and its place there. */
export interface Expiring {
  expires: number;
  place: number;
}

/** Entries with a time each, the earliest at hand: a binary heap that any of them can be taken out of. */
export class ExpiryHeap<E extends Expiring> {
  private readonly entries: E[] = [];

  get earliest(): E | undefined {
    return this.entries[0];
  }

  /** All of them, in no order. */
  get all(): readonly E[] {
    return this.entries;
  }

  add(entry: E): void {
    this.settle(entry, this.entries.push(entry) - 1);
  }

  /** Takes `entry` out. Only if it is in this heap. */
  remove(entry: E): void {
    const last = this.entries.pop()!;
    if (last !== entry) this.settle(last, entry.place);
  }

  /** Fills the gap at `i` with `entry`, after moving the gap up or down to where that belongs. */
  private settle(entry: E, i: number): void {
    const { entries } = this;
    while (i > 0) {
      const parent = entries[(i - 1) >> 1]!;
      if (parent.expires <= entry.expires) break;
      i = this.put(parent, i);
    }
    for (;;) {
      let child = entries[2 * i + 1];
      const right = entries[2 * i + 2];
      if (child !== undefined && right !== undefined && right.expires < child.expires) child = right;
      if (child === undefined || child.expires >= entry.expires) break;
      i = this.put(child, i);
    }
    this.put(entry, i);
  }

  /** Puts `entry` at `i`; returns where it was. */
  private put(entry: E, i: number): number {
    const { place } = entry;
    this.entries[i] = entry;
    entry.place = i;
    return place;
  }
}
