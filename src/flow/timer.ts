import type { SchedulerLike, Subscription } from 'rxjs';

/** One timer that is set again and again: at most one action of the scheduler is pending, none when it is off. */
export class Timer {
  private action: Subscription | undefined;
  private at = Infinity;

  constructor(
    private readonly scheduler: SchedulerLike,
    private readonly onTime: () => void,
  ) {}

  /** Goes off at time `at` of the scheduler's clock, in the place of what was set before; `Infinity` turns it off. */
  set(at: number): void {
    if (at === this.at) return;
    this.action?.unsubscribe();
    this.at = at;
    this.action =
      at === Infinity ? undefined : this.scheduler.schedule(this.ring, Math.max(0, at - this.scheduler.now()));
  }

  private readonly ring = (): void => {
    this.at = Infinity;
    this.action = undefined;
    this.onTime();
  };
}
