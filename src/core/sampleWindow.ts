/** What calls took in a while of at least so long and so many calls. Time never runs backwards. */
export class SampleWindow {
  private times: number[] = [];
  private startedAt: number | undefined;
  /** The most that ran at once. */
  peak = 0;
  /** Outcomes that said "overloaded". */
  drops = 0;

  constructor(
    private readonly least: number,
    private readonly ms: number,
  ) {}

  sample(time: number, now: number, running: number): void {
    this.startedAt ??= now;
    this.times.push(time);
    this.peak = Math.max(this.peak, running);
  }

  drop(now: number): void {
    this.startedAt ??= now;
    this.drops++;
  }

  /** True when there is enough to go by: drops alone are. */
  full(now: number): boolean {
    if (this.startedAt === undefined) return false;
    return now - this.startedAt >= this.ms && (this.drops > 0 || this.times.length >= this.least);
  }

  get size(): number {
    return this.times.length;
  }

  median(): number {
    return median(this.times);
  }

  clear(now: number): void {
    this.times = [];
    this.startedAt = now;
    this.peak = 0;
    this.drops = 0;
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
