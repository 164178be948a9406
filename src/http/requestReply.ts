/** A pipeline that is called like a function: a request goes in, its reply comes back. */
import { isObservable, Observable, Subject, takeWhile } from 'rxjs';
import { RefusedError, ReturnError } from '../errors.js';
import { boundedQueue, type BoundedQueue } from '../flow/sources/boundedQueue.js';
import type { Drop } from '../flow/stageOptions.js';
import { reportUnhandled } from '../flow/unhandled.js';
import { check, checkOptions, DURATION, FUNCTION, POSITIVE, shown, SIGNAL } from '../options.js';
import { Exchange, type Caller } from './exchange.js';
import { reducedCapacity } from './problem.js';
import { POLICY_NAME } from './quotaFields.js';

/** Options of `requestReply`. */
export interface RequestReplyOptions {
  /**
   * Requests that wait in front of the pipeline; when there are so many, more are refused as `full`. An integer of at least 1, or `Infinity`.
   * Default: none wait there, each goes to the first stage at once, which must be one that drops by a policy (`shed`, `shedByDelay`,
   * `boundedBuffer` with an `overflow`).
   */
  capacity?: number | undefined;
  /** After how many milliseconds one who was refused may ask again. Above 0. Default: 1,000. */
  retryAfter?: number | undefined;
  /** What refusals call it. Printable ASCII without `"` and `\`. Default: `'requestReply'`. */
  name?: string | undefined;
}

/** What `requestReply` returns. */
export interface RequestReply<T, R> {
  /**
   * Sends `request` through the pipeline, and resolves to its reply.
   *
   * @param options.signal gives up: the promise rejects with its reason, and no stage works on the request any more
   * @throws RefusedError by rejection, when the request has to give way
   * @throws ReturnError by rejection, when `pipeline` returns no Observable, or that sends anything but exchanges
   */
  (request: T, options?: { readonly signal?: AbortSignal | undefined }): Promise<R>;
  /** Requests without a reply so far. */
  readonly open: number;
  /** Refuses requests from now on, and resolves when all that are open have their reply. */
  close(): Promise<void>;
}

/**
 * Makes a function of a pipeline: each call sends a request through it and gets the reply, or a `RefusedError` with status 503.
 *
 * Use it in HTTP handlers, where each request needs an answer and the work is bounded by stages that may drop: `shed`, `pool`,
 * `rateLimit`. A worker works on the value of an exchange by its `run`, so that a request fails alone; stages that drop get `onDrop: refuse`. Not
 * where nobody waits for an answer: that is a `boundedQueue`.
 *
 * What comes out of the pipeline is the reply. When the pipeline itself fails (a `priority` that throws), those who are in it fail with its error,
 * and the next request starts a new one; so too when it sends what is no exchange. So give no `timeout` and no `retry` to a pool of these: what
 * `run` is given has its own.
 *
 * ```ts
 * import { pool, shed } from 'sluice';
 * import { refuse, requestReply } from 'sluice/http';
 *
 * const order = requestReply<{ item: string; priority: number }, string>((orders) =>
 *   orders.pipe(
 *     shed({ capacity: 1, priority: ({ value }) => value.priority, onDrop: refuse }),
 *     pool((exchange) => exchange.run(async ({ item }) => `sold ${item}`), { concurrency: 1, waiting: 0 }),
 *   ),
 * );
 *
 * const replies = await Promise.allSettled([
 *   order({ item: 'a pen', priority: 0 }),
 *   order({ item: 'a cup', priority: 0 }),
 *   order({ item: 'a car', priority: 1 }),
 * ]);
 * for (const reply of replies) console.log(reply.status === 'fulfilled' ? reply.value : reply.reason.message);
 * // => sold a pen
 * // => `requestReply` refused a request: evicted
 * // => sold a car
 * ```
 *
 * @throws OptionError at the call when an option is wrong
 */
export function requestReply<T, R>(
  pipeline: (requests: Observable<Exchange<T>>) => Observable<Exchange<R>>,
  options: RequestReplyOptions = {},
): RequestReply<T, R> {
  check('pipeline', FUNCTION, pipeline, 'requestReply');
  checkOptions('requestReply', options, { capacity: POSITIVE, retryAfter: DURATION, name: POLICY_NAME });
  const counter = new Counter(pipeline, options);
  const call = (request: T, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<R> =>
    counter.call(request, options);
  Object.defineProperty(call, 'open', { get: () => counter.open });
  return Object.assign(call, { close: () => counter.close() }) as RequestReply<T, R>;
}

/** The `onDrop` of a stage of exchanges: the caller gets a `RefusedError` with the reason. */
export function refuse({ value, reason }: Drop<Exchange<unknown>>): void {
  value.refuse(reason);
}

/**
 * Where callers come to. States: *open* → *closing* (no more are taken; those that are open get their reply) → *closed*. A run of the pipeline
 * begins with the first request, and anew with the next one when it takes no more.
 */
class Counter<T, R> {
  open = 0;
  private run: Run<T, R> | undefined;
  private readonly runs = new Set<Run<T, R>>();
  private closing = false;
  private readonly whenClosed: (() => void)[] = [];

  constructor(
    private readonly pipeline: (requests: Observable<Exchange<T>>) => Observable<Exchange<R>>,
    private readonly options: RequestReplyOptions,
  ) {}

  call(request: T, options: { readonly signal?: AbortSignal | undefined }): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      checkOptions('requestReply', options, { signal: SIGNAL });
      const { signal } = options;
      if (signal?.aborted) return reject(signal.reason as Error);
      if (this.closing) return reject(this.refusal('closed'));
      let settled = false;
      let run: Run<T, R> | undefined;
      const settle = (answer: () => void): void => {
        if (settled) return;
        settled = true;
        this.open--;
        run?.callers.delete(caller);
        signal?.removeEventListener('abort', abort);
        answer();
      };
      const caller: Caller = {
        get settled() {
          return settled;
        },
        resolve: (reply) => settle(() => resolve(reply as R)),
        reject: (error) => settle(() => reject(error)),
        refuse: (reason) => settle(() => reject(this.refusal(reason))),
      };
      const abort = (): void => caller.reject(signal!.reason);
      signal?.addEventListener('abort', abort);
      this.open++;
      try {
        run = this.takingRun();
        run.enter(new Exchange(request, caller), caller);
      } catch (error) {
        caller.reject(error); // what makes the pipeline threw
      }
    });
  }

  close(): Promise<void> {
    this.closing = true;
    return new Promise((resolve) => {
      this.whenClosed.push(resolve);
      for (const run of this.runs) run.complete();
      this.look();
    });
  }

  private takingRun(): Run<T, R> {
    if (this.run?.takes === true) return this.run;
    const run = new Run<T, R>(this.options, () => {
      this.runs.delete(run);
      this.look();
    });
    this.runs.add((this.run = run));
    run.start(this.pipeline);
    return run;
  }

  private look(): void {
    if (this.closing && this.runs.size === 0) for (const closed of this.whenClosed.splice(0)) closed();
  }

  private refusal(reason: string): RefusedError {
    const { name = 'requestReply', retryAfter = 1_000 } = this.options;
    return new RefusedError(name, reason, retryAfter, reducedCapacity(name));
  }
}

/** The pipeline, subscribed once. States: *taking* → *ending* (its first stage has let go; those who are in it get their reply) → over. */
class Run<T, R> {
  readonly callers: Set<Caller> = new Set();
  takes = true;
  private readonly entry: BoundedQueue<Exchange<T>> | Subject<Exchange<T>>;
  private readonly name: string;
  private mistake: ReturnError | undefined;

  constructor(
    { capacity, name = 'requestReply' }: RequestReplyOptions,
    private readonly onEnd: () => void,
  ) {
    this.name = name;
    this.entry = capacity === undefined ? new Subject() : boundedQueue({ capacity });
  }

  start(pipeline: (requests: Observable<Exchange<T>>) => Observable<Exchange<R>>): void {
    const requests = new Observable<Exchange<T>>((subscriber) => {
      subscriber.add(() => (this.takes = false));
      this.entry.subscribe(subscriber);
    });
    try {
      const replies: unknown = pipeline(requests);
      if (!isObservable(replies)) throw this.wrong(`returned ${shown(replies)}, expected an Observable`, replies);
      replies.pipe(takeWhile((reply) => this.answer(reply))).subscribe({
        error: (error: unknown) => {
          if (this.callers.size === 0) reportUnhandled(error); // nobody else would be told
          this.end((caller) => caller.reject(error));
        },
        complete: () => this.end((caller) => caller.refuse('closed')),
      });
    } catch (error) {
      this.end((caller) => caller.reject(error));
      throw error;
    }
  }

  enter(exchange: Exchange<T>, caller: Caller): void {
    const { entry } = this;
    this.callers.add(caller);
    if (this.mistake !== undefined) exchange.fail(this.mistake);
    else if (!this.takes) exchange.refuse('closed');
    else if (entry instanceof Subject) entry.next(exchange);
    else if (entry.offer(exchange) === 'full') exchange.refuse('full');
  }

  complete(): void {
    (this.entry as Subject<unknown>).complete();
  }

  /** Returns whether it could. What is no exchange has no caller, and its own caller is not known: all who are here are told. */
  private answer(reply: unknown): boolean {
    if (reply instanceof Exchange) {
      reply.reply();
      return true;
    }
    const expectation =
      'expected an exchange, as `exchange.run(worker)` resolves to and `exchange.with(value)` returns';
    const mistake = (this.mistake = this.wrong(`sent ${shown(reply)}, ${expectation}`, reply));
    this.end((caller) => caller.reject(mistake));
    return false;
  }

  private wrong(what: string, received: unknown): ReturnError {
    return new ReturnError(this.name, received, `\`pipeline\` ${what}`);
  }

  /** Nobody who is still here would get a reply. */
  private end(dismiss: (caller: Caller) => void): void {
    this.takes = false;
    this.callers.forEach(dismiss);
    this.onEnd();
  }
}
