/** A buffer with a bound between a source and a slower consumer. */
import { Observable, type MonoTypeOperatorFunction, type Subscriber } from 'rxjs';
import { ExpiryHeap, type Expiring } from '../../core/expiryHeap.js';
import { LinkedQueue, type Linked } from '../../core/linkedQueue.js';
import { OverflowError } from '../../errors.js';
import { checkOptions, DURATION, expected, FUNCTION, POSITIVE, required, type Rule } from '../../options.js';
import { costOf } from '../cost.js';
import { expiryOf } from '../deadline.js';
import { Stage } from '../stage.js';
import { STAGE_RULES, type DropReason, type StageOptions } from '../stageOptions.js';

/**
 * What happens to a value that arrives at a full buffer, which only sources that ignore demand send: `error` ends the
 * stream after what is held, `drop-oldest` makes room, `drop-newest` drops the one that arrived, and `merge` puts it into
 * the newest value held.
 */
export type Overflow<T> = 'error' | 'drop-oldest' | 'drop-newest' | { readonly merge: (held: T, incoming: T) => T };

/** Options of `boundedBuffer`. */
export interface BoundedBufferOptions<T> extends StageOptions<T> {
  /** How much is held at most: values, or units of `cost`. An integer of at least 1, or `Infinity`. Required. */
  capacity: number;
  /** What happens when the source overruns the buffer. Default: `'error'`. */
  overflow?: Overflow<T> | undefined;
  /**
   * What a value costs, for a capacity in bytes, say. A number of at least 0; 0 is charged as 1. A value is taken while less
   * than `capacity` is used, so the last one may pass it. Default: 1 each.
   */
  cost?: ((value: T) => number) | undefined;
  /**
   * The age in milliseconds above which a held value is dropped as `expired`: when its turn comes, or when room is needed.
   * Above 0. Default: none.
   */
  maxAge?: number | undefined;
  /**
   * When a value is of no more use: a time on the scheduler's clock, in milliseconds (`Date.now()` by default), `Infinity` for never. After it
   * the value is dropped as `expired`: when it comes, when its turn comes, or when room is needed. Default: never.
   */
  deadline?: ((value: T) => number) | undefined;
}

/**
 * Holds up to `capacity` values for a consumer that is busy, and asks the source for no more than it has room for.
 *
 * Use it to let a source run ahead of a slower stage by a stated amount, and as the guard behind sources that can not
 * wait (`fromEvent`, a `Subject`, a socket), with an overflow policy you choose. Not needed in front of a `pool`, which
 * prefetches itself. Without a stage downstream that limits, values pass straight through.
 *
 * Order: as they arrive. Loss: none, unless `overflow`, `maxAge` or `deadline` name one; each drop is reported to `onDrop`.
 * Completion and errors of the source are passed on after what is held. Unsubscribing drops what is held as `cancelled`.
 *
 * ```ts
 * import { Subject } from 'rxjs';
 * import { boundedBuffer, pool } from 'sluice';
 *
 * const clicks = new Subject<number>();
 * clicks
 *   .pipe(
 *     boundedBuffer({ capacity: 2, overflow: 'drop-oldest', onDrop: ({ value, reason }) => console.log(value, reason) }),
 *     pool(async (click) => click * 10, { concurrency: 1, waiting: 0 }),
 *   )
 *   .subscribe((result) => console.log(result));
 *
 * for (const click of [1, 2, 3, 4]) clicks.next(click);
 * // => 2 evicted
 * // => 10
 * // => 30
 * // => 40
 * ```
 *
 * @returns an operator; each subscription has a buffer of its own
 * @throws OptionError at the call when an option is wrong
 * @throws OverflowError in the stream when the source ignores demand and `overflow` is `'error'`
 * @throws ReturnError in the stream when `cost` returns anything but a number of at least 0, or `deadline` no number
 */
export function boundedBuffer<T>(options: BoundedBufferOptions<T>): MonoTypeOperatorFunction<T> {
  checkBuffer('boundedBuffer', options, required(POSITIVE));
  const named = { ...options, name: options.name ?? 'boundedBuffer' };
  return (source) => new Observable((subscriber) => void source.subscribe(new BufferStage(subscriber, named)));
}

/** The rule of `overflow`. */
export const OVERFLOW: Rule = [
  "'error', 'drop-oldest', 'drop-newest' or { merge }",
  (value: Overflow<unknown> | null) =>
    value === 'error' || value === 'drop-oldest' || value === 'drop-newest' || typeof value?.merge === 'function',
];

/** A value held. */
interface Held<T> extends Linked<Held<T>>, Expiring {
  value: T;
  readonly cost: number;
  /** When it arrived, or the last of those merged into it, where somebody wants to know. */
  at: number;
}

/** Checks options for a buffer, of the operator `where`. */
export function checkBuffer<T>(
  where: string,
  options: Omit<BoundedBufferOptions<T>, 'capacity'>,
  capacity: Rule,
): void {
  const rules = { ...STAGE_RULES, capacity, overflow: OVERFLOW, cost: FUNCTION, maxAge: DURATION, deadline: FUNCTION };
  checkOptions(where, options, rules);
  if (options.cost !== undefined && typeof options.overflow === 'object') {
    expected('cost', 'left out with { merge }: what a merged value costs has no bound', options.cost, where);
  }
}

/** The stage behind `boundedBuffer`, and behind `valve`. */
export class BufferStage<T> extends Stage<T> {
  private readonly queue = new LinkedQueue<Held<T>>();
  /** Needed only for deadlines: with `maxAge` alone values expire in the order in which they are held. */
  private readonly expiries: ExpiryHeap<Held<T>> | undefined;
  private readonly expiring: boolean;
  private count = 0;
  /** The cost of all that is held. */
  private used = 0;

  constructor(
    out: Subscriber<T>,
    private readonly options: BoundedBufferOptions<T> & { readonly name: string },
  ) {
    super(out, options);
    const { maxAge, deadline } = options;
    this.expiring = maxAge !== undefined || deadline !== undefined;
    this.expiries = deadline && new ExpiryHeap();
  }

  get capacity(): number {
    return this.options.capacity;
  }

  /** With costs it asks for one value at a time: what the next one costs is known only when it is here. */
  get requested(): number {
    if (this.ending || this.used >= this.options.capacity) return 0;
    return this.options.cost === undefined ? this.options.capacity - this.used : 1;
  }

  /** While more than half is held there is enough to go on with. */
  protected override get wantsMore(): boolean {
    return this.used <= this.options.capacity / 2 && this.requested > 0;
  }

  get held(): number {
    return this.count;
  }

  /** True while what is held may go on. */
  protected get roomAhead(): boolean {
    return this.downstream.requested > 0;
  }

  protected accept(value: T): void {
    const expires = this.expiring ? this.lastsUntil(value) : Infinity;
    if (this.isStale(expires)) return this.drop(value, 'expired');
    if (this.released) return; // `deadline` unsubscribed
    if (this.count === 0 && this.clearAhead) return this.emit(value, this.arrivalMark());
    const cost = costOf(this.name, value, this.options.cost);
    this.hold({ value, cost, at: this.arrivalTime(), expires, place: 0, older: undefined, newer: undefined });
  }

  protected work(): void {
    for (let next; (next = this.queue.oldest) !== undefined && this.roomAhead;) {
      if (this.isStale(next.expires)) this.giveUp(next, 'expired');
      else this.emit(this.take(next).value, next.at);
    }
  }

  protected clear(): void {
    for (let next; (next = this.queue.oldest) !== undefined;) this.giveUp(next, 'cancelled');
  }

  private hold(incoming: Held<T>): void {
    const { queue, options } = this;
    queue.push(incoming);
    this.expiries?.add(incoming);
    this.count++;
    this.used += incoming.cost;
    if (this.roomAhead) this.run(); // it came inside an emission, or before downstream had asked for more
    // The newest may pass the capacity, if there was room when it came. Drops may send others: then one of those is the newest.
    for (let newest; (newest = queue.newest) !== undefined && this.used - newest.cost >= options.capacity;) {
      this.makeRoom(newest);
    }
  }

  /** Gives up one that is held for `incoming`, or `incoming` itself. */
  private makeRoom(incoming: Held<T>): void {
    const { overflow = 'error', capacity } = this.options;
    const oldest = this.queue.oldest!;
    const first = this.expiries?.earliest ?? oldest;
    if (this.isStale(first.expires)) {
      this.giveUp(first, 'expired');
    } else if (overflow === 'drop-oldest') {
      this.giveUp(oldest, 'evicted');
    } else if (typeof overflow === 'object') {
      this.merge(incoming.older!, incoming, overflow.merge);
    } else {
      this.giveUp(incoming, 'overflow');
      if (overflow === 'drop-newest') return;
      this.endWith(new OverflowError(this.name, capacity, 'make it wait (demandOf) or name an `overflow` policy'));
    }
  }

  private merge(into: Held<T>, incoming: Held<T>, merge: (held: T, incoming: T) => T): void {
    const value = merge(into.value, incoming.value);
    const expires = this.expiring ? this.lastsUntil(value) : Infinity;
    if (into.newer !== incoming) return; // one of those functions moved them on
    this.take(incoming);
    this.expiries?.remove(into);
    Object.assign(into, { value, expires, at: incoming.at });
    this.expiries?.add(into);
    this.drop(incoming.value, 'merged');
  }

  /** Takes a value that is held out. */
  private take(held: Held<T>): Held<T> {
    this.queue.remove(held);
    this.expiries?.remove(held);
    this.used = --this.count === 0 ? 0 : this.used - held.cost; // fractions do not add up to exactly 0
    return held;
  }

  private giveUp(held: Held<T>, reason: DropReason): void {
    this.take(held);
    this.drop(held.value, reason, this.ageSince(held.at));
  }

  private isStale(expires: number): boolean {
    return this.expiring && expires < this.time.now();
  }

  private lastsUntil(value: T): number {
    const { maxAge = Infinity, deadline } = this.options;
    return Math.min(expiryOf(this.name, value, deadline, this.time), this.time.now() + maxAge);
  }
}
