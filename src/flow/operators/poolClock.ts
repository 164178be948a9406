/** All that a pool waits for by the clock: timeouts, retries, and the looks of what decides its concurrency. One timer, none when idle. */
import type { SchedulerLike } from 'rxjs';
import { DelayQueue } from '../../core/delayQueue.js';
import { Timer } from '../timer.js';
import type { Call, Slot } from './poolCall.js';

export class PoolClock<T, R> {
  private readonly timer: Timer;
  private readonly delayed = new DelayQueue<Call<T, R>>();
  private nextTimeout = Infinity;
  private nextLook = Infinity;
  /** The timer went off: what is due is to be seen to. */
  rang: boolean = false;

  constructor(
    private readonly scheduler: SchedulerLike,
    onTime: () => void,
  ) {
    this.timer = new Timer(scheduler, () => {
      this.rang = true;
      onTime();
    });
  }

  /** Calls that wait for another attempt. */
  get delays(): number {
    return this.delayed.size;
  }

  delay(call: Call<T, R>, ms: number): void {
    this.delayed.push(this.scheduler.now() + ms, call);
    this.set();
  }

  /** The next call whose delay is over. */
  due(): Call<T, R> | undefined {
    return this.delayed.next <= this.scheduler.now() ? this.delayed.shift() : undefined;
  }

  /** Notes that the call of `slot` times out in `ms`. */
  limit(slot: Slot<T, R>, ms: number): void {
    slot.due = this.scheduler.now() + ms;
    if (this.nextTimeout <= slot.due) return;
    this.nextTimeout = slot.due;
    this.set();
  }

  /** No call is in flight. */
  limitNone(): void {
    if (this.nextTimeout === Infinity) return;
    this.nextTimeout = Infinity;
    this.set();
  }

  /** The slots whose calls have timed out. */
  late(slots: readonly Slot<T, R>[]): Slot<T, R>[] {
    const now = this.scheduler.now();
    if (now < this.nextTimeout) return [];
    const running = slots.filter(({ call }) => call !== undefined);
    this.nextTimeout = running.reduce((next, { due }) => (due > now && due < next ? due : next), Infinity);
    return running.filter(({ due }) => due <= now);
  }

  /** Looks again in `ms`. */
  lookIn(ms: number): void {
    this.nextLook = this.scheduler.now() + ms;
    this.set();
  }

  /** True once for each look that is due. */
  get lookDue(): boolean {
    if (this.scheduler.now() < this.nextLook) return false;
    this.nextLook = Infinity;
    return true;
  }

  /** Sets the timer for what comes first. */
  set(): void {
    this.timer.set(Math.min(this.delayed.next, this.nextTimeout, this.nextLook));
  }

  /** Turns the timer off; returns the calls that waited for it. */
  stop(): Call<T, R>[] {
    this.nextTimeout = this.nextLook = Infinity;
    this.timer.set(Infinity);
    return this.delayed.drain();
  }
}
