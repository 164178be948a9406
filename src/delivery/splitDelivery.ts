/** Makes several deliveries of one. */
import { Observable, type OperatorFunction, type Subscriber } from 'rxjs';
import { OverflowError, ReturnError } from '../errors.js';
import { check, checkOptions, FUNCTION, shown } from '../options.js';
import { Stage } from '../flow/stage.js';
import { STAGE_RULES, type StageOptions } from '../flow/stageOptions.js';
import { blame, ITERABLE, type Delivery } from './delivery.js';

/** Options of `splitDelivery`. */
export type SplitDeliveryOptions<T> = StageOptions<Delivery<T>>;

/**
 * Gives on a delivery for each of the values that `project` makes of a message; the message is settled when all of them are.
 *
 * Use it for a message that is a list of things to do one by one: the lines of an order, the rows of a file. Not where the parts are many
 * and slow: the message is leased until the last of them is done, and comes again as a whole when one of them is nacked.
 *
 * What has to be done again wins: a part that was nacked over one that was released, that over a dead letter, and that over those acked.
 * A message of no parts is acked. The parts have ids of their own: `17#0`, `17#1`, … of the message `17`. Order: as they come, the parts of one before those of the next. It takes a message only when there is demand,
 * and the next when the parts of that have gone. Loss: none. When `project` throws, the delivery is nacked with the error and the stream ends with what
 * was thrown. Unsubscribing releases the parts that are left.
 *
 * ```ts
 * import { createDelivery, pull, splitDelivery } from 'sluice';
 *
 * const delivery = createDelivery(['milk', 'eggs'], { info: { id: '1' }, settle: ({ kind }) => console.log(kind) });
 * pull([delivery])
 *   .pipe(splitDelivery((lines) => lines))
 *   .subscribe((line) => {
 *     console.log(line.value);
 *     void line.ack();
 *   });
 * // => milk
 * // => eggs
 * // => ack
 * ```
 *
 * @param project called with the value and its delivery; returns an iterable, which is read at once
 * @throws OptionError at the call when an argument is wrong
 * @throws ReturnError in the stream when `project` returns what is no iterable
 * @throws OverflowError in the stream when the source ignores demand and there is no room
 */
export function splitDelivery<T, R>(
  project: (value: T, delivery: Delivery<T>) => Iterable<R>,
  options: SplitDeliveryOptions<T> = {},
): OperatorFunction<Delivery<T>, Delivery<R>> {
  check('project', FUNCTION, project, 'splitDelivery');
  checkOptions('splitDelivery', options, STAGE_RULES);
  const { name = 'splitDelivery', onDrop, scheduler, monitor } = options;
  return (source) =>
    new Observable((subscriber) => {
      const stage = new SplitStage(subscriber, { name, onDrop, scheduler, monitor }, project);
      source.subscribe(stage);
    });
}

/** Has the parts of one message at most. */
class SplitStage<T, R> extends Stage<Delivery<T>, Delivery<R>> {
  private message: Delivery<T> | undefined = undefined;
  private parts: readonly Delivery<R>[] = NONE;
  private place = 0;
  private arrivedAt = -1;
  /** `project` is called; it may send another. */
  private splitting = false;

  constructor(
    out: Subscriber<Delivery<R>>,
    options: StageOptions & { readonly name: string },
    private readonly project: (value: T, delivery: Delivery<T>) => Iterable<R>,
  ) {
    super(out, options);
  }

  get requested(): number {
    return this.ending || this.held > 0 || this.downstream.requested <= 0 ? 0 : 1;
  }

  get held(): number {
    return this.splitting || this.parts !== NONE ? 1 : 0;
  }

  protected accept(delivery: Delivery<T>): void {
    if (this.held > 0) return this.overrun(delivery);
    const arrivedAt = this.arrivalTime();
    const parts = this.partsOf(delivery);
    if (this.released) return release(parts); // `project` unsubscribed
    if (parts.length === 0) {
      this.countOut(1);
    } else {
      this.message = delivery;
      this.parts = parts;
      this.place = 0;
      this.arrivedAt = arrivedAt;
    }
    this.run();
  }

  protected work(): void {
    while (this.parts !== NONE && this.downstream.requested > 0) {
      const part = this.parts[this.place++]!;
      if (this.place < this.parts.length) {
        this.pass(part);
      } else {
        this.takeParts();
        this.emit(part, this.arrivedAt);
      }
    }
  }

  protected clear(): void {
    if (this.parts === NONE) return;
    const { message, place, arrivedAt } = this;
    const left = this.takeParts();
    try {
      this.drop(message, 'cancelled', this.ageSince(arrivedAt), place > 0);
    } finally {
      release(left);
    }
  }

  private partsOf(delivery: Delivery<T>): readonly Delivery<R>[] {
    this.splitting = true;
    try {
      const values = this.project(delivery.value, delivery);
      if (ITERABLE[1](values as never)) return delivery.split(values);
      throw new ReturnError(this.name, values, `\`project\` returned ${shown(values)}, expected ${ITERABLE[0]}`);
    } catch (error) {
      blame(delivery, error);
      throw error;
    } finally {
      this.splitting = false;
    }
  }

  /** Those that have not gone; none are left then. */
  private takeParts(): readonly Delivery<R>[] {
    const left = this.parts.slice(this.place);
    this.parts = NONE;
    this.message = undefined;
    return left;
  }

  private overrun(delivery: Delivery<T>): void {
    if (this.ending) return this.drop(delivery, 'cancelled');
    this.drop(delivery, 'overflow');
    const advice = 'make it pause (see demandOf), or put a boundedBuffer with a named `overflow` before it';
    this.endWith(new OverflowError(this.name, 1, advice));
  }
}

const NONE: readonly never[] = [];

function release(parts: readonly Delivery<unknown>[]): void {
  for (const part of parts) void part.release();
}
