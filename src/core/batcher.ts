/**
 * One batch being filled, bounded by count and by weight.
 *
 * States: *open* (it takes values) → *full* (it has as many values or as much weight as it may have, or the last value did not fit
 * in and is to be the first of the next) → by `take` open again, or at once full, when that first value is as heavy as a batch may be.
 */
export class Batcher<T> {
  /** Values that it takes now, if they weigh next to nothing: 0 when it is full. */
  room: number;
  private batch: T[] = [];
  /** Values in it. It may be longer: see `take`. */
  filled = 0;
  private weight = 0;
  private next: { readonly value: T; readonly cost: number } | undefined;
  /** When each value held came, in order; what stands behind those is from earlier batches. */
  private readonly came: number[] = [];

  /**
   * @param size values in a batch at most
   * @param maxCost what a batch weighs at most, unless it is a single value
   */
  constructor(
    private readonly size: number,
    private readonly maxCost: number,
  ) {
    this.room = size;
  }

  /** Values held, with the one that did not fit in. */
  get count(): number {
    return this.next === undefined ? this.filled : this.filled + 1;
  }

  /** When the first value of the batch came. Only when there is one. */
  get since(): number {
    return this.came[0]!;
  }

  /** When each value of the batch came, the one that did not fit in left out. */
  get times(): readonly number[] {
    return this.came.slice(0, this.filled);
  }

  /** Adds a value that is neither the first nor the last, where costs and times do not matter. */
  push(value: T): void {
    this.batch[this.filled++] = value;
    this.room--;
  }

  /** Only when it is not full. */
  add(value: T, cost: number, at: number): void {
    const { filled, maxCost } = this;
    this.came[filled] = at;
    const weight = this.weight + cost;
    if (weight > maxCost && filled > 0) {
      this.next = { value, cost };
      this.room = 0;
    } else {
      this.batch[filled] = value;
      this.filled = filled + 1;
      this.weight = weight;
      this.room = weight < maxCost ? this.room - 1 : 0;
    }
  }

  /** The batch as it is. The next is begun, with places for as many values: an array that grows costs twice as much to fill. */
  take(): T[] {
    const { batch, filled, next } = this;
    batch.length = filled;
    this.batch = new Array<T>(Math.min(filled, PLACES));
    this.filled = 0;
    this.weight = 0;
    this.room = this.size;
    this.next = undefined;
    if (next !== undefined) this.add(next.value, next.cost, this.came[filled]!);
    return batch;
  }

  /** Takes all out, each value with the time when it came. */
  drain(): { readonly value: T; readonly at: number }[] {
    const times = this.came.slice(0, this.count);
    const values = this.take();
    if (times.length > values.length) values.push(...this.take());
    return values.map((value, i) => ({ value, at: times[i]! }));
  }
}

/** More are not made before there is something to put in. */
const PLACES = 1_024;
