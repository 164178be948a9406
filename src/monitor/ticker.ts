/** Looks at the stages now and then, while something happens. */
import type { SchedulerLike, Subscription } from 'rxjs';
import type { SteadyTime } from '../flow/steadyTime.js';

/**
 * States: *asleep* (nothing is scheduled) → *awake* (it ticks some hundred times a second) → asleep, when `onTick` says so.
 *
 * The time between ticks differs, so that it keeps no step with what it looks at. A timer of Node's does not keep the process alive.
 */
export class Ticker {
  private action: Subscription | undefined;
  private plannedAt = 0;
  private ticks = 0;

  /** @param onTick gets the time, and by how much the tick was late; returns whether to go on */
  constructor(
    private readonly time: SteadyTime,
    private readonly onTick: (now: number, late: number) => boolean,
  ) {}

  get asleep(): boolean {
    return this.action === undefined;
  }

  wake(): void {
    if (this.action === undefined) this.schedule(this.time.now());
  }

  stop(): void {
    this.action?.unsubscribe();
    this.action = undefined;
  }

  private schedule(now: number): void {
    const share = (this.ticks++ * GOLDEN) % 1;
    const delay = SHORTEST + share * (LONGEST - SHORTEST);
    this.plannedAt = now + delay;
    const { scheduler } = this.time;
    this.action = scheduler.schedule(this.tick, delay);
    unref(this.action);
  }

  private readonly tick: Parameters<SchedulerLike['schedule']>[0] = () => {
    const now = this.time.now();
    this.action = undefined; // what it calls may wake it
    if (this.onTick(now, Math.max(0, now - this.plannedAt))) this.wake();
  };
}

/** Milliseconds. */
const SHORTEST = 5;
const LONGEST = 15;
/** Its multiples fill the space between two whole numbers evenly. */
const GOLDEN = 0.618_033_988_749_895;

/** RxJS's actions keep the timer that the platform gave them as `id`. */
export function unref(action: Subscription): void {
  const { id } = action as { id?: { unref?: () => void } | number };
  if (typeof id === 'object') id.unref?.();
}
