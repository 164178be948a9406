/** Which part of the time the event loop is busy. */
import { asyncScheduler, type SchedulerLike } from 'rxjs';

/** What Node's `performance` tells of the event loop; browsers do not. */
interface LoopClock {
  eventLoopUtilization?: (now?: Utilization, before?: Utilization) => Utilization;
}

interface Utilization {
  readonly utilization: number;
}

/** Node counts it; elsewhere, and with another clock, timers that are late tell of it, if less than all. */
export class LoopMeter {
  private readonly clock: LoopClock;
  private before: Utilization | undefined;

  constructor(scheduler: SchedulerLike) {
    this.clock = scheduler === asyncScheduler ? (performance as LoopClock) : {};
    this.before = this.clock.eventLoopUtilization?.();
  }

  /** Nobody looked until now. */
  skip(): void {
    this.before = this.clock.eventLoopUtilization?.();
  }

  /** From 0 to 1, over the last `ms` milliseconds, at the end of which a timer was `late` by so many. */
  busy(late: number, ms: number): number {
    const { before, clock } = this;
    if (before === undefined) return late > USUAL ? Math.min(1, late / ms) : 0;
    this.before = clock.eventLoopUtilization!();
    return clock.eventLoopUtilization!(this.before, before).utilization;
  }
}

/** Milliseconds by which timers are late when nothing holds them up. */
const USUAL = 2;
