import { RingBuffer } from './ringBuffer.js';

/**
 * Values that wait, in a lane per key, of which one per key may be out at a time.
 *
 * Keys are served in rotation, values of a key in arrival order. A key takes memory only while a value of it waits or is
 * out, so any number of keys may pass.
 */
export class KeyedLanes<T> {
  private readonly lanes = new Map<unknown, Lane<T>>();
  /** Lanes with a value waiting and none out, each once, the next to serve first. */
  private readonly ready = new RingBuffer<Lane<T>>();
  private waiting = 0;

  get size(): number {
    return this.waiting;
  }

  /** True when `take` has a value. */
  get available(): boolean {
    return this.ready.size > 0;
  }

  push(key: unknown, value: T): void {
    let lane = this.lanes.get(key);
    if (lane === undefined) {
      lane = { values: new RingBuffer(2), out: false };
      this.lanes.set(key, lane);
    }
    lane.values.push(value);
    this.waiting++;
    if (!lane.out && lane.values.size === 1) this.ready.push(lane);
  }

  /** The next value; its key is out until `done`. Only when `available`. */
  take(): T {
    const lane = this.ready.shift();
    lane.out = true;
    this.waiting--;
    return lane.values.shift();
  }

  /** Gives back the key of a value taken. */
  done(key: unknown): void {
    const lane = this.lanes.get(key);
    if (lane === undefined) return;
    lane.out = false;
    if (lane.values.size > 0) this.ready.push(lane);
    else this.lanes.delete(key);
  }

  /** Takes every waiting value out, ready or not, key by key. */
  *drain(): Generator<T> {
    for (const { values } of this.lanes.values()) yield* values.drain();
    this.lanes.clear();
    while (this.ready.size > 0) this.ready.shift();
    this.waiting = 0;
  }
}

interface Lane<T> {
  readonly values: RingBuffer<T>;
  out: boolean;
}
