/** A buffer with a bound between a source and a slower consumer. */
import { Observable, type MonoTypeOperatorFunction, type Subscriber } from 'rxjs';
import { RingBuffer } from '../../core/ringBuffer.js';
import { OverflowError, ReturnError } from '../../errors.js';
import { checkOptions, DURATION, expected, FUNCTION, POSITIVE, required, shown, type Rule } from '../../options.js';
import { Stage } from '../stage.js';
import { STAGE_RULES, type StageOptions } from '../stageOptions.js';

/**
 * What happens to a value that arrives at a full buffer, which only sources that ignore demand send: `error` ends the
 * stream after what is held, `drop-oldest` makes room, `drop-newest` drops the one that arrived, and `merge` puts it into
 * the newest value held.
 */
export type Overflow<T> = 'error' | 'drop-oldest' | 'drop-newest' | { readonly merge: (held: T, incoming: T) => T };

/** Options of `boundedBuffer`. */
export interface BoundedBufferOptions<T> extends StageOptions {
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
}

/**
 * Holds up to `capacity` values for a consumer that is busy, and asks the source for no more than it has room for.
 *
 * Use it to let a source run ahead of a slower stage by a stated amount, and as the guard behind sources that can not
 * wait (`fromEvent`, a `Subject`, a socket), with an overflow policy you choose. Not needed in front of a `pool`, which
 * prefetches itself. Without a stage downstream that limits, values pass straight through.
 *
 * Order: as they arrive. Loss: none, unless `overflow` or `maxAge` name one; each drop is reported to `onDrop`.
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
 * @throws ReturnError in the stream when `cost` returns anything but a number of at least 0
 */
export function boundedBuffer<T>(options: BoundedBufferOptions<T>): MonoTypeOperatorFunction<T> {
  checkOptions('boundedBuffer', options, {
    ...STAGE_RULES,
    capacity: required(POSITIVE),
    overflow: OVERFLOW,
    cost: FUNCTION,
    maxAge: DURATION,
  });
  if (options.cost !== undefined && typeof options.overflow === 'object') {
    expected('cost', 'left out with { merge }: what a merged value costs has no bound', options.cost, 'boundedBuffer');
  }
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
interface Held<T> {
  value: T;
  readonly cost: number;
  /** When it arrived, or the last of those merged into it, where somebody wants to know. */
  at: number;
}

class BufferStage<T> extends Stage<T> {
  private readonly ring = new RingBuffer<Held<T>>();
  /** The cost of all that is held. */
  private used = 0;

  constructor(
    out: Subscriber<T>,
    private readonly options: BoundedBufferOptions<T> & { readonly name: string },
  ) {
    super(out, options);
  }

  /** With costs it asks for one value at a time: what the next one costs is known only when it is here. */
  get requested(): number {
    if (this.ending || this.full) return 0;
    return this.options.cost === undefined ? this.options.capacity - this.used : 1;
  }

  /** While more than half is held there is enough to go on with. */
  protected override get wantsMore(): boolean {
    return this.used <= this.options.capacity / 2 && this.requested > 0;
  }

  get held(): number {
    return this.ring.size;
  }

  protected accept(value: T): void {
    if (this.ring.size === 0 && this.clearAhead) return this.emit(value);
    const cost = this.costOf(value);
    if (this.released) return; // `cost` unsubscribed
    if (this.full) this.dropExpired();
    if (this.full) this.overrun(value, cost);
    else this.hold(value, cost);
  }

  protected work(): void {
    for (this.dropExpired(); this.ring.size > 0 && this.downstream.requested > 0; this.dropExpired()) {
      this.emit(this.takeOldest().value);
    }
  }

  protected clear(): void {
    while (this.ring.size > 0) this.dropOldest('cancelled');
  }

  private get full(): boolean {
    return this.used >= this.options.capacity;
  }

  private hold(value: T, cost: number): void {
    this.used += cost;
    this.ring.push({ value, cost, at: this.now() });
  }

  /** Takes the oldest value out. */
  private takeOldest(): Held<T> {
    const held = this.ring.shift();
    this.used = this.ring.size === 0 ? 0 : this.used - held.cost; // fractions do not add up to exactly 0
    return held;
  }

  private overrun(value: T, cost: number): void {
    const { overflow = 'error', capacity } = this.options;
    if (overflow === 'drop-oldest') {
      while (this.full) this.dropOldest('evicted');
      this.hold(value, cost);
    } else if (typeof overflow === 'object') {
      const newest = this.ring.at(this.ring.size - 1);
      newest.value = overflow.merge(newest.value, value);
      if (this.released) return; // `merge` unsubscribed
      newest.at = this.now();
      this.drop(value, 'merged');
    } else {
      this.drop(value, 'overflow');
      if (overflow === 'drop-newest') return;
      this.endWith(new OverflowError(this.name, capacity, 'make it wait (demandOf) or name an `overflow` policy'));
    }
  }

  private dropExpired(): void {
    const { maxAge } = this.options;
    if (maxAge === undefined) return;
    const now = this.scheduler.now();
    while (this.ring.size > 0 && now - this.ring.at(0).at > maxAge) this.dropOldest('expired');
  }

  private dropOldest(reason: 'evicted' | 'expired' | 'cancelled'): void {
    const { value, at } = this.takeOldest();
    this.drop(value, reason, this.now() - at);
  }

  private costOf(value: T): number {
    const cost: unknown = this.options.cost === undefined ? 1 : this.options.cost(value);
    if (Number.isFinite(cost) && (cost as number) >= 0) return (cost as number) || 1;
    throw new ReturnError(this.name, cost, `\`cost\` returned ${shown(cost)}, expected a finite number of at least 0`);
  }

  private now(): number {
    return this.options.maxAge === undefined ? this.arrivalTime() : this.scheduler.now();
  }
}
