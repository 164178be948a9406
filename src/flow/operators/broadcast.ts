/** One source for many subscribers, each with its own answer to being slow. */
import { Observable, type Subscriber } from 'rxjs';
import { Names } from '../../core/names.js';
import {
  BOOLEAN,
  check,
  checkOptions,
  COUNT,
  DURATION,
  expected,
  NOT_NEGATIVE,
  OBSERVABLE,
  POSITIVE,
  required,
  STRING,
  type Rule,
} from '../../options.js';
import { STAGE_RULES, type StageOptions } from '../stageOptions.js';
import type { CursorPolicy, SlowPolicy } from './broadcastCursor.js';
import { BroadcastStage, type BroadcastSettings } from './broadcastStage.js';

/** Options of `broadcast`. */
export interface BroadcastOptions<T> extends StageOptions<T> {
  /** Values held at most, for all subscribers together. An integer of at least 1, or `Infinity`. Required. */
  capacity: number;
  /** How many of the last values a new subscriber gets first. An integer from 0 to `capacity`. Default: 0. */
  replay?: number | undefined;
  /**
   * What happens when the source overruns a subscriber that blocks, which only sources that ignore demand do: `'error'` ends the
   * stream after what is held, `'drop-oldest'` has the subscriber skip its oldest value, `'drop-newest'` drops the value that came, for
   * all. Default: `'error'`.
   */
  overflow?: 'error' | 'drop-oldest' | 'drop-newest' | undefined;
  /** Whether one who subscribes after completion has the source subscribed anew, or gets what is replayed and completion. Default: true. */
  resetOnComplete?: boolean | undefined;
  /** The same after an error. Default: true. */
  resetOnError?: boolean | undefined;
  /** Whether the source is unsubscribed when the last subscriber has gone; otherwise it stays, and is not asked. Default: true. */
  resetOnRefCountZero?: boolean | undefined;
}

export type { SlowPolicy };

/** Options of a subscriber of `broadcast`. */
export interface SubscriberOptions {
  /** Its policy. Default: `'block'`. */
  slow?: SlowPolicy | undefined;
  /**
   * With `'drop-oldest'` and `'evict'`: how many values may wait for it before one is skipped, or it is evicted. An integer from 1 to the
   * broadcast's `capacity`. Default: `capacity`.
   */
  maxLag?: number | undefined;
  /** With `'evict'`: how long a value may wait for it, in milliseconds. Above 0. Default: for ever. */
  maxAge?: number | undefined;
  /**
   * What its errors, drops and ledger call it; with a number from the second of that name on. Default: the broadcast's name and the policy,
   * `'broadcast/latest'`.
   */
  name?: string | undefined;
}

/**
 * Gives each value of `source` to all subscribers, out of one ring that they share; the source is subscribed once, and read as fast as
 * the slowest of those that block.
 *
 * Use it where `share()` would cut the demand: several consumers of one source, one of which must not lose anything while others may.
 * Not to divide work between consumers: that is a `pool`, or a `boundedQueue` with several subscribers. Where nobody blocks, the source
 * is not slowed at all.
 *
 * Order: as values come, for each subscriber. Loss: none to those that block; the others skip by the policy they named, and each
 * value that one skips is reported to `onDrop` as `evicted`. Completion and errors reach each subscriber after what waits for it. One that
 * unsubscribes drops what waits for it as `cancelled`.
 *
 * ```ts
 * import { broadcast, pull, Sink } from 'sluice';
 *
 * const prices = broadcast(pull([10, 11, 12, 13]), { capacity: 2 });
 * const print = (label: string) => ({
 *   next: (price: number) => console.log(label, price),
 *   error: console.error,
 *   complete: () => console.log(label, 'done'),
 * });
 *
 * const archive = Sink.on(prices, print('archive')); // blocks: 10 and 11 are read, and no more
 * const screen = Sink.on(prices.with({ slow: 'latest' }), print('screen'));
 * archive.request(4);
 * // => archive 10
 * // => archive 11
 * // => archive 12
 * // => archive 13
 * // => archive done
 * screen.request(1);
 * // => screen 13
 * // => screen done
 * ```
 *
 * @returns an Observable of subscribers that block; its method `with` makes one for each other policy
 * @throws OptionError at the call when an option is wrong
 * @throws OverflowError in the stream when the source ignores demand and `overflow` is `'error'`
 */
export function broadcast<T>(source: Observable<T>, options: BroadcastOptions<T>): Broadcast<T> {
  check('source', OBSERVABLE, source, 'broadcast');
  checkOptions('broadcast', options, {
    ...STAGE_RULES,
    capacity: required(POSITIVE),
    replay: NOT_NEGATIVE,
    overflow: OVERFLOW,
    resetOnComplete: BOOLEAN,
    resetOnError: BOOLEAN,
    resetOnRefCountZero: BOOLEAN,
  });
  const { capacity, replay = 0 } = options;
  if (replay > capacity) expected('replay', `at most \`capacity\`, which is ${capacity}`, replay, 'broadcast');
  return new Broadcast(source, options);
}

const OVERFLOW: Rule = [
  "'error', 'drop-oldest' or 'drop-newest'",
  (value: unknown) => value === 'error' || value === 'drop-oldest' || value === 'drop-newest',
];
const SLOW: Rule = [
  "'block', 'drop-oldest', 'latest' or 'evict'",
  (value: unknown) => value === 'block' || value === 'drop-oldest' || value === 'latest' || value === 'evict',
];

/** What `broadcast` returns: subscribed as it is, it blocks. */
export class Broadcast<T> extends Observable<T> {
  private readonly settings: BroadcastSettings;
  /** One that was given up may still be at work, for subscribers that are slow, when the next begins. */
  private readonly names = new Names();
  /** The connection that a newcomer joins, unless it has ended and is to be made anew. */
  private stage: BroadcastStage<T> | undefined;

  /** Use `broadcast`, which checks its options. */
  constructor(
    private readonly input: Observable<T>,
    private readonly options: BroadcastOptions<T>,
  ) {
    super((subscriber) => this.join(subscriber, blocking));
    const { name = 'broadcast', replay = 0, overflow = 'error', onDrop } = options;
    this.settings = { ...options, name, replay, overflow, report: onDrop && ((drop) => onDrop(drop as never)) };
    const blocking = this.policyOf({});
  }

  /**
   * The same values for subscribers with a policy of their own.
   *
   * @throws OptionError at the call when an option is wrong
   */
  with(options: SubscriberOptions): Observable<T> {
    checkOptions('with', options, { slow: SLOW, maxLag: COUNT, maxAge: DURATION, name: STRING });
    const policy = this.policyOf(options);
    return new Observable((subscriber) => this.join(subscriber, policy));
  }

  private policyOf({ slow = 'block', maxLag, maxAge, name }: SubscriberOptions): CursorPolicy {
    const { capacity, name: own } = this.settings;
    const lossy = slow === 'drop-oldest' || slow === 'evict';
    if (maxLag !== undefined && !lossy) expected('maxLag', "left out without 'drop-oldest' or 'evict'", maxLag, 'with');
    if (maxAge !== undefined && slow !== 'evict') expected('maxAge', "left out without 'evict'", maxAge, 'with');
    if (maxLag !== undefined && maxLag > capacity) {
      expected('maxLag', `at most \`capacity\`, which is ${capacity}`, maxLag, 'with');
    }
    return {
      slow,
      maxLag: slow === 'latest' ? 1 : (maxLag ?? capacity),
      maxAge,
      name: name ?? `${own}/${slow}`,
    };
  }

  private join(subscriber: Subscriber<T>, policy: CursorPolicy): void {
    if (this.stage !== undefined && !this.isOver(this.stage)) return this.stage.join(subscriber, policy);
    const stage = new BroadcastStage<T>(this.settings, this.names, () => this.deserted(stage));
    this.stage = stage;
    stage.join(subscriber, policy);
    if (!stage.isDeserted) return void this.input.subscribe(stage);
    if (this.stage === stage) this.stage = undefined; // its first subscriber has ended before there was a source
    stage.disconnect();
  }

  private isOver({ ended }: BroadcastStage<T>): boolean {
    const { resetOnComplete = true, resetOnError = true } = this.options;
    return ended === 'complete' ? resetOnComplete : ended === 'error' && resetOnError;
  }

  private deserted(stage: BroadcastStage<T>): void {
    if (this.isOver(stage)) {
      if (this.stage === stage) this.stage = undefined; // nobody is replayed to any more
    } else if (stage.ended === undefined && this.options.resetOnRefCountZero !== false) {
      this.stage = undefined;
      stage.disconnect();
    }
  }
}
