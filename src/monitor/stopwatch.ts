/** Times that are small integers: as fractions they would be objects, and cost as much as all else. */
export class Stopwatch {
  /** @param now milliseconds, from any moment on */
  constructor(private readonly now: () => number) {}

  /** This moment, as an integer below -1. */
  mark(): number {
    return -2 - this.ticks();
  }

  /** Milliseconds since the moment of `mark`; right for up to four hours. */
  since(mark: number): number {
    return ((this.ticks() + mark + 2) & MASK) / TICKS;
  }

  private ticks(): number {
    return Math.round(this.now() * TICKS) & MASK;
  }
}

/** In a millisecond. */
const TICKS = 64;
/** 30 bits, which are a small integer in every engine. */
const MASK = 2 ** 30 - 1;
