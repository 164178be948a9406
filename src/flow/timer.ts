import type { Subscription } from 'rxjs';
import { timerDelay } from '../core/timerDelay.js';
import type { SteadyTime } from './steadyTime.js';

/** One timer that is set again and again: at most one action of the scheduler is pending, none when it is off. */
export class Timer {
  private action: Subscription | undefined;
  private at = Infinity;

  constructor(
    private readonly time: SteadyTime,
    private readonly onTime: () => void,
  ) {}

  /** Goes off at `at`, in the place of what was set before; `Infinity` turns it off. `now` is the time, where that is known. */
  set(at: number, now?: number): void {
    if (at === this.at) return;
    this.action?.unsubscribe();
    this.at = at;
    const { time } = this;
    this.action =
      at === Infinity ? undefined : time.scheduler.schedule(this.ring, timerDelay(at - (now ?? time.now())));
  }

  private readonly ring = (): void => {
    this.at = Infinity;
    this.action = undefined;
    this.onTime();
  };
}
