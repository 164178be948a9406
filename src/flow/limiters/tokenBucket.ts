/** The token bucket: a rate with bursts. */
import type { SchedulerLike } from 'rxjs';
import { Gcra } from '../../core/gcra.js';
import { check, checkOptions, DURATION, required, SCHEDULER, type Rule } from '../../options.js';
import { Limiter } from '../limiter.js';

/** Options of `tokenBucket`. */
export interface TokenBucketOptions {
  /** Tokens that come in `per` milliseconds. A number above 0. Required. */
  rate: number;
  /** Milliseconds. Above 0. Default: 1,000. */
  per?: number | undefined;
  /** Tokens in a full bucket, which is what it starts as. At least 1. Default: what comes in 50 ms, or 1 if that is more. */
  burst?: number | undefined;
  /** The clock and timer. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
}

/**
 * A bucket into which tokens fall at a rate, until it is full: in any time of t milliseconds at most `burst + t × rate / per` are taken.
 *
 * Use it with `rateLimit`, shared between pipelines, or by itself to answer requests: `tryTake` says at once whether there is a
 * token, and if not, when (429 and `Retry-After`). Not for a quota of exactly n in any window, as some third parties have it:
 * that is `slidingWindow`, since a bucket lets a full burst pass and the rate besides.
 *
 * With a key, each key has a bucket of its own, kept only until it is full again. Time is read from the scheduler's clock, which may be
 * set back or forward: no token is made by that but those of a full bucket. Nothing runs while nobody waits.
 *
 * Source: the generic cell rate algorithm (ITU-T I.371) as a virtual scheduling algorithm.
 *
 * ```ts
 * import { tokenBucket } from 'sluice';
 *
 * const requests = tokenBucket({ rate: 10, burst: 2 });
 * console.log(requests.tryTake().ok, requests.tryTake().ok); // => true true
 * const { ok, retryAfter } = requests.tryTake();
 * console.log(ok, Math.ceil(retryAfter / 1000)); // => false 1
 * console.log(requests.tryTake(1, 'another key').ok); // => true
 * ```
 *
 * @throws OptionError at the call when an option is wrong
 */
export function tokenBucket(options: TokenBucketOptions): TokenBucket {
  checkOptions('tokenBucket', options, { ...BUCKET_RULES, rate: required(RATE), scheduler: SCHEDULER });
  const { rate, per = 1_000, burst, scheduler } = options;
  check('rate', rateFor(per), rate, 'tokenBucket');
  return new TokenBucket(rate, per, burst, scheduler);
}

export const RATE: Rule = ['a finite number above 0', (rate: unknown) => Number.isFinite(rate) && (rate as number) > 0];
/** The rule of a rate in `per` milliseconds: a token that takes for ever to come is none. */
export function rateFor(per: number): Rule {
  const holds = (rate: number): boolean => RATE[1](rate as never) && RATE[1]((per / rate) as never);
  return ['a finite number above 0, with a `per / rate` that is one too', holds];
}
export const BURST: Rule = ['a number of at least 1', (burst: number) => typeof burst === 'number' && burst >= 1];
/** The rules of what rate and burst there is. */
export const BUCKET_RULES: Record<'rate' | 'per' | 'burst', Rule> = {
  rate: RATE,
  per: DURATION,
  burst: BURST,
};

/** What `tokenBucket` returns. */
export class TokenBucket extends Limiter {
  declare protected readonly meter: Gcra;
  private current: number;

  /** Use `tokenBucket`, which checks its options. */
  constructor(
    rate: number,
    private readonly per: number,
    private readonly fixedBurst: number | undefined,
    scheduler: SchedulerLike | undefined,
  ) {
    super(new Gcra(per / rate, fixedBurst ?? burstFor(rate, per)), scheduler);
    this.current = rate;
  }

  /** Tokens in `per` milliseconds; may be set at any time, and the tokens that are there stay. */
  get rate(): number {
    return this.current;
  }

  set rate(rate: number) {
    check('rate', rateFor(this.per), rate);
    this.current = rate;
    this.meter.retune(this.per / rate, this.fixedBurst ?? burstFor(rate, this.per), this.now());
    this.wakeIn(0);
  }

  /** The burst below which the event loop's pauses cost tokens. */
  get safeBurst(): number {
    return burstFor(this.current, this.per);
  }
}

/** An event loop is late by some 50 ms now and then: what comes meanwhile must have room. */
function burstFor(rate: number, per: number): number {
  return Math.max(1, Math.ceil((rate / per) * 50));
}
