/** Picks some of many events to be measured: about one in a millisecond, however many there are, for a clock costs more than most events. */
export class Stride {
  private left = 1;
  private stride = 1;
  private pickedAt = -Infinity;

  /** True for an event that is picked: tell when it was, by `picked`. */
  next(): boolean {
    return --this.left <= 0;
  }

  picked(now: number): void {
    const gap = now - this.pickedAt;
    this.pickedAt = now;
    if (gap < SHORT) this.stride = Math.min(MOST, this.stride * 2);
    else if (gap > LONG) this.stride = Math.max(1, Math.floor((this.stride * LONG) / gap));
    this.left = this.stride;
  }
}

/** Milliseconds between two picked events: of these they are too many, or too few. */
const SHORT = 0.5;
const LONG = 2;
/** Of so many events one is picked at least. */
const MOST = 256;
