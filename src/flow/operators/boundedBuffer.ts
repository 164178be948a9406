/** A buffer with a bound between a source and a slower consumer. */
import { Observable, type MonoTypeOperatorFunction, type Subscriber } from 'rxjs';
import { BoundedRing } from '../../core/boundedRing.js';
import { OverflowError, ReturnError } from '../../errors.js';
import { checkCount, checkDuration, checkFunction, checkOptions, expected, shown } from '../../options.js';
import { Stage } from '../stage.js';
import { checkStageOptions, STAGE_OPTIONS, type StageOptions } from '../stageOptions.js';

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
  checkOptions('boundedBuffer', options, ['capacity', 'overflow', 'cost', 'maxAge', ...STAGE_OPTIONS]);
  checkStageOptions(options);
  checkCount('capacity', options.capacity);
  checkOverflow(options.overflow);
  if (options.cost !== undefined) checkFunction('cost', options.cost);
  if (options.maxAge !== undefined) checkDuration('maxAge', options.maxAge);
  const named = { ...options, name: options.name ?? 'boundedBuffer' };
  return (source) => new Observable((subscriber) => void source.subscribe(new BufferStage(subscriber, named)));
}

/** Throws an `OptionError` unless `overflow` is a policy. */
export function checkOverflow<T>(overflow: Overflow<T> | undefined): void {
  if (typeof overflow === 'object' && overflow !== null && typeof overflow.merge === 'function') return;
  if (overflow === undefined || ['error', 'drop-oldest', 'drop-newest'].includes(overflow as string)) return;
  expected('overflow', `'error', 'drop-oldest', 'drop-newest' or { merge }`, overflow);
}

class BufferStage<T> extends Stage<T> {
  private readonly ring: BoundedRing<T>;
  private readonly overflow: Overflow<T>;
  private readonly timed: boolean;

  constructor(
    out: Subscriber<T>,
    private readonly options: BoundedBufferOptions<T> & { readonly name: string },
  ) {
    super(out, options);
    this.overflow = options.overflow ?? 'error';
    this.timed = options.maxAge !== undefined || options.onDrop !== undefined;
    this.ring = new BoundedRing(options.capacity, { costs: options.cost !== undefined, times: this.timed });
  }

  get requested(): number {
    return this.ending ? 0 : this.ring.room;
  }

  get held(): number {
    return this.ring.size;
  }

  protected accept(value: T): void {
    if (this.ring.size === 0 && this.clearAhead) return this.emit(value);
    const cost = this.costOf(value);
    if (this.ring.full) this.dropExpired();
    if (!this.ring.full) this.ring.push(value, cost, this.now());
    else this.overrun(value, cost);
  }

  protected work(): void {
    for (this.dropExpired(); this.ring.size > 0 && this.downstream.requested > 0; this.dropExpired()) {
      this.emit(this.ring.shift());
    }
  }

  protected clear(): void {
    while (this.ring.size > 0) this.dropOldest('cancelled');
  }

  private overrun(value: T, cost: number): void {
    const { overflow, ring } = this;
    if (overflow === 'error') {
      this.drop(value, 'overflow');
      this.endWith(
        new OverflowError(
          this.name,
          this.options.capacity,
          'make it pause (see demandOf) or name an `overflow` policy',
        ),
      );
    } else if (overflow === 'drop-newest') {
      this.drop(value, 'overflow');
    } else if (overflow === 'drop-oldest') {
      while (ring.full) this.dropOldest('evicted');
      ring.push(value, cost, this.now());
    } else {
      const merged = overflow.merge(ring.newest, value);
      ring.replaceNewest(merged, this.costOf(merged));
      this.drop(value, 'merged');
    }
  }

  private dropExpired(): void {
    const { maxAge } = this.options;
    if (maxAge === undefined || this.ring.size === 0) return;
    const now = this.now();
    while (this.ring.size > 0 && this.ring.oldestAge(now) > maxAge) this.dropOldest('expired');
  }

  private dropOldest(reason: 'evicted' | 'expired' | 'cancelled'): void {
    const age = this.ring.oldestAge(this.now());
    this.drop(this.ring.shift(), reason, age);
  }

  private costOf(value: T): number {
    if (this.options.cost === undefined) return 1;
    const cost = this.options.cost(value);
    if (typeof cost === 'number' && cost >= 0 && cost < Infinity) return cost || 1;
    throw new ReturnError(this.name, cost, `\`cost\` returned ${shown(cost)}, expected a finite number of at least 0`);
  }

  private now(): number {
    return this.timed ? this.scheduler.now() : 0;
  }
}
