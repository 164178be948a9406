/** Takes that wait for messages of one group, in this process. The first gets what comes first. */
import type { SchedulerLike, Subscription } from 'rxjs';
import type { StoreError } from '../../queue/errors.js';
import { timerDelay } from '../../core/timerDelay.js';
import type { Message } from '../../queue/store.js';
import type { Commits } from './commits.js';
import type { Statements } from './statements.js';
import { DUE_AT_ONCE, moveDue, nextDue, take, type GroupRow } from './take.js';
import { isBusy, storeError } from './trouble.js';
import type { Transaction } from './transaction.js';

/** One take. */
export class Taker {
  constructor(
    readonly want: number,
    readonly visibility: number,
    readonly owner: object,
    private readonly signal: AbortSignal,
    private readonly resolve: (messages: readonly Message[]) => void,
    private readonly reject: (error: unknown) => void,
    private readonly leave: (taker: Taker) => void,
  ) {
    signal.addEventListener('abort', this.onAbort);
  }

  done(messages: readonly Message[]): void {
    this.end();
    this.resolve(messages);
  }

  failed(error: unknown): void {
    this.end();
    this.reject(error);
  }

  private readonly onAbort = (): void => {
    this.leave(this);
    this.done([]);
  };

  private end(): void {
    this.signal.removeEventListener('abort', this.onAbort);
  }
}

/** What was given to whom, and when there may be more. */
interface Served {
  readonly gifts: readonly (readonly [Taker, readonly Message[]])[];
  /** When the next one is due, for those who got nothing: `-Infinity` for at once. */
  readonly due: number;
}

export class Takers {
  /** In the order in which they came. */
  private readonly waiting = new Set<Taker>();
  private serving = false;
  private alarm: Subscription | undefined;
  /** When the next message is due. */
  private due = Infinity;
  /** The time when it was last looked. At first it is any: the clock may have been set back since others wrote. */
  private latest = Infinity;
  /** The transaction in which that was. */
  private looked: Transaction | undefined;

  constructor(
    readonly group: GroupRow,
    private readonly sql: Statements,
    private readonly commits: Commits,
    private readonly scheduler: SchedulerLike,
    private readonly changed: (takers: Takers) => void,
    private readonly file: string,
  ) {}

  get size(): number {
    return this.waiting.size;
  }

  take(want: number, visibility: number, owner: object, signal: AbortSignal): Promise<readonly Message[]> {
    return new Promise((resolve, reject) => {
      this.waiting.add(new Taker(want, visibility, owner, signal, resolve, reject, this.leave));
      this.serve();
      this.changed(this);
    });
  }

  /** Another connection, or this one, has committed something, or time is over. */
  look(gone?: StoreError): void {
    if (this.waiting.size === 0 || this.serving) return;
    if (gone !== undefined) return this.failed(gone);
    try {
      this.lookNow(this.scheduler.now());
    } catch (error) {
      // Another connection that mends the log keeps it for a moment.
      if (isBusy(error)) this.serve();
      else this.failed(storeError('nothing was taken', error, this.file));
    }
  }

  private lookNow(now: number): void {
    if (now < this.latest || this.sql.anyReady.get(this.group.id) !== undefined) return this.serve();
    this.due = nextDue(this.sql, this.group);
    if (this.due <= now) this.serve();
    else this.setAlarm(now);
  }

  /** Those who wait get what there is, with the next transaction. */
  serve(): void {
    if (this.waiting.size === 0 || this.serving) return;
    this.serving = true;
    this.commits.ask({
      phase: 'take',
      weight: [...this.waiting].reduce((sum, { want }) => sum + Math.min(want, 256), 1),
      volatile: true,
      run: (tx) => this.give(tx),
      done: (served: Served) => this.done(served),
      failed: (error) => this.failed(error),
    });
  }

  close(): void {
    for (const taker of this.waiting) taker.done([]);
    this.waiting.clear();
    this.setAlarm(Infinity);
  }

  /** What a clock that was set back would hold up is due when it would have been had it begun to wait now. */
  repair(tx: Transaction): void {
    const undone = this.looked !== tx && this.looked?.committed === false;
    if (tx.now < this.latest || undone) {
      tx.leases.write();
      const { shortenLeases, shortenTimed } = tx.sql;
      for (const shorten of [shortenLeases, shortenTimed]) shorten.run(tx.now, tx.now, this.group.id, tx.now);
    }
    this.latest = tx.now;
    this.looked = tx;
  }

  private give(tx: Transaction): Served {
    tx.flush();
    this.repair(tx);
    const moved = moveDue(tx, this.group);
    const gifts: [Taker, readonly Message[]][] = [];
    for (const taker of this.waiting) {
      const messages = take(tx, this.group, taker.want, taker.visibility, taker.owner);
      if (messages.length === 0) break;
      gifts.push([taker, messages]);
    }
    if (gifts.length === this.waiting.size) return { gifts, due: Infinity };
    if (moved >= DUE_AT_ONCE) return { gifts, due: -Infinity };
    return { gifts, due: nextDue(tx.sql, this.group) };
  }

  private done({ gifts, due }: Served): void {
    this.serving = false;
    for (const [taker, messages] of gifts) {
      this.waiting.delete(taker);
      taker.done(messages);
    }
    this.due = due;
    if (this.waiting.size > 0 && due <= this.scheduler.now()) this.serve();
    else this.setAlarm(this.scheduler.now());
    this.changed(this);
  }

  private failed(error: unknown): void {
    this.serving = false;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const taker of waiting) taker.failed(error);
    this.setAlarm(Infinity);
    this.changed(this);
  }

  private setAlarm(now: number): void {
    this.alarm?.unsubscribe();
    this.alarm = undefined;
    if (this.waiting.size === 0 || this.due === Infinity) return;
    this.alarm = this.scheduler.schedule(() => this.look(), timerDelay(this.due - now));
  }

  private readonly leave = (taker: Taker): void => {
    this.waiting.delete(taker);
    if (this.waiting.size === 0) this.setAlarm(this.scheduler.now());
    this.changed(this);
  };
}
