/** Picks some of many events to be measured: about one in a millisecond, however many there are, for a clock costs more than most events. */
export class Stride {
  private length = 1;
  private pickedAt = -Infinity;

  /** After how many events, one having been picked at `now`, the next one is. */
  after(now: number): number {
    const gap = now - this.pickedAt;
    this.pickedAt = now;
    if (gap < SHORT) this.length = Math.min(MOST, this.length * 2);
    else if (gap > LONG) this.length = Math.max(1, Math.floor((this.length * LONG) / gap));
    return this.length;
  }
}

/** Milliseconds between two picked events: of these they are too many, or too few. */
const SHORT = 0.5;
const LONG = 2;
/** Of so many events one is picked at least. */
const MOST = 512;
