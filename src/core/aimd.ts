/** A limit that follows a latency: one more while there is room below it, a tenth less above it. */
import { SampleWindow } from './sampleWindow.js';

export interface AimdOptions {
  readonly min: number;
  readonly max: number;
  readonly initial: number;
  /** Milliseconds a call is to take at most. */
  readonly latencyTarget: number;
}

/** Additive increase, multiplicative decrease, by the median of windows of 250 ms and ten calls. */
export class Aimd {
  private readonly window = new SampleWindow(10, 250);
  limit: number;

  constructor(private readonly options: AimdOptions) {
    this.limit = options.initial;
  }

  /** A call took `time`; so many ran when it ended. */
  sample(time: number, _startedAt: number, now: number, running: number): void {
    this.window.sample(time, now, running);
    this.update(now);
  }

  /** A call's outcome said that the other side is overloaded. */
  dropped(now: number): void {
    this.window.drop(now);
    this.update(now);
  }

  private update(now: number): void {
    const { window } = this;
    if (!window.full(now)) return;
    const { min, max, latencyTarget } = this.options;
    if (window.drops > 0 || window.median() > latencyTarget) this.limit = Math.max(min, Math.floor(this.limit * 0.9));
    else if (window.peak * 2 >= this.limit) this.limit = Math.min(max, this.limit + 1);
    window.clear(now);
  }
}
