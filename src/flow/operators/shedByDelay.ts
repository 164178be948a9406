/** Keeps the wait short when more comes than is done, without a measure of importance. */
import { Observable, type MonoTypeOperatorFunction, type Subscriber } from 'rxjs';
import { DelayShedder } from '../../core/delayShedder.js';
import { RingBuffer } from '../../core/ringBuffer.js';
import { BOOLEAN, checkOptions, DURATION, POSITIVE, required } from '../../options.js';
import { Stage } from '../stage.js';
import { STAGE_RULES, type StageOptions } from '../stageOptions.js';

/** Options of `shedByDelay`. */
export interface ShedByDelayOptions<T = unknown> extends StageOptions<T> {
  /** Values held at most. An integer of at least 1, or `Infinity`. Required. */
  capacity: number;
  /**
   * A wait that is fine, in milliseconds: while there is too much, what waited for more than twice as long goes. Above 0. Default: 20.
   */
  target?: number | undefined;
  /** Over how many milliseconds the shortest wait decides whether there is too much. Above 0. Default: 100. */
  interval?: number | undefined;
  /** Serve the newest first while there is too much: most wait hardly at all, and those that waited longest go. Default: false. */
  lifo?: boolean | undefined;
}

/**
 * Holds up to `capacity` values for a consumer that is busy, and drops those that have waited for long while more comes than is done.
 *
 * Use it for values that are all alike in front of a `pool` with `waiting: 0`: it lets a burst wait and a lasting overload not, and needs to
 * know no service time. Where some values matter more than others, or a wait has a hard limit, use `shed`.
 *
 * The rule is that of Facebook's folly: too much comes while even the shortest wait in an `interval` was longer than `target`; then a value
 * that waited for more than 2 × `target` when its turn comes is dropped as `expired`, but never the first of an interval. The interval of
 * 100 ms is folly's. Its target of 5 ms is for servers with requests of a millisecond; 20 ms is for those of some 20 ms, which lose nothing
 * at 80 % load with it and do 99 % of what they can at 10 times their capacity. Take about what one call of the worker takes.
 *
 * Order: as they come; with `lifo`, newest first while there is too much. Loss: `expired` by that rule, and `overflow` for a value that
 * comes when `capacity` are held. A source that respects demand never overflows it. Completion and errors of the source come after what is
 * held. Unsubscribing drops what is held as `cancelled`.
 *
 * ```ts
 * import { Subject } from 'rxjs';
 * import { pool, shedByDelay } from 'sluice';
 *
 * const requests = new Subject<string>();
 * requests
 *   .pipe(
 *     shedByDelay({ capacity: 1, target: 20, onDrop: ({ value, reason }) => console.log(value, reason) }),
 *     pool(async (request) => `${request} done`, { concurrency: 1, waiting: 0 }),
 *   )
 *   .subscribe((result) => console.log(result));
 *
 * for (const request of ['a', 'b', 'c']) requests.next(request);
 * // => c overflow
 * // => a done
 * // => b done
 * ```
 *
 * @returns an operator; each subscription has a buffer and a measure of its own
 * @throws OptionError at the call when an option is wrong
 */
export function shedByDelay<T>(options: ShedByDelayOptions<T>): MonoTypeOperatorFunction<T> {
  checkOptions('shedByDelay', options, {
    ...STAGE_RULES,
    capacity: required(POSITIVE),
    target: DURATION,
    interval: DURATION,
    lifo: BOOLEAN,
  });
  const named = { ...options, name: options.name ?? 'shedByDelay' };
  return (source) => new Observable((subscriber) => void source.subscribe(new DelayStage<T>(subscriber, named)));
}

/** A value held, and when it arrived. */
interface Held<T> {
  readonly value: T;
  readonly at: number;
}

class DelayStage<T> extends Stage<T> {
  private readonly ring = new RingBuffer<Held<T>>();
  private readonly shedder: DelayShedder;

  constructor(
    out: Subscriber<T>,
    private readonly options: ShedByDelayOptions & { readonly name: string },
  ) {
    super(out, options);
    this.shedder = new DelayShedder(options.target ?? 20, options.interval ?? 100);
  }

  get capacity(): number {
    return this.options.capacity;
  }

  get requested(): number {
    return this.ending ? 0 : this.options.capacity - this.ring.size;
  }

  /** While more than half is held there is enough to go on with. */
  protected override get wantsMore(): boolean {
    return this.ring.size <= this.options.capacity / 2 && this.requested > 0;
  }

  get held(): number {
    return this.ring.size;
  }

  protected accept(value: T): void {
    const now = this.time.now();
    if (this.ring.size === 0 && this.clearAhead) {
      this.shedder.sheds(0, now);
      return this.emit(value, now);
    }
    this.ring.push({ value, at: now });
    if (this.downstream.requested > 0) this.run(); // it came inside an emission, or before downstream had asked for more
    while (this.ring.size > this.options.capacity) this.drop(this.ring.pop().value, 'overflow');
  }

  protected work(): void {
    const { ring, shedder } = this;
    while (ring.size > 0 && this.downstream.requested > 0) {
      const now = this.time.now();
      // The wait of the oldest is the measure in both orders: served newest first, the waits of those served would tell nothing.
      const wait = now - ring.at(0).at;
      if (shedder.sheds(wait, now)) this.drop(ring.shift().value, 'expired', wait);
      else this.emit((this.options.lifo && shedder.overloaded ? ring.pop() : ring.shift()).value);
    }
  }

  protected clear(): void {
    const now = this.time.now();
    for (const { value, at } of this.ring.drain()) this.drop(value, 'cancelled', now - at);
  }
}
