import type { Subscription } from 'rxjs';
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
    this.action = at === Infinity ? undefined : time.scheduler.schedule(this.ring, delayUntil(at, now ?? time.now()));
  }

  private readonly ring = (): void => {
    this.at = Infinity;
    this.action = undefined;
    this.onTime();
  };
}

/** A longer delay would go off at once; the one who set the timer looks at the time anyway, and sets it again. */
const LONGEST = 2_147_483_647;
/** Sums of fractions are off by a little: a delay so short that it moves no clock would have the timer set for ever. */
const SHORTEST = 1e-3;

function delayUntil(at: number, now: number): number {
  return at <= now ? 0 : Math.min(LONGEST, Math.max(SHORTEST, at - now));
}
