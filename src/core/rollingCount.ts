/** Sums over the last so many milliseconds, kept in a ring of equal parts of that time. */
export class RollingCount {
  private readonly parts: number[];
  private readonly width: number;
  /** The number of the newest part since time 0. */
  private newest: number | undefined;
  private total = 0;

  constructor(window: number, parts: number) {
    this.parts = new Array<number>(parts).fill(0);
    this.width = window / parts;
  }

  add(now: number, count: number = 1): void {
    this.parts[this.advance(now) % this.parts.length]! += count;
    this.total += count;
  }

  sum(now: number): number {
    this.advance(now);
    return this.total;
  }

  /** Empties the parts whose time has come round again, and returns the newest; a clock that was set back stands still. */
  private advance(now: number): number {
    const part = Math.floor(now / this.width);
    this.newest ??= part;
    if (part <= this.newest) return this.newest;
    const passed = Math.min(part - this.newest, this.parts.length);
    for (let i = 0; i < passed; i++) {
      const index = (part - i) % this.parts.length;
      this.total -= this.parts[index]!;
      this.parts[index] = 0;
    }
    return (this.newest = part);
  }
}
