/** The header fields `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-11, as a limiter's answers say it. */
import type { Limiter, LimiterAnswer } from '../flow/limiter.js';
import type { Rule } from '../options.js';

/** What may be in the quotes of a structured field's string without being escaped. */
export const POLICY_NAME: Rule = [
  'printable ASCII without " and \\',
  (name: unknown) => typeof name === 'string' && /^[ !#-[\]-~]+$/.test(name),
];

/** Milliseconds as the whole seconds that headers have. */
export function seconds(ms: number): number {
  return Math.min(LARGEST, Math.max(1, Math.ceil(ms / 1_000)));
}

/** The fields of one limiter. */
export class QuotaFields {
  private text = '';
  private burst = NaN;
  private period = NaN;

  constructor(
    private readonly name: string,
    private readonly limiter: Limiter,
  ) {}

  /**
   * The policy: what comes in the time that a whole burst takes to come, in whole seconds. Empty where there is no limit, which has no words.
   * The rate of a bucket may change.
   */
  get policy(): string {
    const { burst, period } = this.limiter;
    if (burst !== this.burst || period !== this.period) {
      this.burst = burst;
      this.period = period;
      const window = seconds(period);
      const quota = Math.floor((burst * window * 1_000) / period + ROUNDING);
      this.text = quota >= 0 && quota <= LARGEST ? `"${this.name}";q=${quota};w=${window}` : '';
    }
    return this.text;
  }

  /** What is left of it, and for how many seconds that has to do. */
  left(remaining: number, window: number): string {
    return `"${this.name}";r=${Math.min(LARGEST, Math.max(0, remaining))};t=${window}`;
  }

  /** How long what is left has to do for one who was let in: till all is there again, or till the next one, where nothing is left. */
  window({ remaining, resetAfter }: LimiterAnswer, key: unknown): number {
    return seconds(remaining > 0 ? resetAfter : this.limiter.peek(Math.min(1, this.limiter.burst), key).retryAfter);
  }
}

/** The largest integer that a structured field carries. */
const LARGEST = 999_999_999_999_999;
const ROUNDING = 1e-6;
