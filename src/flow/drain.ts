/** A graceful end: nothing more is taken, what was accepted is done, and one learns what became of it. */
import { asyncScheduler, type SchedulerLike, type Subscriber, type Subscription } from 'rxjs';
import { checkOptions, expected, required, SCHEDULER, type Rule } from '../options.js';
import { beforeEnd, ignoresValues, upstreamOf, type Counting, type Draining, type Upstream } from './demand.js';
import { SteadyTime } from './steadyTime.js';
import { Timer } from './timer.js';
import { guarded } from './unhandled.js';

/** Options of `drain`. */
export interface DrainOptions {
  /** Milliseconds after which what is left is given up: at least 0, or `Infinity` for never. Required. */
  within: number;
  /** The clock and timer; pass a `TestScheduler` in tests. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
}

/** What became of the values of a stage in a drain: `held + in = out + released + dropped + abandoned`. */
export interface DrainedStage {
  /** Its name. */
  readonly stage: string;
  /** Values that were in it when the drain began. */
  readonly held: number;
  /** Values that came since: from stages before it, or read already by a source. */
  readonly in: number;
  /** Values that left by the output. */
  readonly out: number;
  /**
   * Values that were cancelled, and that no worker had begun on. Of a `boundedQueue`: values that are still in it. Of a `pull`: those that
   * it had read.
   */
  readonly released: number;
  /** Values that were dropped by a policy that was named. */
  readonly dropped: number;
  /** Values that were cancelled, and that a worker had begun on. */
  readonly abandoned: number;
}

/** What became of a pipeline's values in a drain; where the numbers count several stages, they are sums. */
export interface DrainReceipt {
  /** Values that left the last stage by its output. */
  readonly done: number;
  /**
   * Values that no worker had begun on when the pipeline ended: `onDrop` got them as `cancelled`, or they are in a `boundedQueue` still, or
   * a `pull` had read them and had found no room.
   */
  readonly released: number;
  /** Values that were dropped by a policy that was named. */
  readonly dropped: number;
  /** Values that a worker had begun on when the pipeline ended: `onDrop` got them as `cancelled`, and `begun`. */
  readonly abandoned: number;
  /**
   * How the pipeline ended: it was `complete`; by an `error`; the `time` was up; it was `unsubscribed` by somebody else; or it had ended
   * `before`.
   */
  readonly ended: 'complete' | 'error' | 'time' | 'unsubscribed' | 'before';
  /** With which error, which the subscriber has got as well. */
  readonly error?: unknown;
  /** Each stage by itself, those nearest to the output first. */
  readonly stages: readonly DrainedStage[];
}

/**
 * Ends a pipeline gracefully: its sources end, what was accepted goes through, and the receipt says what became of it.
 *
 * Use it when the process is to stop (SIGTERM), or a part of it. Not to stop at once: that is `unsubscribe`, which also cuts a drain short.
 *
 * `pull` and `fromReadable` read nothing more, and give on what they have read; a `boundedQueue` closes, unless others than this pipeline take
 * from it. What can not be told to end, because it is not of sluice (a `Subject`, `interval`), is unsubscribed by the first stage after it. A
 * stage goes on until it holds nothing; then the stream completes. When the time is up it is unsubscribed: workers get their abort
 * signal, and what is held is dropped as `cancelled`. A second call gets the promise of the first.
 *
 * ```ts
 * import { boundedQueue, drain, pool } from 'sluice';
 *
 * const orders = boundedQueue<string>({ capacity: 10 });
 * const subscription = orders
 *   .pipe(pool(async (order) => `mailed ${order}`, { concurrency: 1 }))
 *   .subscribe((mail) => console.log(mail));
 * for (const order of ['a', 'b', 'c']) orders.offer(order);
 *
 * const draining = drain(subscription, { within: 5_000 });
 * console.log(orders.offer('d'));
 * const { done, released, dropped, abandoned, ended } = await draining;
 * console.log({ done, released, dropped, abandoned, ended });
 * // => closed
 * // => mailed a
 * // => mailed b
 * // => mailed c
 * // => { done: 3, released: 0, dropped: 0, abandoned: 0, ended: 'complete' }
 * ```
 *
 * @param subscription what `subscribe`, or `Sink.on`, returned
 * @returns a promise that is resolved when the pipeline has ended, also when that was by an error; it is never rejected
 * @throws OptionError at the call when an option is wrong, or `subscription` is not of a pipeline with a stage or a source of sluice
 */
export function drain(subscription: Subscription, options: DrainOptions): Promise<DrainReceipt> {
  checkOptions('drain', options, { within: required(WITHIN), scheduler: SCHEDULER });
  const known = receipts.get(subscription);
  if (known !== undefined) return known;
  const receipt = begin(subscription, options);
  receipts.set(subscription, receipt);
  return receipt;
}

const WITHIN: Rule = [
  'a number of milliseconds of at least 0, or Infinity',
  (value: unknown) => typeof value === 'number' && value >= 0,
];
const receipts = new WeakMap<Subscription, Promise<DrainReceipt>>();

function begin(
  subscription: Subscription,
  { within, scheduler = asyncScheduler }: DrainOptions,
): Promise<DrainReceipt> {
  const upstream = upstreamOf(subscription);
  if (upstream === undefined) {
    const expectation =
      'what `subscribe` returned for a pipeline with a stage or source of sluice; of several, drain each';
    return expected('subscription', expectation, subscription, 'drain');
  }
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- only Subscribers carry a demand
  const subscriber = subscription as Subscriber<never>;
  const parts = new Parts();
  if (ignoresValues(subscriber)) return Promise.resolve(parts.receipt('before'));

  let end: { readonly error: unknown } | DrainReceipt['ended'] | undefined;
  const time = new SteadyTime(scheduler);
  const limit = time.now() + within;
  const look = (): void => {
    if (time.now() < limit) return timer.set(limit);
    end ??= 'time';
    guarded(() => subscriber.unsubscribe());
  };
  const timer = new Timer(time, look);
  return new Promise<void>((resolve) => {
    beforeEnd(subscriber, (how) => (end ??= how));
    subscriber.add(() => {
      timer.set(Infinity);
      resolve();
    });
    tellToEnd(upstream, parts, subscriber);
    if (!subscriber.closed) look();
  }).then(() => parts.receipt(end ?? 'unsubscribed')); // by now all that ends with it has ended
}

/** The stages of a pipeline, and what each has counted when the drain began. */
class Parts implements Draining {
  /** @param last nothing is after them */
  constructor(
    private readonly all: Noted[] = [],
    private readonly last = true,
  ) {}

  watch(part: Counting): Draining {
    this.all.push({ part, last: this.last, before: countsOf(part) });
    return new Parts(this.all, false);
  }

  pass(stage: Parameters<Draining['pass']>[0]): void {
    tellToEnd(stage.upstream, this.watch(stage), stage);
  }

  receipt(end: { readonly error: unknown } | DrainReceipt['ended']): DrainReceipt {
    const changes = this.all.map(({ part, last, before }) => ({ last, stage: change(before, countsOf(part)) }));
    const sum = (count: 'released' | 'dropped' | 'abandoned'): number =>
      changes.reduce((total, { stage }) => total + stage[count], 0);
    return {
      done: changes.reduce((total, { last, stage }) => total + (last ? stage.out : 0), 0),
      released: sum('released'),
      dropped: sum('dropped'),
      abandoned: sum('abandoned'),
      ...(typeof end === 'object' ? { ended: 'error', error: end.error } : { ended: end }),
      stages: changes.map(({ stage }) => stage),
    };
  }
}

interface Noted {
  readonly part: Counting;
  readonly last: boolean;
  readonly before: Counts;
}

/**
 * Tells those before `subscriber` to end. They complete by themselves, and RxJS's operators in between give on what they hold: that may take
 * a while, and looks the same as a source that can not be told, in a `merge` with them. So it is completed as if its source had been only
 * where nobody has ever been there to be told, or nobody is left but those that came later.
 */
function tellToEnd(upstream: Upstream, draining: Draining, subscriber: Subscriber<never>): void {
  if (upstream.look !== undefined) return;
  let { heard } = upstream;
  const look = (late: boolean): void => {
    if (late) heard = false;
    if (!heard && upstream.ends.size === 0 && !ignoresValues(subscriber)) subscriber.complete();
  };
  upstream.look = look;
  for (const end of upstream.ends) guarded(() => end(draining));
  look(false);
}

type Counts = Counting['ledger'] & { readonly cancelled: number; readonly abandoned: number };

function countsOf({ ledger, abandoned = 0 }: Counting): Counts {
  return { ...ledger, cancelled: ledger.reasons.cancelled ?? 0, abandoned };
}

function change(before: Counts, after: Counts): DrainedStage {
  const cancelled = after.cancelled - before.cancelled;
  const abandoned = after.abandoned - before.abandoned;
  return {
    stage: before.stage,
    held: before.held,
    in: after.in - before.in,
    out: after.out - before.out,
    released: cancelled - abandoned + after.held,
    dropped: after.dropped - before.dropped - cancelled,
    abandoned,
  };
}
