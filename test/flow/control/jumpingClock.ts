import type { SchedulerAction, SchedulerLike, Subscription } from 'rxjs';
import type { VirtualTime } from '../../../src/testing/index.js';

/** A scheduler of virtual time whose clock may be set back or forward, which timers do not feel. */
export class JumpingClock implements SchedulerLike {
  /** Milliseconds by which it is fast. */
  by = 0;

  constructor(private readonly time: VirtualTime) {}

  now(): number {
    return this.time.now + this.by;
  }

  schedule<T>(work: (this: SchedulerAction<T>, state?: T) => void, delay?: number, state?: T): Subscription {
    return this.time.scheduler.schedule(work, delay ?? 0, state as T);
  }
}
