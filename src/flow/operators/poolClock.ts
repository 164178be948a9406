/** All that a pool waits for by the clock: timeouts, retries, and the looks of what decides its concurrency. One timer, none when idle. */
import { DelayQueue } from '../../core/delayQueue.js';
import type { SteadyTime } from '../steadyTime.js';
import { Timer } from '../timer.js';
import type { Call, Slot } from './poolCall.js';

export class PoolClock<T, R> {
  private readonly timer: Timer;
  private readonly delayed = new DelayQueue<Call<T, R>>();
  private nextTimeout = Infinity;
  private nextLook = Infinity;
  private stopped = false;
  /** The timer went off: what is due is to be seen to. */
  rang: boolean = false;

  constructor(
    private readonly time: SteadyTime,
    onTime: () => void,
  ) {
    this.timer = new Timer(time, () => {
      this.rang = true;
      onTime();
    });
  }

  delay(call: Call<T, R>, ms: number): void {
    this.delayed.push(this.time.now() + ms, call);
    this.set();
  }

  /** The next call whose delay is over. */
  due(): Call<T, R> | undefined {
    return this.delayed.next <= this.time.now() ? this.delayed.shift() : undefined;
  }

  /** Notes that the call of `slot` times out in `ms`. */
  limit(slot: Slot<T, R>, ms: number): void {
    slot.due = this.time.now() + ms;
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
    const now = this.time.now();
    if (now < this.nextTimeout) return [];
    const running = slots.filter(({ call }) => call !== undefined);
    this.nextTimeout = running.reduce((next, { due }) => (due > now && due < next ? due : next), Infinity);
    return running.filter(({ due }) => due <= now);
  }

  /** Looks again in `ms`. */
  lookIn(ms: number): void {
    this.nextLook = this.time.now() + ms;
    this.set();
  }

  /** True once for each look that is due. */
  get lookDue(): boolean {
    if (this.time.now() < this.nextLook) return false;
    this.nextLook = Infinity;
    return true;
  }

  /** Sets the timer for what comes first. */
  set(): void {
    if (this.stopped) return;
    this.timer.set(Math.min(this.delayed.next, this.nextTimeout, this.nextLook));
  }

  /** Turns the timer off; returns the calls that waited for it. */
  stop(): Call<T, R>[] {
    this.stopped = true;
    this.timer.set(Infinity);
    return [...this.delayed.drain()];
  }
}
