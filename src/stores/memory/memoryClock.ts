import type { SchedulerLike, Subscription } from 'rxjs';
import { SteadyClock } from '../../core/steadyClock.js';
import { timerDelay } from '../../core/timerDelay.js';

/**
 * What the time is. What is to happen at a time of day goes by the clock, which may jump; what is to happen after a while goes by the time that
 * passed, which never runs backwards: a clock that is set back holds up no lease and no retry.
 */
export class MemoryClock {
  private readonly steady: SteadyClock;

  constructor(readonly scheduler: SchedulerLike) {
    this.steady = new SteadyClock(scheduler.now());
  }

  /** In milliseconds since 1970. */
  now(): number {
    return this.scheduler.now();
  }

  /** The time that passed, when the clock says `now`. */
  passed(now: number): number {
    return this.steady.at(now);
  }
}

/** A timer for those who wait: at most one action of the scheduler is pending, none when it is off. It may go off early. */
export class Alarm {
  private action: Subscription | undefined;
  private at = Infinity;

  constructor(
    private readonly clock: MemoryClock,
    private readonly onTime: () => void,
  ) {}

  /** Goes off in `delay` milliseconds at the latest; `Infinity` turns it off. */
  set(delay: number): void {
    const now = this.clock.passed(this.clock.now());
    const at = now + delay;
    // One whose time is over is late: the clock was set forward.
    if (at === this.at || (at !== Infinity && now <= this.at && this.at <= at)) return;
    this.action?.unsubscribe();
    this.at = at;
    this.action = at === Infinity ? undefined : this.clock.scheduler.schedule(this.ring, timerDelay(delay));
  }

  private readonly ring = (): void => {
    this.at = Infinity;
    this.action = undefined;
    this.onTime();
  };
}
