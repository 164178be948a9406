import type { SchedulerLike } from 'rxjs';
import { SteadyClock } from '../core/steadyClock.js';

/** The time of a scheduler, counted from the start, that never runs backwards: where its clock is set back, time goes on from where it was. */
export class SteadyTime {
  private readonly clock: SteadyClock;

  constructor(readonly scheduler: SchedulerLike) {
    this.clock = new SteadyClock(scheduler.now());
  }

  now(): number {
    return this.clock.at(this.scheduler.now());
  }
}
