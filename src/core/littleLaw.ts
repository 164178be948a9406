/** How many workers an arrival rate needs. */

import { MovingAverage } from './movingAverage.js';

export interface LittleLawOptions {
  readonly min: number;
  readonly max: number;
  /** Milliseconds in which what waits is to be worked off. */
  readonly drainWithin: number;
  /** The time constant of the arrival rate, in milliseconds. */
  readonly smoothing: number;
  /** Milliseconds for which fewer must have been enough before there are fewer. */
  readonly stabilise: number;
}

/**
 * Little's law: workers busy on average are arrivals a millisecond times milliseconds of work. Above that a margin of its square root,
 * for chance, and what it takes to work off what waits beyond what chance makes wait. Time never runs backwards.
 */
export class LittleLaw {
  private workers: number;
  /** Arrivals a millisecond. */
  private readonly rate = new MovingAverage();
  /** What a call takes. */
  private readonly service = new MovingAverage();
  private pending = 0;
  private decidedAt: number | undefined;
  /** Needs of the last while; each is higher than those after it. */
  private needs: { readonly at: number; readonly need: number }[] = [];

  constructor(private readonly options: LittleLawOptions) {
    this.workers = options.min;
  }

  arrived(count: number): void {
    this.pending += count;
  }

  /** A call took `time` milliseconds. */
  served(time: number): void {
    this.service.add(time, SERVICE_GAIN);
  }

  /**
   * The workers wanted, when so many values wait and so many are worked on: an integer. Call it at each look. Where all work and there is
   * no room for more, arrivals are as many as the workers let in, and say nothing: then as many more as may be.
   */
  decide(now: number, waiting: number, running: number, saturated: boolean = false): number {
    this.measureRate(now);
    const { min, max } = this.options;
    const most = this.workers + Math.max(4, this.workers);
    const need = Math.max(min, Math.min(max, saturated ? most : this.need(waiting, running)));
    const recent = this.highestNeed(now, need);
    if (need > this.workers) this.workers = Math.min(need, most);
    else if (recent < SHRINK_BELOW * this.workers) this.workers = Math.max(min, recent);
    return this.workers;
  }

  private need(waiting: number, running: number): number {
    const service = this.service.value;
    if (service === undefined) return running + waiting; // nothing has been measured
    const busy = (this.rate.value ?? 0) * service;
    const margin = Math.sqrt(busy);
    const backlog = (Math.max(0, waiting - margin) * service) / this.options.drainWithin;
    return Math.ceil(busy + margin + backlog);
  }

  private measureRate(now: number): void {
    const time = now - (this.decidedAt ?? now);
    this.decidedAt = now;
    if (time === 0) return; // the first look, or another at the same time
    this.rate.add(this.pending / time, 1 - Math.exp(-time / this.options.smoothing));
    this.pending = 0;
  }

  /** The highest need there has been for `stabilise`. */
  private highestNeed(now: number, need: number): number {
    while (this.needs.length > 0 && this.needs.at(-1)!.need <= need) this.needs.pop();
    this.needs.push({ at: now, need });
    while (now - this.needs[0]!.at > this.options.stabilise) this.needs.shift();
    return this.needs[0]!.need;
  }
}

/** What calls take is averaged over some two hundred of them: they differ, and each difference would be so many workers. */
const SERVICE_GAIN = 0.005;
/** A need not far below what there is makes no difference: chance would have it come and go. */
const SHRINK_BELOW = 0.85;
