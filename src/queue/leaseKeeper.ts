/** The leases of one subscription: extended while somebody works on the message, given up when they have ended. */
import { LinkedQueue } from '../core/linkedQueue.js';
import type { Settled } from '../delivery/lease.js';
import type { SteadyTime } from '../flow/steadyTime.js';
import { Timer } from '../flow/timer.js';
import { reportUnhandled } from '../flow/unhandled.js';
import { asked } from './asked.js';
import { isClosed } from './errors.js';
import type { QueueLease } from './queueLease.js';
import type { StoreGroup } from './store.js';

/** It looks at all leases four times in a visibility timeout: one is extended when it is between a quarter and a half over. */
const LOOKS = 4;

export class LeaseKeeper {
  private readonly leases = new LinkedQueue<QueueLease>();
  private readonly timer: Timer;
  private readonly interval: number;
  /** When it is to look at the leases. */
  private next = Infinity;
  /** Calls under way that extend a lease which has run out by our clock. */
  private late = 0;
  private state: 'open' | 'ended' | 'closed' = 'open';

  constructor(
    private readonly group: StoreGroup,
    private readonly visibilityTimeout: number,
    private readonly time: SteadyTime,
    /** Called with leases that were lost: they are out. */
    private readonly onLost: (lost: readonly QueueLease[]) => void,
    /** Called when leases that had run out are extended, or can not be. */
    private readonly onCaughtUp: () => void,
  ) {
    this.interval = visibilityTimeout / LOOKS;
    this.timer = new Timer(time, () => this.look());
  }

  add(lease: QueueLease): void {
    lease.held = true;
    this.leases.push(lease);
    if (this.next === Infinity) this.wake();
  }

  /** Takes out one that is settled; returns false where it was lost before. */
  remove(lease: QueueLease): boolean {
    if (!lease.held) return false;
    lease.held = false;
    this.leases.remove(lease);
    if (this.leases.oldest === undefined) this.lookAt(Infinity);
    return true;
  }

  /** Somebody began to work on a message. */
  wake(): void {
    if (this.next === Infinity && this.state !== 'closed') this.lookAt(this.time.now() + this.interval);
  }

  /** Nobody takes anything any more: what was forgotten needs no look, which would keep the process alive. */
  end(): void {
    if (this.state !== 'open') return;
    this.state = 'ended';
    for (let lease = this.leases.oldest; lease !== undefined; lease = lease.newer) if (lease.kept) return;
    this.lookAt(Infinity);
  }

  /** The store is closed: there is nothing to extend, and nothing to lose. */
  close(): void {
    this.state = 'closed';
    this.lookAt(Infinity);
  }

  /**
   * False while leases that are worked on have run out by our clock, for the process stood still: they are extended first. Who took before would get
   * the very messages that they work on.
   */
  caughtUp(): boolean {
    if (this.time.now() >= this.next) this.look();
    return this.late === 0;
  }

  private lookAt(at: number): void {
    this.next = at;
    this.timer.set(at);
  }

  private look(): void {
    const now = this.time.now();
    const lost: QueueLease[] = [];
    const kept: QueueLease[] = [];
    let wanted = this.state === 'open';
    for (let lease = this.leases.oldest; lease !== undefined; lease = lease.newer) {
      const age = now - lease.since;
      wanted ||= lease.kept;
      if (age >= this.visibilityTimeout && this.isLost(lease)) lost.push(lease);
      else if (lease.kept && age >= this.interval) kept.push(lease);
    }
    this.lookAt(wanted && this.leases.oldest !== undefined ? now + this.interval : Infinity);
    if (kept.length > 0) this.extend(kept, now);
    if (lost.length > 0) this.lose(lost);
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
    const { group } = this;
    if (group.extend === undefined) return;
    const late = leases.some(({ since }) => now - since >= this.visibilityTimeout) ? 1 : 0;
    this.late += late;
    for (const lease of leases) lease.asked = true;
    const messages = leases.map(({ message }) => message);
    const over = (): void => {
      this.late -= late;
      if (late > 0) this.onCaughtUp();
    };
    asked(() => group.extend!(messages))
      .then(
        (answers) => this.onExtended(leases, answers, now),
        (error: unknown) => isClosed(error) && this.close(),
      )
      .then(over, reportUnhandled);
  }

  private onExtended(leases: readonly QueueLease[], answers: readonly Settled[], now: number): void {
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
  }

  private lose(lost: readonly QueueLease[]): void {
    for (const lease of lost) this.remove(lease);
    this.onLost(lost);
  }
}
