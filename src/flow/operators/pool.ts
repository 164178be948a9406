/** Concurrent work with a bound that the source feels: the demand-aware `mergeMap`. */
import { Observable, type ObservableInput, type ObservedValueOf, type OperatorFunction } from 'rxjs';
import { check, checkOptions, DURATION, FUNCTION, NOT_NEGATIVE, POSITIVE, required } from '../../options.js';
import { STAGE_RULES, type StageOptions } from '../stageOptions.js';
import type { WorkerContext } from './poolCall.js';
import { PoolStage } from './poolStage.js';

export type { WorkerContext };

/** The work of a pool: a Promise, or anything RxJS's `from` takes, with 0 to n results. */
export type Worker<T, O extends ObservableInput<unknown>> = (value: T, context: WorkerContext) => O;

/** Options of `pool`. */
export interface PoolOptions<T> extends StageOptions {
  /** Calls of the worker that run at once. An integer of at least 1, or `Infinity`. Required. */
  concurrency: number;
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
  /** Milliseconds a call may take before it is aborted and the stream fails. Above 0. Default: no limit. */
  timeout?: number | undefined;
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
 * @param worker called with a value and `{ signal, index }`; arrays and other iterables it returns are read by demand
 * @returns an operator; each subscription has a pool of its own
 * @throws OptionError at the call when an option is wrong
 * @throws OverflowError in the stream when the source, or an inner Observable, ignores demand and there is no room
 * @throws ReturnError in the stream when the worker returns nothing that can be waited for
 * @throws WorkerTimeoutError in the stream when a call takes longer than `timeout`
 */
export function pool<T, O extends ObservableInput<unknown>>(
  worker: Worker<T, O>,
  options: PoolOptions<T>,
): OperatorFunction<T, ObservedValueOf<O>> {
  check('worker', FUNCTION, worker);
  checkOptions('pool', options, {
    ...STAGE_RULES,
    concurrency: required(POSITIVE),
    order: ["'completion' or 'source'", (order: string) => order === 'completion' || order === 'source'],
    window: POSITIVE,
    key: FUNCTION,
    waiting: NOT_NEGATIVE,
    timeout: DURATION,
  });
  const { concurrency, order = 'completion', waiting = concurrency } = options;
  const { window = Math.max(256, concurrency + waiting) } = options;
  const settings = { ...options, name: options.name ?? 'pool', concurrency, order, waiting, window };
  return (source) =>
    new Observable<ObservedValueOf<O>>(
      (subscriber) =>
        void source.subscribe(new PoolStage<T, ObservedValueOf<O>>(subscriber, worker as never, settings)),
    );
}
