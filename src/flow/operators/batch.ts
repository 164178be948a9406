/** Gathers values into arrays, for work that costs less a value when it is done for many. */
import { Observable, type OperatorFunction, type Subscriber } from 'rxjs';
import { Batcher } from '../../core/batcher.js';
import { OverflowError } from '../../errors.js';
import { checkOptions, DURATION, expected, FUNCTION, POSITIVE, type Rule } from '../../options.js';
import { costOf } from '../cost.js';
import { Stage } from '../stage.js';
import { STAGE_RULES, type Activity, type StageOptions } from '../stageOptions.js';
import { Timer } from '../timer.js';

/** Options of `batch`. `size` or `maxCost` is required: they bound what is held, which `within` does not. */
export interface BatchOptions<T> extends StageOptions<T> {
  /** Values in a batch at most: with as many it is full. An integer of at least 1, or `Infinity`. Default: no such bound. */
  size?: number | undefined;
  /**
   * How many milliseconds after its first value a batch goes though it is not full, as soon as downstream has room. Above 0. Default: it
   * waits until it is full, or the source ends.
   */
  within?: number | undefined;
  /** What a value costs, for `maxCost`: its bytes, say. A number of at least 0; 0 is charged as 1. */
  cost?: ((value: T) => number) | undefined;
  /**
   * What the values of a batch cost at most, together: a batch is full when it costs that, or when the next value would bring it above. A
   * value that costs more goes alone. With `cost`; an integer of at least 1, or `Infinity`. Default: no such bound.
   */
  maxCost?: number | undefined;
}

/**
 * Gathers values into batches that are full by number or by cost, or go after a time, whichever comes first.
 *
 * Use it before calls that take many values at once: inserts, bulk requests, acknowledgements. Batches follow the load: with `within`, a
 * consumer that is idle gets what came in that time, and for one that is busy the batch goes on to fill. Where nothing is to wait and
 * the number is all that matters, `bufferCount` of RxJS does.
 *
 * A batch goes only when downstream has room: when it is full, when `within` has passed since its first value, or when the source has ended.
 * No batch is empty. What is held is one batch, `size` values at most, or, where a value did not fit into it, that batch and the value;
 * while it is full the source is not asked.
 *
 * Order: as they come. Loss: none; a source that ignores demand ends it with an `OverflowError` when it sends to a full batch: put a
 * `boundedBuffer` before it. Completion and errors of the source come after what is held. Unsubscribing drops each value that is held as
 * `cancelled`. The ledger counts values, not batches.
 *
 * ```ts
 * import { batch, pool, pull } from 'sluice';
 *
 * const insert = async (rows: readonly string[]) => `${rows.length} rows: ${rows.join()}`;
 *
 * pull(['a', 'b', 'c', 'd', 'e'])
 *   .pipe(batch({ size: 2, within: 50 }), pool(insert, { concurrency: 1 }))
 *   .subscribe((result) => console.log(result));
 * // => 2 rows: a,b
 * // => 2 rows: c,d
 * // => 1 rows: e
 * ```
 *
 * @returns an operator; each subscription has a batch of its own
 * @throws OptionError at the call when an option is wrong, or none bounds what is held
 * @throws OverflowError in the stream when the source ignores demand while a full batch waits
 * @throws ReturnError in the stream when `cost` returns anything but a number of at least 0
 */
export function batch<T>(options: BatchOptions<T>): OperatorFunction<T, T[]> {
  checkOptions('batch', options, batchRules());
  const { size, cost, maxCost } = options;
  if (cost === undefined && maxCost !== undefined) expected('cost', 'given with `maxCost`', cost, 'batch');
  if (cost !== undefined && maxCost === undefined) expected('maxCost', 'given with `cost`', maxCost, 'batch');
  if (size === undefined && maxCost === undefined) {
    expected('size', 'given, or `maxCost`: nothing else bounds what is held', size, 'batch');
  }
  const named = { ...options, name: options.name ?? 'batch' };
  return (source) => new Observable((subscriber) => void source.subscribe(new BatchStage<T>(subscriber, named)));
}

export function batchRules(): Record<keyof BatchOptions<never>, Rule> {
  return { ...STAGE_RULES, size: POSITIVE, within: DURATION, cost: FUNCTION, maxCost: POSITIVE };
}

class BatchStage<T> extends Stage<T, T[]> {
  private readonly batcher: Batcher<T>;
  /** Values between the first of a batch and the last are only kept: nobody wants to know what they cost, or when they came. */
  private readonly plain: boolean;
  private readonly timer: Timer = new Timer(this.time, () => this.run());

  constructor(
    out: Subscriber<T[]>,
    private readonly options: BatchOptions<T> & { readonly name: string },
  ) {
    super(out, options);
    const { size = Infinity, maxCost = Infinity, cost, onDrop, monitor } = options;
    this.batcher = new Batcher(size, maxCost);
    this.plain = cost === undefined && onDrop === undefined && monitor === undefined;
  }

  get capacity(): number {
    const { size = Infinity, maxCost = Infinity } = this.options;
    return Math.min(size, maxCost);
  }

  /** A batch that is neither full nor due waits for values. */
  override get activity(): Activity {
    return this.goesAt <= this.time.now() ? 'blocked' : 'starved';
  }

  /** With costs it asks for one value at a time: whether another one fits is known only when that one is here. */
  get requested(): number {
    const { room } = this.batcher;
    return this.ending ? 0 : this.options.cost === undefined ? room : Math.min(room, 1);
  }

  get held(): number {
    return this.batcher.count;
  }

  protected accept(value: T): void {
    const { batcher } = this;
    if (this.plain && batcher.filled > 0 && batcher.room > 1) return batcher.push(value);
    const cost = costOf(this.name, value, this.options.cost);
    if (batcher.room === 0) this.run(); // downstream may have room that it has not called for yet
    if (this.released) return; // a callback unsubscribed
    if (batcher.room === 0) return this.overrun(value);
    const at = this.mayBeFirst ? this.time.now() : this.arrivalTime();
    batcher.add(value, cost, at);
    if (batcher.room === 0) this.run();
    else if (batcher.count === 1) this.timer.set(this.goesAt, at);
  }

  protected work(): void {
    for (;;) {
      if (this.batcher.count === 0) return this.timer.set(Infinity);
      const { goesAt } = this;
      const due = goesAt === -Infinity || goesAt <= this.time.now();
      if (!due || this.downstream.requested <= 0) return this.timer.set(due ? Infinity : goesAt);
      if (this.probe !== undefined) this.batcher.times.forEach((at) => this.waited(at));
      const values = this.batcher.take();
      this.countOut(values.length);
      this.pass(values);
    }
  }

  protected clear(): void {
    this.timer.set(Infinity);
    for (const { value, at } of this.batcher.drain()) this.drop(value, 'cancelled', this.ageSince(at));
  }

  /** When the batch is to go, if downstream has room then. */
  private get goesAt(): number {
    const { batcher } = this;
    if (batcher.count === 0) return Infinity;
    if (batcher.room === 0 || this.ending) return -Infinity;
    return batcher.since + (this.options.within ?? Infinity);
  }

  /** The time of a value that may be the first of a batch matters; of others a monitor, or `onDrop`, may want to know it. */
  private get mayBeFirst(): boolean {
    const { within, cost } = this.options;
    return within !== undefined && (cost !== undefined || this.batcher.count === 0);
  }

  private overrun(value: T): void {
    this.drop(value, 'overflow');
    this.endWith(new OverflowError(this.name, this.capacity, 'put a boundedBuffer with a named `overflow` before it'));
  }
}
