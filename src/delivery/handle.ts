/** Runs a handler for each message, and settles it by what comes of that. */
import { Observable, type OperatorFunction } from 'rxjs';
import { DeadLetterBreaker, type BreakerCounts } from '../core/deadLetterBreaker.js';
import { check, checkOptions, DURATION, expected, FUNCTION, NOT_NEGATIVE, POSITIVE, type Rule } from '../options.js';
import type { ConcurrencyRule } from '../flow/concurrency.js';
import type { Backoff } from '../flow/control/backoff.js';
import { BACKOFF } from '../flow/control/backoffDelay.js';
import { CONCURRENCY } from '../flow/operators/pool.js';
import { STAGE_RULES, type StageOptions } from '../flow/stageOptions.js';
import type { Delivery } from './delivery.js';
import type { HandlerContext } from './handlerContext.js';
import { HandlerPool, type HandlerSettings } from './handlerPool.js';
import type { Handled, Handling } from './handling.js';
import { redeliveryDelay } from './redeliveryDelay.js';
import { SettleStage } from './settleStage.js';

/** What is done for a message: a promise that is resolved acks it, one that is rejected has it come again. */
export type Handler<T> = (value: T, context: HandlerContext<T>) => unknown;

/** When intake pauses, because too many messages die. `ratio` or `run` is required. */
export interface DeadLetterBreakerOptions {
  /** It trips when more than this part of the last `over` outcomes are dead letters. At least 0 and below 1. Default: never by that. */
  ratio?: number | undefined;
  /** How many outcomes that looks back. An integer of at least 1. Default: 20. */
  over?: number | undefined;
  /** It trips when so many dead letters come in a row. An integer of at least 1. Default: never by that. */
  run?: number | undefined;
  /** For how many milliseconds nothing is taken, and no handler called. Above 0. Default: 30,000. */
  pause?: number | undefined;
  /** Called with what it tripped by: `deadLetters` of the last `outcomes`, and the `run` of them that came last. Default: nobody is told. */
  onTrip?: ((counts: BreakerCounts) => void) | undefined;
}

export type { BreakerCounts };

/** Options of `handle`. */
export interface HandleOptions<T> extends StageOptions<Delivery<T>> {
  /** Handlers that run at once, as in `pool`: a number, an Observable of numbers, `elastic(…)` or `adaptive(…)`. Required. */
  concurrency: number | Observable<number> | ConcurrencyRule;
  /**
   * With `'key'` messages of one key are handled one after the other, as they came; those without a key at any time. Default:
   * `'completion'`.
   */
  order?: 'completion' | 'key' | undefined;
  /** Milliseconds that a call may take; then its signal aborts, and it counts as failed. Above 0. Default: no limit. */
  timeout?: number | undefined;
  /**
   * Milliseconds after which a message whose handler failed is to come again: `exponential(…)` or the like, or a function of the attempt and the
   * error. Default: what the queue says.
   */
  retry?: Backoff | ((attempt: number, error: unknown) => number) | undefined;
  /** A message whose attempt of this number fails is a dead letter. An integer of at least 1, or `Infinity`. Default: what the queue says. */
  maxAttempts?: number | undefined;
  /** Pauses when too many messages die. Default: it does not. */
  deadLetterBreaker?: DeadLetterBreakerOptions | undefined;
  /** Messages taken ahead of the work, their leases kept. An integer of at least 0, or `Infinity`. Default: `concurrency`. */
  waiting?: number | undefined;
}

/**
 * Calls `handler` for each message, `concurrency` at once, and settles it: resolved acks it, thrown or rejected has it come again, or has it be a dead
 * letter after `maxAttempts`; what the handler returns of `context.retry(…)`, `dead(…)` and `release()` is done.
 *
 * Use it at the end of a pipeline from a queue. Not for work whose result is to go on down the pipeline: that is a `pool`, with the ack after it.
 *
 * It asks for no more than it can start or hold. The lease of what it holds is extended. A message that is to be tried again waits in the store, not
 * in a slot; a slot is free as soon as its handler is done, whatever the store takes to settle. What it emits comes when the store has answered, up
 * to 1,024 behind (or `concurrency`, if that is more). A handler that does not look at its signal goes on after a timeout or a lost lease, beside
 * the next attempt; what it comes to then is ignored.
 *
 * Order: handlers begin as messages come, with `order: 'key'` one at a time of a key. Loss: none; a message may be handled more than once. Completion
 * waits until all is handled and settled. A store that can not settle fails the stream; so does a `retry` or an `isOverload` that throws, or a handler that
 * returns an Observable: that message is nacked, the others are released. Unsubscribing aborts what runs, and releases what is not settled.
 *
 * ```ts
 * import { createDelivery, handle, pull } from 'sluice';
 *
 * const order = (id: string) => createDelivery(id, { info: { id }, settle: () => 'settled' });
 * pull(['mail', 'spam', 'down'].map(order))
 *   .pipe(
 *     handle(
 *       async (value, { dead }) => {
 *         if (value === 'spam') return dead('not wanted');
 *         if (value === 'down') throw new Error('no answer');
 *         return console.log('sent', value);
 *       },
 *       { concurrency: 1, retry: () => 1_000 },
 *     ),
 *   )
 *   .subscribe(({ delivery, outcome, delay, reason }) => console.log(delivery.value, outcome, delay ?? reason ?? '–'));
 * // => sent mail
 * // => mail ack –
 * // => spam dead not wanted
 * // => down nack 1000
 * ```
 *
 * @param handler called with the value and a `HandlerContext`
 * @returns an operator; each subscription has a pool of its own. It emits what became of each message
 * @throws OptionError at the call when an option is wrong
 * @throws OverflowError in the stream when the source ignores demand and there is no room
 * @throws ReturnError in the stream when the handler returns an Observable, or `retry` anything but a finite number of at least 0
 * @throws SourceError in the stream when the source gives anything but deliveries
 * @throws StoreError in the stream when a store can not settle a message
 */
export function handle<T>(handler: Handler<T>, options: HandleOptions<T>): OperatorFunction<Delivery<T>, Handled<T>> {
  check('handler', FUNCTION, handler, 'handle');
  checkOptions('handle', options, {
    ...STAGE_RULES,
    concurrency: CONCURRENCY,
    order: ["'completion' or 'key'", (order: unknown) => order === 'completion' || order === 'key'],
    timeout: DURATION,
    retry: BACKOFF,
    maxAttempts: POSITIVE,
    deadLetterBreaker: BREAKER,
    waiting: NOT_NEGATIVE,
  });
  const { name = 'handle', concurrency, order, timeout, waiting, onDrop, scheduler, monitor } = options;
  const settings = {
    ...{ name, concurrency, timeout, waiting, onDrop, scheduler, monitor },
    ...{ order: 'completion' as const, window: undefined, key: order === 'key' ? keyOf : undefined },
  };
  const settling = { name: `${name}/settle`, scheduler, monitor };
  const capacity = Math.max(SETTLING, mostOf(concurrency));
  return (source) =>
    new Observable<Handled<T>>((subscriber) => {
      const stage = new SettleStage<T>(subscriber, settling, capacity);
      const handling = new Observable<Handling<T>>((inner) => {
        const pool = new HandlerPool<T>(inner, settings, handlerSettings(name, handler, options));
        if (!pool.closed) source.subscribe(pool); // an Observable's first concurrency may be wrong
      });
      handling.subscribe(stage);
    });
}

/** Messages that wait for the store, at most, unless more handlers run at once. */
const SETTLING = 1_024;

const BREAKER: Rule = [
  'an object',
  (options: DeadLetterBreakerOptions) => {
    checkOptions('deadLetterBreaker', options, {
      ratio: [
        'a number of at least 0 and below 1',
        (value: number) => typeof value === 'number' && value >= 0 && value < 1,
      ],
      over: POSITIVE,
      run: POSITIVE,
      pause: DURATION,
      onTrip: FUNCTION,
    });
    const { ratio, run } = options;
    if (ratio === undefined && run === undefined) expected('ratio', 'given, or `run`', ratio, 'deadLetterBreaker');
    return true;
  },
];

/** Those without a key wait for nobody. */
function keyOf<T>(delivery: Delivery<T>): unknown {
  return delivery.key ?? delivery;
}

function mostOf(concurrency: number | Observable<number> | ConcurrencyRule): number {
  if (typeof concurrency === 'number') return concurrency;
  return concurrency instanceof Observable ? 0 : concurrency.max;
}

function handlerSettings<T>(stage: string, handler: Handler<T>, options: HandleOptions<T>): HandlerSettings<T> {
  const { retry, maxAttempts = Infinity, deadLetterBreaker } = options;
  const { ratio, over = 20, run, pause = 30_000, onTrip } = deadLetterBreaker ?? {};
  return {
    handler,
    maxAttempts,
    delayAfter: (attempt, error) =>
      retry === undefined ? undefined : redeliveryDelay(stage, retry, attempt, error, Math.random, 'retry'),
    breaker: deadLetterBreaker && new DeadLetterBreaker({ ratio, over, run }),
    pause,
    onTrip,
  };
}
