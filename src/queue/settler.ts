/** Outcomes on their way to the store: those of one turn go at once, and those that come while others are carried out with the next. */
import type { Settled } from '../delivery/lease.js';
import { reportUnhandled } from '../flow/unhandled.js';
import { asked } from './asked.js';
import type { QueueLease } from './queueLease.js';
import type { StoreGroup } from './store.js';

export class Settler {
  private leases: QueueLease[] = [];
  /** Since when the oldest leases of those that wait, and of those that are being settled, have gone on; `Infinity` for none. */
  private waiting = Infinity;
  private settling = Infinity;
  private state: 'idle' | 'gathering' | 'settling' = 'idle';

  constructor(
    private readonly group: StoreGroup,
    /** Called when so many outcomes were handed to the store: what is asked of it now comes after them. */
    private readonly onSent: (count: number) => void,
    /** Called with how many the store has answered for, or what it failed with. */
    private readonly onSettled: (count: number, failure: { readonly error: unknown } | undefined) => void,
  ) {}

  /** Has the outcome carried out that `lease` carries, which is told what came of it. */
  settle(lease: QueueLease): void {
    this.leases.push(lease);
    if (lease.since < this.waiting) this.waiting = lease.since;
    if (this.state !== 'idle') return;
    this.state = 'gathering';
    queueMicrotask(this.flush);
  }

  /** Since when the oldest lease of which an outcome is on its way has gone on; `Infinity` for none. */
  get oldest(): number {
    return Math.min(this.waiting, this.settling);
  }

  private readonly flush = (): void => {
    const { leases } = this;
    this.settling = this.waiting;
    this.waiting = Infinity;
    if (leases.length === 0) {
      this.state = 'idle';
      return;
    }
    this.leases = [];
    this.state = 'settling';
    asked(() => this.group.settle(leases)).then(
      (answers) => this.onAnswers(leases, answers),
      (error: unknown) => {
        for (const lease of leases) lease.failed(error);
        this.flush();
        this.onSettled(leases.length, { error });
      },
    );
    this.onSent(leases.length);
  };

  private onAnswers(leases: readonly QueueLease[], answers: readonly Settled[]): void {
    for (let i = 0; i < leases.length; i++) {
      try {
        leases[i]!.answered(answers[i]!);
      } catch (error) {
        reportUnhandled(error); // of a subscriber's: there are others to tell
      }
    }
    this.flush();
    this.onSettled(leases.length, undefined);
  }
}
