/** A first-in-first-out queue in one array: `push` and `shift` cost the same at any length. */
export class RingBuffer<T> {
  private items: (T | undefined)[];
  private head = 0;
  private count = 0;

  /** @param length places to start with, a power of 2 */
  constructor(private readonly length: number = 16) {
    this.items = new Array<T | undefined>(length).fill(undefined);
  }

  get size(): number {
    return this.count;
  }

  push(value: T): void {
    if (this.count === this.items.length) this.resize(this.items.length * 2);
    this.items[(this.head + this.count) & (this.items.length - 1)] = value;
    this.count++;
  }

  /** The oldest value, taken out. Only for a ring that is not empty. */
  shift(): T {
    const value = this.items[this.head] as T;
    this.items[this.head] = undefined; // a value that left must not be kept alive by the ring
    this.head = (this.head + 1) & (this.items.length - 1);
    if (--this.count === 0 && this.items.length > KEPT) this.resize(this.length);
    return value;
  }

  /** The newest value, taken out. Only for a ring that is not empty. */
  pop(): T {
    const last = (this.head + --this.count) & (this.items.length - 1);
    const value = this.items[last] as T;
    this.items[last] = undefined;
    if (this.count === 0 && this.items.length > KEPT) this.resize(this.length);
    return value;
  }

  /** The `i`-th oldest value. Only for `0 <= i < size`. */
  at(i: number): T {
    return this.items[(this.head + i) & (this.items.length - 1)] as T;
  }

  /** Takes all out, one by one. */
  *drain(): Generator<T> {
    while (this.count > 0) yield this.shift();
  }

  private resize(length: number): void {
    const items = new Array<T | undefined>(length).fill(undefined);
    for (let i = 0; i < this.count; i++) items[i] = this.at(i);
    this.items = items;
    this.head = 0;
  }
}

/** A longer array is given back once the ring is empty; a shorter one is kept for the next burst. */
const KEPT = 1_024;
