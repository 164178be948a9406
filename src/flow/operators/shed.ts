/** Bounded priority lanes: when there is too much, the least important values go. */
import { Observable, type MonoTypeOperatorFunction, type Subscriber } from 'rxjs';
import { MOST_LANES, PriorityLanes } from '../../core/priorityLanes.js';
import { SteadyClock } from '../../core/steadyClock.js';
import { ReturnError } from '../../errors.js';
import { checkOptions, DURATION, FUNCTION, POSITIVE, required, shown } from '../../options.js';
import { Stage } from '../stage.js';
import { STAGE_RULES, type StageOptions } from '../stageOptions.js';

/** Options of `shed`. */
export interface ShedOptions<T> extends StageOptions {
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
   * When a value is of no more use, as a time of the scheduler's clock in milliseconds (`Date.now()` by default); after it the value is
   * dropped as `expired`, like one that is too old. `Infinity` for never. Default: never.
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

/** A value held. */
interface Held<T> {
  readonly value: T;
  readonly priority: number;
  /** When it arrived, by the steady clock. */
  readonly at: number;
  /** By the scheduler's clock. */
  readonly deadline: number;
}

class ShedStage<T> extends Stage<T> {
  private readonly lanes = new PriorityLanes<Held<T>>();
  private readonly clock = new SteadyClock(this.scheduler.now());
  /** Whether anybody wants to know the time. */
  private readonly timed: boolean;
  private readonly maxAge: number;
  /** What the scheduler's clock said when it was last read, and the steady one: ages are told by this, deadlines by that. */
  private now = 0;
  private time = 0;

  constructor(
    out: Subscriber<T>,
    private readonly options: ShedOptions<T> & { readonly name: string },
  ) {
    super(out, options);
    const { maxAge, deadline, onDrop } = options;
    this.maxAge = maxAge ?? Infinity;
    this.timed = maxAge !== undefined || deadline !== undefined || onDrop !== undefined;
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
    const incoming = this.enter(value);
    if (this.isStale(incoming)) return this.drop(value, 'expired');
    if (this.lanes.size === 0 && this.clearAhead) return this.emit(value);
    this.lanes.push(incoming.priority, incoming);
    if (this.downstream.requested > 0) this.run(); // it came inside an emission, or before downstream had asked for more
    this.makeRoom(incoming);
  }

  protected work(): void {
    while (this.lanes.size > 0 && this.downstream.requested > 0) {
      const held = this.lanes.takeHighest();
      this.readClock();
      if (this.isStale(held)) this.drop(held.value, 'expired', this.time - held.at);
      else this.emit(held.value);
    }
  }

  protected clear(): void {
    this.readClock();
    while (this.lanes.size > 0) {
      const { value, at } = this.lanes.takeHighest();
      this.drop(value, 'cancelled', this.time - at);
    }
  }

  /** The stage may hold one too many now; the one to give up may be the one that came. */
  private makeRoom(incoming: Held<T>): void {
    const { lanes, options } = this;
    while (lanes.size > options.capacity) {
      const gone = this.takeStale() ?? lanes.takeLowest();
      const lost = gone === incoming ? 'overflow' : 'evicted';
      this.drop(gone.value, this.isStale(gone) ? 'expired' : lost, this.time - gone.at);
    }
  }

  /** Takes out one that is stale, if the oldest of a lane is: with `maxAge` alone these are all there are. */
  private takeStale(): Held<T> | undefined {
    if (this.maxAge === Infinity && this.options.deadline === undefined) return undefined;
    return this.lanes.takeOldest(this.isStale);
  }

  private readonly isStale = ({ at, deadline }: Held<T>): boolean =>
    this.time - at > this.maxAge || this.now > deadline;

  private enter(value: T): Held<T> {
    this.readClock();
    try {
      const priority = this.priorityOf(value);
      const deadline = this.deadlineOf(value);
      if (!this.lanes.accepts(priority)) {
        const message = `\`priority\` returned ${shown(priority)}, the ${MOST_LANES + 1}th at a time; at most ${MOST_LANES} can be held`;
        throw new ReturnError(this.name, priority, message);
      }
      return { value, priority, at: this.time, deadline };
    } catch (error) {
      this.drop(value, 'cancelled');
      throw error;
    }
  }

  private priorityOf(value: T): number {
    const priority: unknown = this.options.priority(value);
    if (Number.isInteger(priority)) return priority as number;
    throw new ReturnError(this.name, priority, `\`priority\` returned ${shown(priority)}, expected an integer`);
  }

  private deadlineOf(value: T): number {
    const deadline: unknown = this.options.deadline === undefined ? Infinity : this.options.deadline(value);
    if (typeof deadline === 'number' && !Number.isNaN(deadline)) return deadline;
    throw new ReturnError(this.name, deadline, `\`deadline\` returned ${shown(deadline)}, expected a number`);
  }

  private readClock(): void {
    if (!this.timed) return;
    this.now = this.scheduler.now();
    this.time = this.clock.at(this.now);
  }
}
