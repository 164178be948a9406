/** A `fetch` that heeds what servers say about their limits. */
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import type { RetryBudget } from '../flow/control/retryBudget.js';
import { BUDGET } from '../flow/operators/poolRetry.js';
import { SteadyTime } from '../flow/steadyTime.js';
import { checkOptions, FUNCTION, SCHEDULER } from '../options.js';
import type { Pace } from './pace.js';
import { Paces } from './paces.js';
import { retryAfterOf, sentAt, standingOf } from './standing.js';

/** Options of `politeFetch`. */
export interface PoliteFetchOptions {
  /** What sends the requests. Default: the global `fetch`, as it is at each call. */
  fetch?: typeof fetch | undefined;
  /** Attempts in all, the first included. An integer of at least 1. Default: 3. */
  attempts?: number | undefined;
  /**
   * Milliseconds that are waited for at a server's word, at most. An answer that says more is returned as it is, not sent again; later requests of that
   * origin wait for `maxWait`, not for what it says. A number of at least 0, or `Infinity`. Default: 60,000.
   */
  maxWait?: number | undefined;
  /** Bounds retries to a part of the calls; may be shared, with pools too. Default: none. */
  budget?: RetryBudget | undefined;
  /**
   * Which methods may be sent again: `idempotent` for GET, HEAD, OPTIONS, TRACE, PUT and DELETE, or `all`. A body that is a stream is never sent
   * again, for it is gone. Default: `'idempotent'`.
   */
  retry?: 'idempotent' | 'all' | undefined;
  /** Requests with the same key share a limit. Default: the origin of the URL. */
  key?: ((url: URL, method: string) => unknown) | undefined;
  /** The clock and timer. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
}

/**
 * Makes a `fetch` that waits, before it sends a request, as long as earlier answers of that origin said; and that sends again, after as long as it is
 * told, what was answered 429 or 503.
 *
 * Use it for APIs with quotas, alone or as what a `pool` calls. It understands `Retry-After` (seconds or a date), `RateLimit` of the IETF's draft,
 * and the older `X-RateLimit-Remaining` with `-Reset`, `RateLimit-…` too. Where the quota is known beforehand, `rateLimit` with a `slidingWindow` is better:
 * it does not have to be told. An answer without any of them is returned as it is: for failures there is `pool`'s `retry`.
 *
 * When a server says that n requests are left, so many go; when its time is over, one goes first and its answer says how many others may. Requests
 * of one origin go in the order in which they came; one that is sent again comes last.
 *
 * ```ts
 * import { politeFetch } from 'sluice/http';
 *
 * const answers = [
 *   new Response('too many', { status: 429, headers: { 'Retry-After': '0' } }),
 *   new Response('here you are'),
 * ];
 * const get = politeFetch({ fetch: async () => answers.shift()! });
 * const response = await get('https://api.example/orders');
 * console.log(await response.text()); // => here you are
 * ```
 *
 * @returns a function like `fetch`; while it waits, the request's `signal` ends that
 * @throws OptionError at the call when an option is wrong
 */
export function politeFetch(options: PoliteFetchOptions = {}): typeof fetch {
  checkOptions('politeFetch', options, {
    fetch: FUNCTION,
    attempts: ['a positive integer', (value: number) => Number.isInteger(value) && value > 0],
    maxWait: [
      'a number of milliseconds of at least 0, or Infinity',
      (value: unknown) => typeof value === 'number' && value >= 0,
    ],
    budget: BUDGET,
    retry: ["'idempotent' or 'all'", (value) => value === 'idempotent' || value === 'all'],
    key: FUNCTION,
    scheduler: SCHEDULER,
  });
  const { attempts = 3, maxWait = 60_000, budget, retry = 'idempotent', scheduler = asyncScheduler } = options;
  const paces = new Paces(new SteadyTime(scheduler));

  return async (input, init) => {
    const send = options.fetch ?? fetch;
    const { url, method, signal, isRepeatable } = requestOf(input, init);
    const pace = paces.of(options.key === undefined ? url.origin : options.key(url, method));
    const mayRepeat = isRepeatable && (retry === 'all' || IDEMPOTENT.test(method));
    budget?.called();
    for (let attempt = 1; ; attempt++) {
      await pace.enter(signal);
      let response: Response;
      try {
        response = await send(input, init);
      } catch (error) {
        pace.failed();
        throw error;
      }
      const wait = heed(pace, response, scheduler.now(), maxWait);
      const isLast = !mayRepeat || attempt >= attempts || wait === undefined || wait > maxWait;
      if (isLast || budget?.tryRetry() === false) return response;
      response.body?.cancel().catch(() => undefined); // its connection is free for others then; if it broke, it is so anyway
    }
  };
}

const IDEMPOTENT = /^(GET|HEAD|OPTIONS|TRACE|PUT|DELETE)$/;

/** Tells `pace` what `response` says. Returns for how long one who was refused is to wait, if it says so. */
function heed(pace: Pace, { status, headers }: Response, received: number, maxWait: number): number | undefined {
  const now = sentAt(headers) ?? received;
  const standing = standingOf(headers, now);
  if (status === 429 || status === 503) {
    const waits = [retryAfterOf(headers, now), standing?.left === 0 ? standing.within : undefined];
    const wait = Math.max(...waits.map((time) => time ?? -1));
    if (wait >= 0) {
      pace.refused(Math.min(wait, maxWait));
      return wait;
    }
  }
  pace.answered(standing && { left: standing.left, within: Math.min(standing.within, maxWait) });
  return undefined;
}

interface RequestFacts {
  readonly url: URL;
  readonly method: string;
  readonly signal: AbortSignal | undefined;
  /** Whether it can be sent again: its body is none, or no stream. */
  readonly isRepeatable: boolean;
}

function requestOf(input: RequestInfo | URL, init: RequestInit = {}): RequestFacts {
  const request = typeof input === 'string' || input instanceof URL ? undefined : input;
  const url = new URL(request?.url ?? (input as string | URL), (globalThis as { location?: Location }).location?.href);
  const method = (init.method ?? request?.method ?? 'GET').toUpperCase();
  const signal = init.signal ?? request?.signal;
  // A Request's own body is always a stream; some browsers do not show it.
  const hasNone = request === undefined || request.body === null || method === 'GET' || method === 'HEAD';
  const isRepeatable = init.body == null ? hasNone : !isStream(init.body);
  return { url, method, signal, isRepeatable };
}

function isStream(body: object | string): boolean {
  return typeof body === 'object' && ('getReader' in body || Symbol.asyncIterator in body);
}
