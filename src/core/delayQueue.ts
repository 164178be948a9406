import { ExpiryHeap, type Expiring } from './expiryHeap.js';
import { RingBuffer } from './ringBuffer.js';

/** Values that wait until a time of their own, the earliest first; those of one time in the order in which they came. */
export class DelayQueue<T> {
  private readonly heap = new ExpiryHeap<Due<T>>();
  private readonly times = new Map<number, Due<T>>();

  /** When the next one is due; `Infinity` when none is. */
  get next(): number {
    return this.heap.earliest?.expires ?? Infinity;
  }

  push(at: number, value: T): void {
    let due = this.times.get(at);
    if (due === undefined) {
      due = { expires: at, place: 0, values: new RingBuffer(2) };
      this.times.set(at, due);
      this.heap.add(due);
    }
    due.values.push(value);
  }

  /** Takes out the next one, due or not. Only when there is one. */
  shift(): T {
    const due = this.heap.earliest!;
    const value = due.values.shift();
    if (due.values.size === 0) {
      this.heap.remove(due);
      this.times.delete(due.expires);
    }
    return value;
  }

  /** Takes all out. */
  *drain(): Generator<T> {
    while (this.times.size > 0) yield this.shift();
  }
}

/** What waits for one time. */
interface Due<T> extends Expiring {
  readonly values: RingBuffer<T>;
}
