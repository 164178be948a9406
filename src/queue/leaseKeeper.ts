/** The leases of one subscription: extended while somebody works on the message, given up when they have ended. */
import { LinkedQueue } from '../core/linkedQueue.js';
import type { SteadyTime } from '../flow/steadyTime.js';
import { Timer } from '../flow/timer.js';
import type { QueueLease } from './queueLease.js';
import type { StoreGroup } from './store.js';

/** It looks at all leases four times in a visibility timeout: one is extended when it is between a quarter and a half over. */
const LOOKS = 4;

export class LeaseKeeper {
  private readonly leases = new LinkedQueue<QueueLease>();
  private readonly timer: Timer;
  private readonly interval: number;

  constructor(
    private readonly group: StoreGroup,
    private readonly visibilityTimeout: number,
    private readonly time: SteadyTime,
    /** Called with leases that were lost: they are out. */
    private readonly onLost: (lost: readonly QueueLease[]) => void,
  ) {
    this.interval = visibilityTimeout / LOOKS;
    this.timer = new Timer(time, () => this.look());
  }

  add(lease: QueueLease): void {
    if (this.leases.oldest === undefined) this.timer.set(this.time.now() + this.interval);
    lease.held = true;
    this.leases.push(lease);
  }

  /** Takes out one that is settled; returns false where it was lost before. */
  remove(lease: QueueLease): boolean {
    if (!lease.held) return false;
    lease.held = false;
    this.leases.remove(lease);
    if (this.leases.oldest === undefined) this.timer.set(Infinity);
    return true;
  }

  private look(): void {
    const now = this.time.now();
    const lost: QueueLease[] = [];
    const kept: QueueLease[] = [];
    for (let lease = this.leases.oldest; lease !== undefined; lease = lease.newer) {
      const age = now - lease.since;
      if (age >= this.visibilityTimeout && this.isLost(lease)) lost.push(lease);
      else if (lease.kept && age >= this.interval) kept.push(lease);
    }
    if (kept.length > 0) this.extend(kept, now);
    if (lost.length > 0) this.lose(lost);
    if (this.leases.oldest !== undefined) this.timer.set(now + this.interval);
  }

  /**
   * Whether one is that has ended by our clock. This process may have stood still meanwhile, and nobody have taken the message: one that somebody works
   * on is extended first, and the store says whether it is lost.
   */
  private isLost({ kept, asked }: QueueLease): boolean {
    return !kept || asked || this.group.extend === undefined;
  }

  /** Where that fails it is tried again at the next look, until the lease has ended. */
  private extend(leases: readonly QueueLease[], now: number): void {
    for (const lease of leases) lease.asked = true;
    this.group.extend?.(leases.map(({ message }) => message)).then(
      (answers) => {
        const lost: QueueLease[] = [];
        for (const [i, lease] of leases.entries()) {
          if (answers[i] === 'settled') {
            lease.since = now;
            lease.asked = false;
          } else if (lease.held) {
            lost.push(lease);
          }
        }
        if (lost.length > 0) this.lose(lost);
      },
      () => undefined,
    );
  }

  private lose(lost: readonly QueueLease[]): void {
    for (const lease of lost) this.remove(lease);
    this.onLost(lost);
  }
}
