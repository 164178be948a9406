/** What token buckets and sliding windows share: answers, and lines of those who wait. */
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import type { Meter } from '../core/meter.js';
import { expected } from '../options.js';
import { SteadyTime } from './steadyTime.js';
import { Timer } from './timer.js';

/** What an HTTP answer needs to know. */
export interface LimiterAnswer {
  /** Whether the cost was paid; for `peek`, whether it could be. */
  readonly ok: boolean;
  /** Whole tokens left. */
  readonly remaining: number;
  /** Milliseconds until the same cost could be paid; 0 when `ok`. */
  readonly retryAfter: number;
  /** Milliseconds until all tokens are there again, if none is taken. */
  readonly resetAfter: number;
}

/**
 * A limit that pipelines and plain code may share: `tokenBucket` and `slidingWindow` make them.
 *
 * Those who wait for one key stand in one line, first come, first served: nobody overtakes, a smaller cost neither.
 */
export class Limiter {
  /** For each key those who wait, the first of them first. */
  private readonly lines = new Map<unknown, Claim[]>();
  private readonly timer: Timer;
  private readonly time: SteadyTime;
  private dueAt = Infinity;

  constructor(
    protected readonly meter: Meter,
    scheduler: SchedulerLike = asyncScheduler,
  ) {
    this.time = new SteadyTime(scheduler);
    this.timer = new Timer(this.time, () => this.onTime());
  }

  /** The largest cost that can be paid at once. */
  get burst(): number {
    return this.meter.burst;
  }

  /** Keys that have used something up; the others take no memory. */
  get keys(): number {
    return this.meter.keys;
  }

  /**
   * Pays `cost` if that is possible at once. While somebody waits for the same key it is not.
   *
   * @param cost tokens, a number of at least 0 and at most `burst`. Default: 1.
   * @param key whose tokens; each key has its own. Default: one for all.
   * @throws OptionError when the cost can never be paid
   */
  tryTake(cost: number = 1, key?: unknown): LimiterAnswer {
    if (this.lines.size > 0 && this.lines.has(key)) return this.peek(cost, key);
    this.checkCost(cost);
    const { meter } = this;
    const now = this.now();
    const retryAfter = meter.take(cost, key, now);
    return { ok: retryAfter === 0, remaining: meter.left(key, now), retryAfter, resetAfter: meter.fullIn(key, now) };
  }

  /** Tells what `tryTake` would answer, and takes nothing. */
  peek(cost: number = 1, key?: unknown): LimiterAnswer {
    this.checkCost(cost);
    const { meter } = this;
    const now = this.now();
    const line = this.lines.get(key);
    const ahead = line?.reduce((sum, claim) => sum + claim.cost, 0) ?? 0;
    const retryAfter = meter.wait(Math.min(meter.burst, cost + ahead), key, now);
    const ok = retryAfter === 0 && line === undefined;
    return { ok, remaining: meter.left(key, now), retryAfter, resetAfter: meter.fullIn(key, now) };
  }

  /**
   * Waits in line until `cost` can be paid, and pays it.
   *
   * @param options.signal leaves the line: the promise rejects with the signal's reason, and nothing was paid
   * @throws OptionError when the cost can never be paid
   */
  take(
    cost: number = 1,
    options: { readonly key?: unknown; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    this.checkCost(cost);
    const { key, signal } = options;
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        claim.leave();
        reject(signal!.reason as Error);
      };
      const attempt = (): void => {
        if (!claim.take(cost, [key])) return;
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const claim = new Claim([this], attempt);
      if (signal?.aborted) return abort();
      signal?.addEventListener('abort', abort);
      attempt();
    });
  }

  /** Whether a value of this cost can ever pass. */
  affords(cost: unknown): boolean {
    return typeof cost === 'number' && cost >= 0 && cost <= this.meter.burst;
  }

  /** True when nobody waits before `claim`. */
  isFirst(key: unknown, claim: Claim): boolean {
    const line = this.lines.get(key);
    return line === undefined || line[0] === claim;
  }

  wait(cost: number, key: unknown): number {
    return this.meter.wait(cost, key, this.now());
  }

  spend(cost: number, key: unknown, late: number = 0): void {
    const now = this.now();
    this.meter.spend(cost, key, now, now - late);
  }

  join(key: unknown, claim: Claim): void {
    const line = this.lines.get(key);
    if (line === undefined) this.lines.set(key, [claim]);
    else line.push(claim);
  }

  /** Takes `claim` out of its line; returns the one that is first by that. */
  leave(key: unknown, claim: Claim): Claim | undefined {
    const line = this.lines.get(key) ?? [];
    const isFirst = line[0] === claim;
    if (isFirst) line.shift();
    else line.splice(line.indexOf(claim), 1);
    if (line.length > 0) return isFirst ? line[0] : undefined;
    this.lines.delete(key);
    if (this.lines.size === 0) this.wakeIn(Infinity);
    return undefined;
  }

  /** Calls those who are first in line in `wait` milliseconds at the latest. */
  wakeIn(wait: number): void {
    const at = this.now() + wait;
    if (wait < Infinity && at >= this.dueAt) return;
    this.dueAt = at;
    this.timer.set(at);
  }

  private onTime(): void {
    const late = Math.max(0, this.now() - this.dueAt);
    this.dueAt = Infinity;
    wakeAll(
      Array.from(this.lines.values(), ([first]) => first),
      late,
    );
  }

  protected now(): number {
    return this.time.now();
  }

  private checkCost(cost: number): void {
    if (!this.affords(cost)) expected('cost', `a number from 0 to ${this.burst}, which is the burst`, cost);
  }
}

/** A place in the lines of limiters of which all are to be paid, or none. */
export class Claim {
  cost: number = 0;
  private keys: readonly unknown[] = [];
  /** So many of the limiters' lines it stands in: in the next one only when it is first in these, so that it is nobody's obstacle. */
  private joined = 0;

  /** @param wake called when `take` may succeed, with the milliseconds for which it may have done so already */
  constructor(
    private readonly limiters: readonly Limiter[],
    readonly wake: (late: number) => void,
  ) {}

  /**
   * Pays `cost` to all limiters at once; or else nothing is paid, and it stands in line unless `wait` is false.
   *
   * @param keys one for each limiter; the same until it has left the lines
   */
  take(cost: number, keys: readonly unknown[], late: number = 0, wait: boolean = true): boolean {
    const { limiters } = this;
    this.cost = cost;
    this.keys = keys;
    for (let i = 0; i < limiters.length; i++) {
      const limiter = limiters[i]!;
      const time = limiter.isFirst(keys[i], this) ? limiter.wait(cost, keys[i]) : Infinity;
      if (time === 0) continue;
      if (!wait) return false;
      for (; this.joined <= i; this.joined++) limiters[this.joined]!.join(keys[this.joined], this);
      if (time < Infinity) limiter.wakeIn(time);
      return false;
    }
    for (let i = 0; i < limiters.length; i++) limiters[i]!.spend(cost, keys[i], late);
    if (this.joined > 0) this.leave();
    return true;
  }

  /** How long it would wait if nobody was before it. */
  wait(cost: number, keys: readonly unknown[]): number {
    return Math.max(...this.limiters.map((limiter, i) => limiter.wait(cost, keys[i])));
  }

  /** Leaves all lines. */
  leave(): void {
    const next = this.limiters.slice(0, this.joined).map((limiter, i) => limiter.leave(this.keys[i], this));
    this.joined = 0;
    wakeAll(next, 0);
  }
}

/** Claims that are to be called. One lets the next go on: by a list the stack stays flat, and the first has what it waited for before the next. */
const due: { readonly claim: Claim; readonly late: number }[] = [];

function wakeAll(claims: readonly (Claim | undefined)[], late: number): void {
  const outer = due.length === 0;
  for (const claim of claims) if (claim !== undefined) due.push({ claim, late });
  if (!outer) return;
  try {
    for (const next of due) next.claim.wake(next.late); // which may add to them
  } finally {
    due.length = 0;
  }
}
