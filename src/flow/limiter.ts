/** What token buckets and sliding windows share: answers, and lines of those who wait. */
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { Line } from '../core/line.js';
import type { Meter } from '../core/meter.js';
import { checkOptions, expected, SIGNAL } from '../options.js';
import { Claim, type Claimed, type Place } from './claim.js';
import { SteadyTime } from './steadyTime.js';
import { Timer } from './timer.js';
import { guarded } from './unhandled.js';

/** What an HTTP answer needs to know. */
export interface LimiterAnswer {
  /** Whether the cost was paid; for `peek`, whether it could be. */
  readonly ok: boolean;
  /** Whole tokens left. */
  readonly remaining: number;
  /** Milliseconds until the same cost could be paid, if those who wait before it are served first; 0 when `ok`, and only then. */
  readonly retryAfter: number;
  /** Milliseconds until all tokens are there again, if none is taken. */
  readonly resetAfter: number;
}

/** What a limiter is known by; the same in every copy of the package, so that two copies may share one. */
const LIMITER: unique symbol = Symbol.for('sluice.limiter');

interface Branded {
  [LIMITER]?: true;
}

export function isLimiter(value: unknown): value is Limiter {
  return (value as Branded | null | undefined)?.[LIMITER] === true;
}

/**
 * A limit that pipelines and plain code may share: `tokenBucket` and `slidingWindow` make them.
 *
 * Those who wait for one key stand in one line, first come, first served: nobody overtakes, a smaller cost neither.
 */
export class Limiter implements Claimed {
  lastTurn = 0;
  private readonly lines = new Map<unknown, Line<Place>>();
  private readonly timer: Timer;
  private readonly time: SteadyTime;
  private dueAt = Infinity;

  constructor(
    protected readonly meter: Meter,
    scheduler: SchedulerLike = asyncScheduler,
  ) {
    (this as Branded)[LIMITER] = true;
    this.time = new SteadyTime(scheduler);
    this.timer = new Timer(this.time, () => this.onTime());
  }

  /** The largest cost that can be paid at once. */
  get burst(): number {
    return this.meter.burst;
  }

  /** In how many milliseconds what `burst` is comes again: `burst` in `period` is the rate. */
  get period(): number {
    return this.meter.period;
  }

  /** Keys that take memory: those that have used something up, and some that were as good as new again since the last look through all. */
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
    let retryAfter = meter.wait(cost + (line?.cost ?? 0), key, now);
    if (line !== undefined) retryAfter = Math.max(SOON, retryAfter, line.oldest!.claim.remaining());
    return { ok: retryAfter === 0, remaining: meter.left(key, now), retryAfter, resetAfter: meter.fullIn(key, now) };
  }

  /**
   * Waits in line until `cost` can be paid, and pays it.
   *
   * @param options.key whose tokens. Default: one for all.
   * @param options.signal leaves the line: the promise rejects with the signal's reason, and nothing was paid
   * @throws OptionError by rejection, when an option is wrong, or the cost can never be paid: from the start, or since the rate fell
   */
  take(
    cost: number = 1,
    options: { readonly key?: unknown; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      checkOptions('take', options, { key: ['anything', () => true], signal: SIGNAL });
      const { key, signal } = options;
      if (signal?.aborted) return reject(signal.reason as Error);
      let waits = true;
      const settle = (answer: () => void): void => {
        waits = false;
        signal?.removeEventListener('abort', abort);
        answer();
      };
      const giveUp = (reason: unknown): void => {
        settle(() => reject(reason));
        claim.leave();
      };
      const abort = (): void => giveUp(signal!.reason);
      const attempt = (): void => {
        if (!waits) return; // it was called, and gave up before its turn
        try {
          this.checkCost(cost);
          if (claim.take(cost, [key])) settle(resolve);
        } catch (error) {
          giveUp(error);
        }
      };
      const claim = new Claim([this], attempt);
      signal?.addEventListener('abort', abort);
      attempt();
    });
  }

  isFirst(key: unknown, turn: number): boolean {
    const first = this.lines.get(key)?.oldest;
    return first === undefined || turn <= first.turn;
  }

  wait(cost: number, key: unknown): number {
    return this.meter.wait(cost, key, this.now());
  }

  waitAt(place: Place, key: unknown): number {
    const line = this.lines.get(key)!;
    const first = line.oldest!;
    return Math.max(this.wait(line.costUpTo(place), key), first === place ? 0 : first.claim.remaining());
  }

  spend(cost: number, key: unknown, late: number = 0): void {
    const now = this.now();
    this.meter.spend(cost, key, now, now - late);
  }

  join(key: unknown, place: Place): void {
    let line = this.lines.get(key);
    if (line === undefined) this.lines.set(key, (line = new Line()));
    line.join(place);
  }

  leave(key: unknown, place: Place): Claim | undefined {
    const line = this.lines.get(key)!;
    const wasFirst = place.older === undefined;
    line.leave(place);
    if (line.oldest !== undefined) return wasFirst ? line.oldest.claim : undefined;
    this.lines.delete(key);
    if (this.lines.size === 0) this.wakeIn(Infinity);
    return undefined;
  }

  wakeIn(wait: number): void {
    const at = this.lines.size === 0 ? Infinity : this.now() + wait;
    if (at < Infinity && at >= this.dueAt) return;
    this.dueAt = at;
    this.timer.set(at);
  }

  wake(claims: readonly (Claim | undefined)[], late: number = 0): void {
    const outer = due.length === 0;
    for (const claim of claims) if (claim !== undefined) due.push({ claim, late });
    if (!outer) return;
    for (const { claim, late } of due) guarded(() => claim.wake(late)); // which may add to them
    due.length = 0;
  }

  private onTime(): void {
    const late = Math.max(0, this.now() - this.dueAt);
    this.dueAt = Infinity;
    this.wake(
      Array.from(this.lines.values(), ({ oldest }) => oldest!.claim),
      late,
    );
  }

  protected now(): number {
    return this.time.now();
  }

  private checkCost(cost: number): void {
    if (typeof cost === 'number' && cost >= 0 && cost <= this.meter.burst) return;
    expected('cost', `a number from 0 to ${this.burst}, which is the burst`, cost);
  }
}

/** When those who are first in line have all they wait for, and are just to be called: milliseconds after which one may ask again. */
const SOON = 1;

/** Claims that are to be called: one lets the next go on, by a list the stack stays flat, and the first has what it waited for before the next. */
const due: { readonly claim: Claim; readonly late: number }[] = [];
