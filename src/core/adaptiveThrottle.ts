import { RollingCount } from './rollingCount.js';

/** The probability with which a client refuses its own calls, from how many of them are accepted. */
export class AdaptiveThrottle {
  private readonly requests: RollingCount;
  private readonly accepts: RollingCount;
  private readonly k: number;

  constructor({ k, window, buckets }: { readonly k: number; readonly window: number; readonly buckets: number }) {
    this.k = k;
    this.requests = new RollingCount(window, buckets);
    this.accepts = new RollingCount(window, buckets);
  }

  /** Notes a call that was made. */
  called(now: number, accepted: boolean): void {
    this.requests.add(now);
    if (accepted) this.accepts.add(now);
  }

  /** Notes a call that was not made. */
  rejected(now: number): void {
    this.requests.add(now);
  }

  rejectProbability(now: number): number {
    const requests = this.requests.sum(now);
    return Math.max(0, (requests - this.k * this.accepts.sum(now)) / (requests + 1));
  }
}
