/** A pace for each key, kept as long as it knows something. */
import type { SteadyTime } from '../flow/steadyTime.js';
import { Pace } from './pace.js';

export class Paces {
  private readonly paces = new Map<unknown, Pace>();
  private untilSweep = SWEEP;

  constructor(private readonly time: SteadyTime) {}

  get size(): number {
    return this.paces.size;
  }

  of(key: unknown): Pace {
    if (--this.untilSweep <= 0) this.sweep();
    let pace = this.paces.get(key);
    if (pace === undefined) this.paces.set(key, (pace = new Pace(this.time)));
    return pace;
  }

  /** As rarely as there are keys. A pace that is about to be used is not forgotten, for it is asked for after this. */
  private sweep(): void {
    for (const [key, pace] of this.paces) if (pace.isIdle) this.paces.delete(key);
    this.untilSweep = SWEEP + this.paces.size;
  }
}

const SWEEP = 1_000;
