/** A limit that follows what the other side answers without queueing. */
import { SampleWindow } from './sampleWindow.js';

export interface VegasOptions {
  readonly min: number;
  readonly max: number;
  readonly initial: number;
}

/**
 * TCP Vegas on windows of 250 ms and ten calls: what calls take above what they take idle tells how many of them queue on the other
 * side, and the limit keeps that number small. Time never runs backwards.
 *
 * What calls take idle, the *base*, is the least that was seen, and would go stale when the other side changes. So now and then it is
 * measured anew. States: *steady* → *drained* (the limit is halved; calls begun since are the sample) → *steady* (with a new base; calls
 * begun before are ignored). A measurement that surprises is made again soon: half of a limit far too high may still have queued. And
 * one is made at once when the limit has fallen to a quarter: if calls take longer for another reason than a queue, it would fall on and
 * find out half a minute later.
 */
export class Vegas {
  private readonly window = new SampleWindow(10, 250);
  private exact: number;
  /** The highest limit since the base was measured. */
  private highest: number;
  private base = Infinity;
  private probe: { readonly since: number; readonly times: SampleWindow } | undefined;
  private nextProbe: number | undefined;
  /** Calls begun before this do not count. */
  private ignoreBefore = -Infinity;

  constructor(
    private readonly options: VegasOptions,
    private readonly random: () => number,
  ) {
    this.exact = this.highest = options.initial;
  }

  /** Calls that may run at once: an integer. */
  get limit(): number {
    const { min } = this.options;
    return Math.max(min, Math.floor(this.probe === undefined ? this.exact : this.exact / 2));
  }

  /** A call took `time`; so many ran when it ended. */
  sample(time: number, startedAt: number, now: number, running: number): void {
    if (startedAt < this.ignoreBefore) return;
    this.nextProbe ??= now + FIRST; // the first calls may have queued already
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
    const dropped = window.drops > 0;
    const limit = dropped ? this.exact * 0.9 : this.follow(window.median(), window.peak);
    this.exact = Math.max(this.options.min, Math.min(this.options.max, limit));
    this.highest = Math.max(this.highest, this.exact);
    window.clear(now);
    if (dropped || (now < this.nextProbe! && this.exact > this.highest / 4)) return;
    this.probe = { since: now, times: new SampleWindow(1, 0) };
  }

  /** The limit that is right when calls take `time`. */
  private follow(time: number, peak: number): number {
    const limit = this.exact;
    // The least of many medians would be the luckiest: it comes nearer, and is not taken over.
    if (time < this.base) this.base = this.base === Infinity ? time : (this.base + time) / 2;
    const queued = limit * Math.max(0, 1 - (this.base + RESOLUTION) / time); // 0 when `time` is 0
    const step = Math.max(1, Math.sqrt(limit) / 2);
    const few = step + 0.05 * limit;
    const many = 1.75 * step + 0.1 * limit;
    const used = peak >= 0.9 * Math.floor(limit);
    if (queued <= many && (queued >= few || !used)) return limit;
    // To the middle of what is neither few nor many, for from its edge chance would take it out again.
    return Math.max(limit / 2, Math.min(limit + step, limit - queued + (few + many) / 2));
  }

  private probed(probe: NonNullable<typeof this.probe>, time: number, startedAt: number, now: number): void {
    if (startedAt < probe.since) return;
    probe.times.sample(time, now, 0);
    if (probe.times.size < Math.max(PROBE_CALLS, this.exact)) return;
    const measured = probe.times.median();
    // Chance makes measurements differ: one close to the last refines it, another takes its place.
    const close = Math.abs(measured - this.base) < 0.15 * this.base + RESOLUTION;
    this.base = close ? (this.base + measured) / 2 : measured;
    this.restore(now);
    if (!close) this.nextProbe = now + SOON;
  }

  private restore(now: number): void {
    this.probe = undefined;
    this.highest = this.exact;
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
const FIRST = 1_000;
const SOON = 3_000;
/**
 * Milliseconds above the base that are no queue. The default scheduler's clock counts whole milliseconds, so that a call of 0.3 ms takes
 * 0 or 1 on it, and of 1.5 ms 1 or 2: taken for a queue, that would shrink the limit to nothing. A queue of less than a millisecond can not
 * be seen on such a clock, and hurts less than calls that could run and may not: the limit grows until it can be seen.
 */
const RESOLUTION = 1;
