/** Concurrent work with a bound that the source feels: the demand-aware `mergeMap`. */
import { Observable, type ObservableInput, type ObservedValueOf, type OperatorFunction } from 'rxjs';
import { check, checkOptions, DURATION, FUNCTION, NOT_NEGATIVE, POSITIVE, type Rule } from '../../options.js';
import type { ConcurrencyRule } from '../concurrency.js';
import { STAGE_RULES, type StageOptions } from '../stageOptions.js';
import type { WorkerContext } from './poolCall.js';
import { RETRY, type RetryOptions } from './poolRetry.js';
import { PoolStage } from './poolStage.js';
import type { Worker, WorkerSession, WorkerSource } from './poolWorkers.js';

export type { RetryOptions, Worker, WorkerContext, WorkerSource, WorkerSession };

/** Options of `pool`. */
export interface PoolOptions<T> extends StageOptions<T> {
  /**
   * Calls of the worker that run at once: an integer of at least 1, or `Infinity`; an Observable of integers of at least 0, for none pauses
   * it; or `elastic(…)` or `adaptive(…)`. When it falls, what runs goes on; when the Observable completes, its last number stays. Required.
   */
  concurrency: number | Observable<number> | ConcurrencyRule;
  /**
   * The order of the results: as calls complete, or as the values came from the source. Default: `'completion'`.
   */
  order?: 'completion' | 'source' | undefined;
  /**
   * How far results may run ahead of what was delivered: in source order, values in the pool at most; in both orders, results
   * held of inner Observables that ignore demand. An integer of at least 1, or `Infinity`. Default: 256, or `concurrency + waiting`
   * if that is more.
   */
  window?: number | undefined;
  /** Values of one key are worked on one at a time, in arrival order; the pool is shared fairly between keys. Default: none. */
  key?: ((value: T) => unknown) | undefined;
  /** Values taken ahead of the work. An integer of at least 0, or `Infinity`. Default: `concurrency`. */
  waiting?: number | undefined;
  /** Milliseconds an attempt may take before it is aborted; then it is tried again, or the stream fails. Above 0. Default: no limit. */
  timeout?: number | undefined;
  /**
   * Tries a call that failed again, after a while; its slot is free for others meanwhile, and it takes a place of what waits (with
   * `waiting: 0` there is none, so that nothing else starts). Not once it has given a result. Default: the stream fails with its error.
   */
  retry?: RetryOptions | undefined;
  /**
   * The time on the scheduler's clock, in milliseconds, from which a value is not worth an attempt: it is dropped as `expired`. An attempt
   * that runs is told by `timeLeft`, and goes on. Default: none.
   */
  deadline?: ((value: T) => number) | undefined;
}

/**
 * Runs `worker` on each value, `concurrency` calls at once, and asks the source for no more than it can start or hold.
 *
 * Use it where you would use `mergeMap` or `concatMap` with asynchronous work. Not for synchronous functions: that is
 * `map`. A result the consumer has no room for is held in its slot, and no new work starts there.
 *
 * Order: by completion, unless `order: 'source'` or a `key` say more. Loss: none. A worker that throws or rejects ends the
 * stream at once with its error, as in `mergeMap`; what was in the pool is reported to `onDrop` as `cancelled`, with the value
 * that went in. Completion waits for the work in flight. Unsubscribing aborts it.
 *
 * ```ts
 * import { pool, pull } from 'sluice';
 *
 * const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
 * const send = async (order: number) => {
 *   await sleep(order);
 *   return `sent ${order}`;
 * };
 *
 * pull([30, 1, 10])
 *   .pipe(pool(send, { concurrency: 2, order: 'source' }))
 *   .subscribe((result) => console.log(result));
 * // => sent 30
 * // => sent 1
 * // => sent 10
 * ```
 *
 * @param worker called with a value and a `WorkerContext`; arrays and other iterables it returns are read by demand. Or `workers(…)`, which
 * live longer than one call, or `threads(…)` of `sluice/threads`
 * @returns an operator; each subscription has a pool of its own
 * @throws OptionError at the call when an option is wrong
 * @throws OverflowError in the stream when the source, or an inner Observable, ignores demand and there is no room
 * @throws ReturnError in the stream when the worker returns nothing that can be waited for
 * @throws WorkerTimeoutError in the stream when a call takes longer than `timeout`
 */
export function pool<T, R>(worker: WorkerSource<T, R>, options: PoolOptions<T>): OperatorFunction<T, R>;
export function pool<T, O extends ObservableInput<unknown>>(
  worker: Worker<T, O>,
  options: PoolOptions<T>,
): OperatorFunction<T, ObservedValueOf<O>>;
export function pool<T, O extends ObservableInput<unknown>, R>(
  worker: Worker<T, O> | WorkerSource<T, R>,
  options: PoolOptions<T>,
): OperatorFunction<T, ObservedValueOf<O> | R>;
export function pool<T, R>(
  worker: Worker<T, ObservableInput<R>> | WorkerSource<T, R>,
  options: PoolOptions<T>,
): OperatorFunction<T, R> {
  check('worker', WORKER, worker);
  checkOptions('pool', options, {
    ...STAGE_RULES,
    concurrency: CONCURRENCY,
    order: ["'completion' or 'source'", (order: string) => order === 'completion' || order === 'source'],
    window: POSITIVE,
    key: FUNCTION,
    waiting: NOT_NEGATIVE,
    timeout: DURATION,
    retry: RETRY,
    deadline: FUNCTION,
  });
  const { name = 'pool', concurrency, order = 'completion', key, timeout, retry, deadline, waiting, window } = options;
  const { onDrop, scheduler, monitor } = options;
  const settings = {
    ...{ name, concurrency, order, key, timeout, retry, deadline, waiting, window },
    ...{ onDrop, scheduler, monitor },
  };
  return (source) =>
    new Observable<R>((subscriber) => {
      const stage = new PoolStage<T, R>(subscriber, worker, settings);
      if (!stage.closed) source.subscribe(stage); // an Observable's first concurrency may be wrong
    });
}

const WORKER: Rule = [
  'a function, workers({ create, run, … }) or threads(…)',
  (worker: WorkerSource<unknown, unknown> | null) => typeof worker === 'function' || typeof worker?.open === 'function',
];
/** The rule of `concurrency`. */
export const CONCURRENCY: Rule = [
  'a positive integer, an Observable of integers, elastic(…), adaptive(…) or scaleSignal(…)',
  (value: ConcurrencyRule | null) =>
    POSITIVE[1](value as never) || value instanceof Observable || typeof value?.attach === 'function',
  'required',
];
