/** Values that wait until a time of their own, the earliest first; those of one time in the order in which they came. */
export class DelayQueue<T> {
  /** The latest first, so that the next one is at the end. */
  private readonly entries: { readonly at: number; readonly value: T }[] = [];

  get size(): number {
    return this.entries.length;
  }

  /** When the next one is due; `Infinity` when none is. */
  get next(): number {
    return this.entries.at(-1)?.at ?? Infinity;
  }

  push(at: number, value: T): void {
    let [low, high] = [0, this.entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.entries[middle]!.at > at) low = middle + 1;
      else high = middle;
    }
    this.entries.splice(low, 0, { at, value });
  }

  /** Takes out the next one, due or not. Only when there is one. */
  shift(): T {
    return this.entries.pop()!.value;
  }

  /** Takes all out. */
  drain(): T[] {
    return this.entries
      .splice(0)
      .reverse()
      .map(({ value }) => value);
  }
}
