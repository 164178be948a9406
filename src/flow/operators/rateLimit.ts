/** Lets values pass at a rate. */
import { Observable, type MonoTypeOperatorFunction, type Subscriber } from 'rxjs';
import { OverflowError, RateLimitError, ReturnError } from '../../errors.js';
import { check, checkOptions, DURATION, expected, FUNCTION, shown, type Rule } from '../../options.js';
import { Claim } from '../claim.js';
import { follow } from '../follow.js';
import { isLimiter, type Limiter } from '../limiter.js';
import { BUCKET_RULES, rateFor, TokenBucket } from '../limiters/tokenBucket.js';
import { warnOfLag } from '../limiters/warnOfLag.js';
import { Stage } from '../stage.js';
import { STAGE_RULES, type Activity, type StageOptions } from '../stageOptions.js';
import { Timer } from '../timer.js';

/** One of several limiters, with keys of its own. */
export interface KeyedLimiter<T> {
  limiter: Limiter;
  /** Whose tokens a value takes. Default: one bucket for all. */
  key?: ((value: T) => unknown) | undefined;
}

/** Options of `rateLimit`. Either `rate` or `limiter` is required. */
export interface RateLimitOptions<T> extends StageOptions<T> {
  /**
   * Values, or units of `cost`, in `per` milliseconds: a number above 0, or an Observable of such numbers that changes the rate while
   * values flow; none passes before its first. Each subscription has a bucket of its own.
   */
  rate?: number | Observable<number> | undefined;
  /** Milliseconds, for `rate`. Above 0. Default: 1,000. */
  per?: number | undefined;
  /** Tokens in a full bucket, for `rate`. At least 1. Default: what comes in 50 ms, or 1 if that is more. */
  burst?: number | undefined;
  /** A `tokenBucket` or `slidingWindow` shared with others; or several, each once, of which a value takes from all at once or from none. */
  limiter?: Limiter | readonly (Limiter | KeyedLimiter<T>)[] | undefined;
  /** What a value costs, at most the burst. A number of at least 0. Default: 1 each. */
  cost?: ((value: T) => number) | undefined;
  /** Whose tokens a value takes, where there is one limiter; each key has its own. Default: one bucket for all. */
  key?: ((value: T) => unknown) | undefined;
  /** What happens to a value for which there is no token: it waits, is dropped, or ends the stream. Default: `'wait'`. */
  excess?: 'wait' | 'drop' | 'error' | undefined;
  /** Only with `'wait'`: milliseconds above which a value is dropped rather than waited for. Above 0. Default: none. */
  maxWait?: number | undefined;
  /**
   * `'strict'`: never above the rate and a burst, in any time. `'paced'`: what a late timer missed, up to 250 ms of it, is caught up
   * with, so that a small burst keeps its rate on a busy event loop; only with `excess: 'wait'`. Default: `'strict'`.
   */
  mode?: 'strict' | 'paced' | undefined;
}

/**
 * Lets values pass at a rate, and asks the source for none while one waits.
 *
 * Use it before calls to something that allows so many a second, with `pool` behind it. To answer requests by yourself, ask a
 * `tokenBucket` directly. Not a way to thin out values: that is `throttle` or `sample` of RxJS.
 *
 * Order: as they come; of pipelines that share a limiter, first come, first served. Loss: none with `excess: 'wait'`, the
 * default, without a `maxWait`; otherwise what is over the rate is dropped as `rate` and reported. It holds one value at most: a source
 * that ignores demand needs a `boundedBuffer` before it. With a `key` a value without tokens holds back those of other keys
 * behind it; where that must not be, drop, or call `take` of a `tokenBucket` in the worker of a `pool` with a `key`. Completion waits for the
 * value that waits.
 *
 * ```ts
 * import { pull, rateLimit } from 'sluice';
 *
 * const start = Date.now();
 * pull(['a', 'b', 'c', 'd'])
 *   .pipe(rateLimit({ rate: 20, burst: 2 }))
 *   .subscribe({ next: (value) => console.log(value), complete: () => console.log(Date.now() - start >= 99) });
 * // => a
 * // => b
 * // => c
 * // => d
 * // => true
 * ```
 *
 * @returns an operator; what `rate` makes is each subscription's own, a `limiter` is shared
 * @throws OptionError at the call when an option is wrong, and in the stream when `rate` emits anything but a number above 0
 * @throws ReturnError in the stream when `cost` returns anything but a number from 0 to the burst, or the burst falls below it meanwhile
 * @throws RateLimitError in the stream when there is no token and `excess` is `'error'`
 * @throws OverflowError in the stream when the source ignores demand while a value waits
 */
export function rateLimit<T>(options: RateLimitOptions<T>): MonoTypeOperatorFunction<T> {
  checkOptions('rateLimit', options, {
    ...STAGE_RULES,
    ...BUCKET_RULES,
    rate: [
      'a finite number above 0, or an Observable of such numbers',
      (rate: unknown) => rate instanceof Observable || BUCKET_RULES.rate[1](rate as never),
    ],
    limiter: LIMITERS,
    cost: FUNCTION,
    key: FUNCTION,
    excess: ["'wait', 'drop' or 'error'", (excess: string) => ['wait', 'drop', 'error'].includes(excess)],
    maxWait: DURATION,
    mode: ["'strict' or 'paced'", (mode: string) => mode === 'strict' || mode === 'paced'],
  });
  const { rate, limiter, per, burst, key, excess = 'wait', maxWait, mode } = options;
  if (rate === undefined && limiter === undefined) expected('rate', 'given, or `limiter` instead', rate);
  if (typeof rate === 'number') check('rate', rateFor(per ?? 1_000), rate, 'rateLimit');
  if (limiter !== undefined) {
    leftOut({ rate, per, burst }, 'where there is a `limiter`');
    if (!isLimiter(limiter)) {
      if (key !== undefined) expected('key', 'in the { limiter, key } that it is for', key);
      checkLimiters(limiter.map(keyed));
    }
  }
  if (excess !== 'wait') leftOut({ maxWait, mode: mode === 'paced' ? mode : undefined }, `with excess: '${excess}'`);
  return (source) => new Observable((subscriber) => void source.subscribe(new RateStage(subscriber, options)));
}

const LIMITER: Rule = ['a limiter (tokenBucket, slidingWindow)', isLimiter, 'required'];
const LIMITERS: Rule = [
  'a limiter (tokenBucket, slidingWindow), or an array of limiters and { limiter, key }',
  (value: unknown) => isLimiter(value) || (Array.isArray(value) && value.length > 0),
];

function keyed<T>(one: Limiter | KeyedLimiter<T>): KeyedLimiter<T> {
  return isLimiter(one) ? { limiter: one } : one;
}

function checkLimiters<T>(all: readonly KeyedLimiter<T>[]): void {
  for (const one of all) checkOptions('rateLimit', one, { limiter: LIMITER, key: FUNCTION });
  const twice = all.find(({ limiter }, i) => all.findIndex((other) => other.limiter === limiter) < i);
  if (twice !== undefined) expected('limiter', 'named once: a value takes once from each', twice.limiter);
}

function leftOut(options: object, where: string): void {
  for (const [option, value] of Object.entries(options)) {
    if (value !== undefined) expected(option, `left out ${where}`, value);
  }
}

/** A value that waits. States: for *room* downstream, then for *tokens*, in line; then it is emitted. */
interface Waiting<T> {
  readonly value: T;
  readonly cost: number;
  /** One for each limiter. */
  readonly keys: readonly unknown[];
  readonly at: number;
  /** When it came into line. */
  inLineSince: number;
}

class RateStage<T> extends Stage<T> {
  readonly capacity: number = 1;
  readonly waitsFor: string = 'tokens';
  private keyFunctions: KeyedLimiter<T>['key'][] = [];
  /** Undefined until there is a rate. */
  private claim: Claim | undefined;
  /** The largest cost that all limiters can be paid. */
  private burst: () => number = () => Infinity;
  private waiting: Waiting<T> | undefined;
  /** By how much the timer was late that set off what runs now. */
  private late = 0;
  private readonly timer: Timer = new Timer(this.time, () => this.run());

  constructor(
    out: Subscriber<T>,
    private readonly options: RateLimitOptions<T>,
  ) {
    super(out, { ...options, name: options.name ?? 'rateLimit' });
    const { rate, limiter = [], key } = options;
    if (rate instanceof Observable) this.follow(rate);
    else if (rate !== undefined) this.use([{ limiter: this.bucket(rate), key }]);
    else this.use(isLimiter(limiter) ? [{ limiter, key }] : limiter.map(keyed));
  }

  override get activity(): Activity {
    if (this.waiting === undefined) return 'starved';
    return this.claim?.inLine === true && this.downstream.requested > 0 ? 'busy' : 'blocked';
  }

  get requested(): number {
    return this.ending || this.waiting !== undefined || this.claim === undefined ? 0 : 1;
  }

  get held(): number {
    return this.waiting === undefined ? 0 : 1;
  }

  private get waits(): boolean {
    return (this.options.excess ?? 'wait') === 'wait';
  }

  protected accept(value: T): void {
    const cost = this.costOf(value);
    const keys = this.keyFunctions.map((key) => key?.(value));
    if (this.released) return; // a callback unsubscribed
    if (this.waiting !== undefined) return this.overrun(value);
    if (this.clearAhead && this.claim?.take(cost, keys, this.late, false)) {
      return this.emit(value, this.arrivalMark());
    }
    this.waiting = { value, cost, keys, at: this.arrivalTime(), inLineSince: Infinity };
    this.run();
  }

  protected work(): void {
    const { claim, waiting } = this;
    if (claim === undefined || waiting === undefined) return;
    if (this.downstream.requested <= 0) {
      claim.leave();
      waiting.inLineSince = Infinity;
      return;
    }
    this.checkCost(waiting.cost); // the rate, and the burst with it, may have fallen
    const paid = claim.take(waiting.cost, waiting.keys, this.late, this.waits);
    if (this.waiting !== waiting) return; // the next in line went first, and unsubscribed this one
    if (paid) {
      this.stopWaiting();
      this.emit(waiting.value, waiting.at);
    } else if (this.excessive(waiting, claim)) {
      this.stopWaiting();
      this.drop(waiting.value, 'rate', this.ageSince(waiting.at));
      if (this.options.excess !== 'error') return;
      this.endWith(new RateLimitError(this.name, claim.retryAfter(waiting.cost, waiting.keys)));
    }
  }

  protected clear(): void {
    const { waiting } = this;
    if (waiting === undefined) return;
    this.stopWaiting();
    this.drop(waiting.value, 'cancelled', this.ageSince(waiting.at));
  }

  private stopWaiting(): void {
    this.waiting = undefined;
    this.timer.set(Infinity);
    this.claim?.leave();
  }

  /** Whether a value for which there are no tokens is not to wait for them, or no longer. */
  private excessive(waiting: Waiting<T>, claim: Claim): boolean {
    const { maxWait } = this.options;
    if (!this.waits) return true;
    if (maxWait === undefined) return false;
    const now = this.time.now();
    if (waiting.inLineSince === Infinity) waiting.inLineSince = now;
    const limit = waiting.inLineSince + maxWait;
    this.timer.set(limit);
    return now >= limit || now + claim.wait(waiting.cost, waiting.keys) > limit;
  }

  private overrun(value: T): void {
    this.drop(value, 'overflow');
    const advice = 'put a boundedBuffer with a named `overflow` before rateLimit';
    this.endWith(new OverflowError(this.name, 1, advice));
  }

  private use(limiters: readonly KeyedLimiter<T>[]): void {
    this.keyFunctions = limiters.map(({ key }) => key);
    const shared = limiters.map(({ limiter }) => limiter);
    this.burst = () => Math.min(...shared.map(({ burst }) => burst));
    const paced = this.options.mode === 'paced';
    this.claim = new Claim(shared, (late) => {
      this.late = paced ? Math.min(late, CAUGHT_UP) : 0;
      try {
        this.run();
      } finally {
        this.late = 0;
      }
    });
    if (!paced && this.waits) shared.forEach(warnOfLag);
  }

  private bucket(rate: number): TokenBucket {
    return new TokenBucket(rate, this.options.per ?? 1_000, this.options.burst, this.scheduler);
  }

  private follow(rates: Observable<number>): void {
    let bucket: TokenBucket | undefined;
    const apply = (rate: number): void => {
      if (bucket !== undefined) bucket.rate = rate;
      else this.use([{ limiter: (bucket = this.bucket(rate)), key: this.options.key }]);
      this.run();
    };
    const fail = (error: unknown): void => this.fail(error);
    this.out.add(
      follow(rates, { stage: this.name, option: 'rate', rule: rateFor(this.options.per ?? 1_000), apply, fail }),
    );
  }

  private costOf(value: T): number {
    return this.checkCost(this.options.cost === undefined ? 1 : this.options.cost(value));
  }

  private checkCost(cost: unknown): number {
    const most = this.burst();
    if (typeof cost === 'number' && cost >= 0 && cost <= most) return cost;
    const message = `\`cost\` returned ${shown(cost)}, expected a number from 0 to ${most}, which is the burst`;
    throw new ReturnError(this.name, cost, message);
  }
}

/** How much of what a late timer missed `paced` catches up with, in milliseconds: not with an hour of sleep. */
const CAUGHT_UP = 250;
