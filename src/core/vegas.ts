/** A limit that follows what the other side answers without queueing. */
import { SampleWindow } from './sampleWindow.js';

export interface VegasOptions {
  readonly min: number;
  readonly max: number;
  readonly initial: number;
}

/**
 * TCP Vegas on windows of 250 ms and ten calls: what calls take above what they take idle tells how many of them queue on the other
 * side, and the limit keeps that number small.
 *
 * What calls take idle, the *base*, is the least that was seen, and would go stale when the other side changes. So now and then it is
 * measured anew. States: *steady* → *drained* (the limit is halved; calls begun since are the sample) → *steady* (with a new base; calls
 * begun before are ignored).
 */
export class Vegas {
  private readonly window = new SampleWindow(10, 250);
  private exact: number;
  private base = Infinity;
  private probe: { readonly since: number; readonly times: SampleWindow } | undefined;
  private nextProbe: number | undefined;
  /** Calls begun before this do not count. */
  private ignoreBefore = -Infinity;

  constructor(
    private readonly options: VegasOptions,
    private readonly random: () => number,
  ) {
    this.exact = options.initial;
  }

  /** Calls that may run at once: an integer. */
  get limit(): number {
    const { min } = this.options;
    return Math.max(min, Math.floor(this.probe === undefined ? this.exact : this.exact / 2));
  }

  /** A call took `time`; so many ran when it ended. */
  sample(time: number, startedAt: number, now: number, running: number): void {
    if (now < this.ignoreBefore) this.ignoreBefore = -Infinity; // the clock was set back
    if (startedAt < this.ignoreBefore) return;
    this.nextProbe ??= now + SOON; // the first calls may have queued already
    if (this.probe !== undefined) return this.probed(this.probe, time, startedAt, now);
    this.window.sample(time, now, running);
    this.update(now);
  }

  /** A call's outcome said that the other side is overloaded. */
  dropped(now: number): void {
    if (this.probe !== undefined) this.restore(now);
    this.window.drop(now);
    this.update(now);
  }

  private update(now: number): void {
    const { window } = this;
    if (!window.full(now)) return;
    if (window.drops > 0) this.exact *= 0.9;
    else this.follow(window.median(), window.peak);
    this.exact = Math.max(this.options.min, Math.min(this.options.max, this.exact));
    window.clear(now);
    if (now >= this.nextProbe! && this.exact >= 4) {
      this.probe = { since: now, times: new SampleWindow(1, 0) };
    }
  }

  private follow(time: number, peak: number): void {
    const limit = this.exact;
    // The least of many medians would be the luckiest: it comes nearer, and is not taken over.
    if (time < this.base) this.base = this.base === Infinity ? time : (this.base + time) / 2;
    const step = Math.max(1, Math.sqrt(limit) / 2);
    const queued = limit * (1 - this.base / time);
    if (queued > 1.75 * step + 0.1 * limit)
      this.exact = Math.max(limit / 2, (1.1 * limit * this.base) / time + step / 2);
    else if (queued < step + 0.05 * limit && peak >= 0.9 * Math.floor(limit)) this.exact = limit + step;
  }

  private probed(probe: NonNullable<typeof this.probe>, time: number, startedAt: number, now: number): void {
    if (startedAt < probe.since) return;
    probe.times.sample(time, now, 0);
    if (probe.times.size < Math.max(PROBE_CALLS, this.exact)) return;
    const measured = probe.times.median();
    // Chance makes measurements differ: one close to the last refines it, another takes its place.
    const close = Math.abs(measured / this.base - 1) < 0.15;
    this.base = close ? (this.base + measured) / 2 : measured;
    this.restore(now);
  }

  private restore(now: number): void {
    this.probe = undefined;
    this.ignoreBefore = now;
    this.nextProbe = this.probeTime(now);
    this.window.clear(now);
  }

  /** Every half a minute or so; not all clients at once. */
  private probeTime(now: number): number {
    return now + 30_000 * (0.85 + 0.3 * this.random());
  }
}

/** Calls that a measurement takes; or as many as the limit, so that chance makes no difference to a large one. */
const PROBE_CALLS = 30;
const SOON = 1_000;
