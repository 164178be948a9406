/** Bounded priority lanes: when there is too much, the least important values go. */
import { Observable, type MonoTypeOperatorFunction, type Subscriber } from 'rxjs';
import { ExpiryHeap } from '../../core/expiryHeap.js';
import { MOST_LANES, PriorityLanes, type Waiting } from '../../core/priorityLanes.js';
import { ReturnError } from '../../errors.js';
import { checkOptions, DURATION, FUNCTION, POSITIVE, required, shown } from '../../options.js';
import { expiryOf } from '../deadline.js';
import { Stage } from '../stage.js';
import { STAGE_RULES, type DropReason, type StageOptions } from '../stageOptions.js';

/** Options of `shed`. */
export interface ShedOptions<T> extends StageOptions<T> {
  /** Values held at most, in all lanes together. An integer of at least 1, or `Infinity`. Required. */
  capacity: number;
  /** How important a value is: an integer, a larger one is more important. At most 256 different ones may be held at a time. Required. */
  priority: (value: T) => number;
  /**
   * The age in milliseconds above which a held value is dropped as `expired`: when its turn comes, or when room is needed.
   * Above 0. Default: none.
   */
  maxAge?: number | undefined;
  /**
   * When a value is of no more use: a time on the scheduler's clock, in milliseconds (`Date.now()` by default), `Infinity` for never. After it
   * the value is dropped as `expired`, like one that is too old. Default: never.
   */
  deadline?: ((value: T) => number) | undefined;
}

/**
 * Holds up to `capacity` values for a consumer that is busy, in a lane for each priority, and serves the most important first; when a
 * source that can not wait overruns it, the least important go.
 *
 * Use it in front of a `pool` with `waiting: 0` where more may come than can be done: requests, alerts, frames. Give it a `maxAge` of what
 * a caller waits for, and a `capacity` of about what is done in half of that. Where all values are alike, `shedByDelay` or `boundedBuffer`
 * do; where nothing may be lost, use a `boundedQueue`, or slow the source down. Without a stage downstream that limits, values
 * pass straight through.
 *
 * Order: highest priority first, as they come within one. Loss: a value that comes when all is full makes the newest of the lowest
 * priority go as `evicted`, or goes as `overflow` itself where none is lower; never is one dropped for lack of room while a less important
 * one is held. `maxAge` and `deadline` drop as `expired`. A source that respects demand is paused and loses none for lack of room.
 * Completion and errors of the source come after what is held. Unsubscribing drops what is held as `cancelled`.
 *
 * ```ts
 * import { Subject } from 'rxjs';
 * import { pool, shed } from 'sluice';
 *
 * const requests = new Subject<{ path: string; priority: number }>();
 * requests
 *   .pipe(
 *     shed({ capacity: 2, priority: (request) => request.priority, onDrop: ({ reason }) => console.log(reason) }),
 *     pool(async ({ path }) => path, { concurrency: 1, waiting: 0 }),
 *   )
 *   .subscribe((path) => console.log(path));
 *
 * requests.next({ path: '/first', priority: 0 });
 * requests.next({ path: '/report', priority: 0 });
 * requests.next({ path: '/page', priority: 1 });
 * requests.next({ path: '/payment', priority: 2 });
 * // => evicted
 * // => /first
 * // => /payment
 * // => /page
 * ```
 *
 * @returns an operator; each subscription has lanes of its own
 * @throws OptionError at the call when an option is wrong
 * @throws ReturnError in the stream when `priority` returns anything but an integer, or one too many different ones, and when `deadline`
 * returns anything but a number
 */
export function shed<T>(options: ShedOptions<T>): MonoTypeOperatorFunction<T> {
  checkOptions('shed', options, {
    ...STAGE_RULES,
    capacity: required(POSITIVE),
    priority: required(FUNCTION),
    maxAge: DURATION,
    deadline: FUNCTION,
  });
  const named = { ...options, name: options.name ?? 'shed' };
  return (source) => new Observable((subscriber) => void source.subscribe(new ShedStage(subscriber, named)));
}

class ShedStage<T> extends Stage<T> {
  private readonly lanes: PriorityLanes<T>;
  /** Whether anything expires, and whether anybody wants to know the time. */
  private readonly expiring: boolean;
  private readonly timed: boolean;

  constructor(
    out: Subscriber<T>,
    private readonly options: ShedOptions<T> & { readonly name: string },
  ) {
    super(out, options);
    const { maxAge, deadline, onDrop } = options;
    this.expiring = maxAge !== undefined || deadline !== undefined;
    this.timed = this.expiring || onDrop !== undefined;
    this.lanes = new PriorityLanes(deadline && new ExpiryHeap());
  }

  get capacity(): number {
    return this.options.capacity;
  }

  get requested(): number {
    return this.ending ? 0 : this.options.capacity - this.lanes.size;
  }

  /** While more than half is held there is enough to go on with. */
  protected override get wantsMore(): boolean {
    return this.lanes.size <= this.options.capacity / 2 && this.requested > 0;
  }

  get held(): number {
    return this.lanes.size;
  }

  protected accept(value: T): void {
    const { lanes } = this;
    const priority = this.priorityOf(value);
    const deadline = expiryOf(this.name, value, this.options.deadline, this.time);
    if (this.released) return; // one of them unsubscribed
    const now = this.now();
    const expires = Math.min(deadline, now + (this.options.maxAge ?? Infinity));
    if (expires < now) return this.drop(value, 'expired');
    if (lanes.size === 0 && this.clearAhead) return this.emit(value, this.arrivalMark());

    const moving = this.downstream.requested > 0; // it comes inside an emission, or before downstream has asked for more
    const at = this.timed ? now : this.arrivalTime();
    if (lanes.size < this.options.capacity || (moving && !this.busy)) {
      lanes.push(value, priority, at, expires);
      if (moving) this.run();
    } else {
      this.makeRoom(value, priority, at, expires);
    }
  }

  protected work(): void {
    const { lanes } = this;
    for (let next; (next = lanes.highest) !== undefined && this.downstream.requested > 0;) {
      if (this.expiring && next.expires < this.now()) this.giveUp(next, 'expired');
      else this.emit(lanes.remove(next), next.at);
    }
  }

  protected clear(): void {
    for (let next; (next = this.lanes.highest) !== undefined;) this.giveUp(next, 'cancelled');
  }

  /** Gives up one that is held for `value`, or `value` itself. */
  private makeRoom(value: T, priority: number, at: number, expires: number): void {
    const { lanes } = this;
    const first = this.expiring ? lanes.earliest! : undefined;
    const stale = first !== undefined && first.expires < at;
    const gone = stale ? first : lanes.lowest!;
    if (!stale && gone.priority >= priority) return this.drop(value, 'overflow');
    const age = this.ageSince(gone.at);
    const lost = lanes.remove(gone);
    lanes.push(value, priority, at, expires);
    this.drop(lost, stale ? 'expired' : 'evicted', age);
  }

  private giveUp(held: Waiting<T>, reason: DropReason): void {
    const age = this.ageSince(held.at);
    this.drop(this.lanes.remove(held), reason, age);
  }

  private priorityOf(value: T): number {
    const priority: unknown = this.options.priority(value);
    if (Number.isInteger(priority) && this.lanes.accepts(priority as number)) return priority as number;
    const expectation = `an integer, at most ${MOST_LANES} different ones at a time`;
    throw new ReturnError(this.name, priority, `\`priority\` returned ${shown(priority)}, expected ${expectation}`);
  }

  private now(): number {
    return this.timed ? this.time.now() : 0;
  }
}
