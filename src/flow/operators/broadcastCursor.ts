/** One subscriber of a `broadcast`: its place in the ring, and what happens when it is too slow. */
import type { Subscriber } from 'rxjs';
import type { Reader, SharedRing } from '../../core/sharedRing.js';
import { SlowSubscriberError } from '../../errors.js';
import { demandOf, isUnbounded, type Demand } from '../demand.js';
import { tellDropped } from '../dropped.js';
import type { BroadcastParts } from './broadcastParts.js';
import type { Activity, Drop, DropReason, Ledger, MonitoredStage, StageProbe } from '../stageOptions.js';
import { guarded } from '../unhandled.js';

/**
 * What happens when a subscriber is too slow: the source waits for it; it skips its oldest values; it gets the newest only; or it is
 * unsubscribed with a `SlowSubscriberError`.
 */
export type SlowPolicy = 'block' | 'drop-oldest' | 'latest' | 'evict';

/** What a subscriber named, with its defaults. */
export interface CursorPolicy {
  readonly slow: SlowPolicy;
  readonly maxLag: number;
  readonly maxAge: number | undefined;
  /** What it is to be called; those that come while others have that name get a number as well. */
  readonly name: string;
}

/** What a cursor needs of the stage that it is in. */
export interface CursorHost<T> {
  readonly name: string;
  readonly ring: SharedRing<T>;
  /** Of values that are shared out. */
  readonly parts: BroadcastParts<T>;
  /** The user's `onDrop`. */
  readonly report: ((drop: Drop) => void) | undefined;
  now(): number;
  /** Takes the cursor out of the stage. */
  removeCursor(cursor: BroadcastCursor<T>): void;
}

/** What is to be told to the user once everything is in its place: such a call may send, subscribe, unsubscribe and throw. */
export type Telling = () => void;

/** What one of them throws keeps nobody else from being told. */
export function tellEach([tell, ...others]: readonly Telling[]): void {
  if (tell === undefined) return;
  try {
    tell();
  } finally {
    tellEach(others);
  }
}

/**
 * States: *open* → *stopped*, by a drain (it takes what waits for it, and completes) → *left* (it has ended, was evicted or unsubscribed; what it
 * had not taken is dropped).
 */
export class BroadcastCursor<T> implements Reader, MonitoredStage {
  readonly blocks: boolean;
  /** True while it is in line to be looked at. */
  queued = false;
  /** What its subscriber can take. */
  readonly downstream: Demand;
  /** Whom it tells that it has left. */
  probe: StageProbe | undefined;
  /** It takes whatever comes, at once. */
  private readonly free: boolean;
  private readonly ring: SharedRing<T>;
  private readonly start: number;
  private readonly since: number;
  private dropped = 0;
  private readonly reasons: Partial<Record<DropReason, number>> = {};
  /** The number of the first value that is not for it any more. */
  private last = Infinity;
  private left = false;

  /**
   * @param next the number of the value that it starts with
   * @param freeName called when it has left
   */
  constructor(
    private readonly host: CursorHost<T>,
    private readonly subscriber: Subscriber<T>,
    private readonly policy: CursorPolicy,
    public next: number,
    readonly name: string,
    private readonly freeName: () => void,
  ) {
    this.blocks = policy.slow === 'block';
    this.ring = host.ring;
    this.start = next;
    this.since = host.now();
    this.downstream = demandOf(subscriber);
    this.free = isUnbounded(this.downstream) && policy.maxAge === undefined;
  }

  get fedBy(): string {
    return this.host.name;
  }

  /** Values that wait for it. */
  get held(): number {
    return this.end - this.next;
  }

  /** True once no more values are for it. */
  get stopped(): boolean {
    return this.last !== Infinity;
  }

  /** Nothing is counted for each value: what came and what left are differences of numbers. */
  get ledger(): Ledger {
    const { name: stage, dropped, held } = this;
    const arrived = this.end - this.start;
    return { stage, in: arrived, out: arrived - dropped - held, dropped, reasons: { ...this.reasons }, held };
  }

  get requested(): number {
    return this.stopped ? 0 : Math.max(0, this.capacity - this.held);
  }

  get capacity(): number {
    return this.policy.maxLag;
  }

  get activity(): Activity {
    return this.held > 0 && this.downstream.requested <= 0 ? 'blocked' : 'starved';
  }

  /** When it is evicted, if it takes nothing until then. */
  get expires(): number {
    const { maxAge } = this.policy;
    if (maxAge === undefined || this.held === 0) return Infinity;
    return Math.max(this.ring.timeOf(this.next), this.since) + maxAge; // a value that is replayed may be older than the subscriber
  }

  /** Takes `value`, number `n`, of the round that is under way, after what it can take of older ones. */
  offer(value: T, n: number): void {
    if (!this.free || this.next !== n || this.stopped) return this.take(n + 1);
    this.next++;
    this.ring.touch();
    this.give(value, n);
  }

  /** Takes what it can of the values before number `to`, and gives up what may not wait for it. */
  take(to: number): void {
    const { downstream, host, ring } = this;
    if (this.policy.maxAge !== undefined && this.expires <= host.now()) {
      return this.evict(`a value waited for it for more than ${this.policy.maxAge} ms (\`maxAge\`)`)();
    }
    const until = (): number => Math.min(to, this.end);
    while (this.next < until() && downstream.requested > 0) {
      const n = this.next++;
      const value = ring.at(n);
      ring.touch();
      this.give(value, n);
    }
    while (!this.blocks && until() - this.next > this.policy.maxLag) this.makeRoom()();
  }

  /** Gives up its oldest value, or itself. */
  makeRoom(): Telling {
    const { next, policy, ring } = this;
    if (policy.slow === 'evict') return this.evict(`it was more than ${policy.maxLag} values behind (\`maxLag\`)`);
    const telling = this.telling(next + 1, 'evicted');
    this.next++;
    ring.touch();
    this.count(1, 'evicted');
    return () => {
      telling();
      this.endIfDone();
    };
  }

  /** No more values are for it than those that wait; then it completes. */
  stop(): void {
    this.last = this.end;
    this.endIfDone();
  }

  /** Passes the end on, once it has taken all there is. */
  finish(failure: { readonly error: unknown } | undefined): void {
    guarded(() => {
      if (failure === undefined) this.subscriber.complete();
      else this.subscriber.error(failure.error);
    });
  }

  /** It takes nothing any more. Called once, by the stage, before it forgets it. */
  leave(reason: DropReason): Telling {
    if (this.left) return NOTHING;
    this.left = true;
    const { end } = this;
    const telling = this.telling(end, reason, guarded); // its stream has ended: what `onDrop` throws has nowhere to go
    this.count(end - this.next, reason);
    this.last = this.next = end;
    return () => {
      telling();
      guarded(() => this.probe?.released());
      this.freeName();
    };
  }

  private give(value: T, n: number): void {
    const { parts } = this.host;
    try {
      this.subscriber.next(parts.none ? value : parts.take(n, this, value));
    } catch (error) {
      guarded(() => this.subscriber.error(error)); // a subscriber of the user's own: RxJS's do not throw
    }
    this.endIfDone();
  }

  private endIfDone(): void {
    if (this.stopped && this.held === 0 && !this.left) this.finish(undefined);
  }

  /** The number of the next value that is to come for it, or would be. */
  private get end(): number {
    return Math.min(this.last, this.ring.end);
  }

  private evict(why: string): Telling {
    const lag = this.held;
    const telling = this.leave('evicted');
    this.host.removeCursor(this);
    return () => {
      telling();
      guarded(() => this.subscriber.error(new SlowSubscriberError(this.name, lag, why)));
    };
  }

  private count(values: number, reason: DropReason): void {
    if (values === 0) return;
    this.dropped += values;
    this.reasons[reason] = (this.reasons[reason] ?? 0) + values;
  }

  /** Tells of the values from its place to number `until`, which may be gone from the ring by then. */
  private telling(until: number, reason: DropReason, call = called): Telling {
    const { probe, ring } = this;
    const { report, parts } = this.host;
    if ((report === undefined && probe === undefined && parts.none) || until <= this.next) return NOTHING;
    const now = this.host.now();
    const drops: Drop[] = [];
    for (let n = this.next; n < until; n++) {
      const value = parts.none ? ring.at(n) : parts.take(n, this, ring.at(n));
      drops.push({ value, reason, stage: this.name, age: now - ring.timeOf(n) });
    }
    return () => {
      for (const drop of drops) {
        probe?.dropped(drop);
        try {
          if (report !== undefined) call(() => report(drop));
        } finally {
          tellDropped(drop.value, reason);
        }
      }
    };
  }
}

const NOTHING: Telling = () => undefined;
const called = (report: () => void): void => report();
