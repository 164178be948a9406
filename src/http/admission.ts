/** May this request in? For node:http, Express, Fastify, and whatever speaks Fetch. */
import { RefusedError, ReturnError } from '../errors.js';
import { isLimiter, type Limiter } from '../flow/limiter.js';
import { reportUnhandled } from '../flow/unhandled.js';
import { check, checkOptions, expected, FUNCTION, shown, type Rule } from '../options.js';
import { ADDRESS_RULES, addressOf, checkProxy, type ClientAddressOptions } from './clientAddress.js';
import {
  FastifyDesk,
  NodeDesk,
  type Desk,
  type FastifyReplyLike,
  type NodeRequest,
  type NodeResponse,
} from './desk.js';
import { PROBLEM_JSON, quotaExceeded } from './problem.js';
import { POLICY_NAME, QuotaFields, seconds } from './quotaFields.js';
import type { RequestReply } from './requestReply.js';

/** A request in a pipeline that admits requests. */
export interface Visit<R> {
  readonly request: R;
  /** Lets it in, once; resolves when it has been answered, or its caller has gone. */
  serve(): Promise<void>;
}

/** Options of `admission`. At least one of `limiter` and `turns` is required. */
export interface AdmissionOptions<R> extends ClientAddressOptions {
  /** What each key may use up; a request above that is answered 429. Default: no such limit. */
  limiter?: Limiter | undefined;
  /** A pipeline in which those wait that the limiter lets pass; one that has to give way is answered 503. Default: none waits. */
  turns?: RequestReply<Visit<R>, unknown> | undefined;
  /**
   * Whose limit it is: requests with the same key share it, `undefined` is a key too; no object and no promise, for each would be a new caller.
   * Required for `fetch`, which knows of no socket.
   * Default: `clientAddress` of the socket and the headers, with `trustProxy`, `proxyHeader` and `ipv6Prefix`.
   */
  key?: ((request: R) => string | number | bigint | boolean | symbol | null | undefined) | undefined;
  /** What it costs: a number from 0 to the limiter's burst. Default: 1. */
  cost?: ((request: R) => number) | undefined;
  /** What headers and bodies call the limit. Printable ASCII without `"` and `\`. Default: `'default'`. */
  name?: string | undefined;
  /** Which answers say how much is left: `RateLimit` and `RateLimit-Policy`. Default: `'all'`. */
  quotaHeaders?: 'all' | 'refused' | 'none' | undefined;
}

/**
 * Lets requests in as long as their caller's limit and the service's capacity allow, and answers the others: 429 or 503, with `Retry-After`, `RateLimit`
 * and `RateLimit-Policy`, and an `application/problem+json`.
 *
 * Use it in front of all handlers, so that a request too many costs next to nothing. Give it a `limiter` for what each caller may do, and
 * `turns` for what the service can do. Where handlers send data through a pipeline, as in `requestReply`, that bounds them itself.
 * One process counts for itself: n processes let in n times as much.
 *
 * ```ts
 * import { createServer } from 'node:http';
 * import { tokenBucket } from 'sluice';
 * import { admission } from 'sluice/http';
 *
 * const admit = admission({ limiter: tokenBucket({ rate: 60, per: 60_000, burst: 2 }) });
 * const server = createServer((request, response) => {
 *   if (admit.node(request, response)) response.end('hello');
 * });
 *
 * server.listen(0, async () => {
 *   const { port } = server.address() as { port: number };
 *   for (let i = 0; i < 3; i++) {
 *     const { status, headers } = await fetch(`http://localhost:${port}`);
 *     console.log(status, headers.get('ratelimit'), headers.get('retry-after'));
 *   }
 *   server.close();
 * });
 * // => 200 "default";r=1;t=1 null
 * // => 200 "default";r=0;t=1 null
 * // => 429 "default";r=0;t=1 1
 * ```
 *
 * @throws OptionError at the call when an option is wrong
 */
export function admission<R = NodeRequest>(options: AdmissionOptions<R>): Admission<R> {
  checkOptions('admission', options, {
    ...ADDRESS_RULES,
    limiter: ['a limiter (tokenBucket, slidingWindow)', isLimiter],
    turns: ['a requestReply(…)', (turns: unknown) => typeof turns === 'function'],
    key: FUNCTION,
    cost: FUNCTION,
    name: POLICY_NAME,
    quotaHeaders: QUOTA_HEADERS,
  });
  checkProxy('admission', options);
  if (options.limiter === undefined && options.turns === undefined) {
    expected('limiter', 'given, or `turns`', undefined, 'admission');
  }
  return new Admission(options);
}

const QUOTA_HEADERS: Rule = [
  "'all', 'refused' or 'none'",
  (value) => value === 'all' || value === 'refused' || value === 'none',
];

/** What the limiter says about a request. */
interface Answer {
  /** The value of `Retry-After` where it is refused. */
  readonly retryAfter?: string;
  /** The value of `RateLimit` where that is told. */
  readonly quota?: string | undefined;
}

const LET_IN: Answer = {};

/** What `admission` returns. */
export class Admission<R> {
  private readonly fields: QuotaFields | undefined;
  private readonly exceeded: string;
  /** The address that a request came from last, and what it counts as. */
  private remote: string | undefined;
  private network = '';
  /** A mistake of the pipeline that came when those whom it concerned had been let in. */
  private untold: ReturnError | undefined;

  /** Use `admission`, which checks its options. */
  constructor(private readonly options: AdmissionOptions<R>) {
    const { name = 'default', limiter } = options;
    this.fields = limiter && new QuotaFields(name, limiter);
    this.exceeded = quotaExceeded(name);
  }

  /**
   * The handler for node:http, or for `app.use(…)` of Express and others like it.
   *
   * @param next called when the request is let in; with an error when `key`, `cost` or the pipeline threw one, or gave what can not be used. Required with `turns`.
   * @returns whether the request was let in at once; otherwise it has been answered, or waits for its turn
   */
  readonly node = (request: R, response: NodeResponse, next?: (error?: unknown) => void): boolean => {
    if (this.options.turns !== undefined) check('next', FUNCTION, next, 'admission with `turns`');
    return this.admit(request, new NodeDesk(response, next));
  };

  /** The hook for Fastify: `app.addHook('onRequest', admit.fastify)`. */
  readonly fastify = (request: R, reply: FastifyReplyLike, done: (error?: Error) => void): void => {
    this.admit(request, new FastifyDesk(reply, done));
  };

  /**
   * The answer to a request that is refused; `undefined` lets it in. For Hono, Deno, Bun, workers.
   *
   * @param handler makes the answer to a request that is let in; it gets the quota headers, and what is waited for with `turns` is the end of this
   */
  fetch(request: R): Response | undefined;
  fetch(request: R, handler: () => Response | PromiseLike<Response>): Promise<Response>;
  fetch(request: R, handler?: () => Response | PromiseLike<Response>): Response | undefined | Promise<Response> {
    const { turns, limiter, key } = this.options;
    if (limiter !== undefined) check('key', FUNCTION, key, 'admission, for `fetch`');
    if (turns !== undefined) check('handler', FUNCTION, handler, 'admission with `turns`');
    const answer = this.ask(request);
    const headers: [string, string][] = [];
    this.tell(answer, (name, value) => void headers.push([name, value]));
    if (answer.retryAfter !== undefined) return refusal(429, this.exceeded, headers);
    return handler && this.handled(request, handler, headers);
  }

  private ask(request: R): Answer {
    const { limiter, key, cost, quotaHeaders = 'all' } = this.options;
    if (limiter === undefined) return LET_IN;
    const fields = this.fields!;
    const whose = key === undefined ? this.addressOf(request as NodeRequest) : checkedKey(key(request));
    const answer = limiter.tryTake(cost && checkedCost(cost(request)), whose);
    const { ok, remaining } = answer;
    if (ok) return quotaHeaders === 'all' ? { quota: fields.left(remaining, fields.window(answer, whose)) } : LET_IN;
    const wait = seconds(answer.retryAfter);
    return { retryAfter: String(wait), quota: quotaHeaders === 'none' ? undefined : fields.left(remaining, wait) };
  }

  /** Node makes a request's headers when they are looked at: without `trustProxy` nobody does. The next request often comes from the same address. */
  private addressOf(request: NodeRequest): string {
    const { remoteAddress } = request.socket;
    if (this.options.trustProxy) return addressOf(remoteAddress, request.headers, this.options);
    if (remoteAddress !== this.remote || this.network === '') {
      this.remote = remoteAddress;
      this.network = addressOf(remoteAddress, {}, this.options);
    }
    return this.network;
  }

  private tell({ quota, retryAfter }: Answer, tell: (name: string, value: string) => void): void {
    const policy = quota === undefined ? '' : this.fields!.policy;
    if (policy !== '') {
      tell('RateLimit-Policy', policy);
      tell('RateLimit', quota!);
    }
    if (retryAfter !== undefined) tell('Retry-After', retryAfter);
  }

  private admit(request: R, desk: Desk): boolean {
    let answer: Answer;
    try {
      answer = this.ask(request);
    } catch (error) {
      desk.next(error);
      return false;
    }
    if (answer !== LET_IN) this.tell(answer, (name, value) => desk.tell(name, value));
    if (answer.retryAfter !== undefined) {
      desk.refuse(429, this.exceeded);
      return false;
    }
    if (this.options.turns !== undefined) {
      this.wait(request, desk, this.options.turns);
      return false;
    }
    desk.next();
    return true;
  }

  /** States: *waiting* → *let in* → over; or *waiting* → over, when it has to give way or its caller goes. */
  private wait(request: R, desk: Desk, turns: RequestReply<Visit<R>, unknown>): void {
    const { untold } = this;
    if (untold !== undefined) {
      this.untold = undefined;
      return desk.next(untold);
    }
    const gone = new AbortController();
    let finish: (() => void) | undefined; // once it is let in
    let served: Promise<void> | undefined;
    desk.onClose(() => (finish === undefined ? gone.abort() : finish()));
    const isOver = (): boolean => gone.signal.aborted || desk.isAnswered;
    const serve = (): Promise<void> =>
      (served ??= new Promise((resolve) => {
        if (isOver()) return resolve();
        finish = resolve;
        desk.next();
      }));
    turns({ request, serve }, { signal: gone.signal }).then(serve, (error: unknown) => {
      if (finish !== undefined) {
        if (!(error instanceof ReturnError)) return reportUnhandled(error);
        this.untold = error; // the next one is told: a mistake in the code is to be heard, and to end no process
        return;
      }
      if (isOver()) return; // there is nobody to be answered, or nothing to be said
      if (!(error instanceof RefusedError)) return desk.next(error);
      for (const [name, value] of Object.entries(error.headers)) desk.tell(name, value);
      desk.refuse(error.status, error.body);
    });
  }

  private async handled(
    request: R,
    handler: () => Response | PromiseLike<Response>,
    headers: [string, string][],
  ): Promise<Response> {
    const { turns } = this.options;
    let response: Response | undefined;
    let served: Promise<void> | undefined;
    const handle = async (): Promise<void> => {
      response = await handler();
    };
    const serve = (): Promise<void> => (served ??= handle());
    try {
      if (turns !== undefined)
        await turns({ request, serve }, { signal: (request as { signal?: AbortSignal }).signal });
      await serve(); // where the pipeline did not
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      return refusal(error.status, error.body, [...headers, ...Object.entries(error.headers)]);
    }
    return withHeaders(response!, headers);
  }
}

/** As a key, what is new each time would be a caller with a limit of its own. */
function checkedKey(key: unknown): unknown {
  if (key === null || (typeof key !== 'object' && typeof key !== 'function')) return key;
  const expectation = 'expected a string, number, bigint, boolean, symbol, null or undefined (not a promise)';
  throw new ReturnError('admission', key, `\`key\` returned ${shown(key)}, ${expectation}`);
}

/** The limiter says what is more than it holds, and takes `undefined` for 1. */
function checkedCost(cost: unknown): number {
  if (typeof cost === 'number' && cost >= 0) return cost;
  throw new ReturnError('admission', cost, `\`cost\` returned ${shown(cost)}, expected a number of at least 0`);
}

function refusal(status: number, body: string, headers: [string, string][]): Response {
  return new Response(body, { status, headers: [...headers, ['Content-Type', PROBLEM_JSON]] });
}

/** The answers of `fetch` can not be changed, only copied. */
function withHeaders(response: Response, headers: [string, string][]): Response {
  const append = ({ headers: fields }: Response): void =>
    headers.forEach(([name, value]) => fields.append(name, value));
  try {
    append(response);
    return response;
  } catch {
    const copy = new Response(response.body, response);
    append(copy);
    return copy;
  }
}
