import { RollingCount } from './rollingCount.js';

/** Over any `ttl` milliseconds, retries are at most `ratio` of the calls and `minPerSecond` besides. */
export class RetryBudgetState {
  private readonly calls: RollingCount;
  private readonly retries: RollingCount;

  constructor(
    private readonly options: { readonly ratio: number; readonly minPerSecond: number; readonly ttl: number },
  ) {
    this.calls = new RollingCount(options.ttl, PARTS);
    // A part more: the oldest is dropped as a whole, and in a ttl that begins within it there would be too many.
    this.retries = new RollingCount((options.ttl * (PARTS + 1)) / PARTS, PARTS + 1);
  }

  called(now: number): void {
    this.calls.add(now);
  }

  tryRetry(now: number): boolean {
    const { ratio, minPerSecond, ttl } = this.options;
    const allowed = ratio * this.calls.sum(now) + (minPerSecond * ttl) / 1_000;
    if (this.retries.sum(now) + 1 > allowed) return false;
    this.retries.add(now);
    return true;
  }
}

const PARTS = 10;
