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
      at === Infinity ? undefined : this.scheduler.schedule(this.ring, delayUntil(at, this.scheduler.now()));
  }

  private readonly ring = (): void => {
    this.at = Infinity;
    this.action = undefined;
    this.onTime();
  };
}

/** A longer delay would go off at once; the one who set the timer looks at the clock anyway, and sets it again. */
const LONGEST = 2_147_483_647;

function delayUntil(at: number, now: number): number {
  return Math.min(LONGEST, Math.max(0, at - now));
}
