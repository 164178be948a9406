/** Flow control for RxJS. Runs in browsers: no Node API here, and no store. */
import type { Broadcast as Shared } from './flow/operators/broadcast.js';
import type { Delivery as Delivered } from './delivery/delivery.js';
import type { BoundedQueue as Queue } from './flow/sources/boundedQueue.js';
import type { Limiter as AnyLimiter } from './flow/limiter.js';
import type { TokenBucket as Bucket } from './flow/limiters/tokenBucket.js';
import type { RetryBudget as Budget } from './flow/control/retryBudget.js';

export { demandOf, type Counting, type Demand, type Draining } from './flow/demand.js';
export { drain, type DrainedStage, type DrainOptions, type DrainReceipt } from './flow/drain.js';
export { Stage } from './flow/stage.js';
export type {
  Activity,
  Drop,
  DropReason,
  Ledger,
  MonitoredStage,
  StageMonitor,
  StageOptions,
  StageProbe,
} from './flow/stageOptions.js';
export { batch, type BatchOptions } from './flow/operators/batch.js';
export {
  broadcast,
  type BroadcastOptions,
  type SlowPolicy,
  type SubscriberOptions,
} from './flow/operators/broadcast.js';
export { boundedBuffer, type BoundedBufferOptions, type Overflow } from './flow/operators/boundedBuffer.js';
export {
  pool,
  type PoolOptions,
  type RetryOptions,
  type Worker,
  type WorkerContext,
  type WorkerSession,
  type WorkerSource,
} from './flow/operators/pool.js';
export type { ConcurrencyRule, ConcurrencyWatcher, MeasuredSlot, PoolFigures, ScaledPool } from './flow/concurrency.js';
export { rateLimit, type KeyedLimiter, type RateLimitOptions } from './flow/operators/rateLimit.js';
export { shed, type ShedOptions } from './flow/operators/shed.js';
export { shedByDelay, type ShedByDelayOptions } from './flow/operators/shedByDelay.js';
export { valve, type ValveOptions } from './flow/operators/valve.js';
export { type LimiterAnswer } from './flow/limiter.js';
export { slidingWindow, type SlidingWindowOptions } from './flow/limiters/slidingWindow.js';
export { tokenBucket, type TokenBucketOptions } from './flow/limiters/tokenBucket.js';
export { adaptive, type AdaptiveOptions } from './flow/control/adaptive.js';
export {
  decorrelated,
  exponential,
  fixed,
  type Backoff,
  type DecorrelatedOptions,
  type ExponentialOptions,
} from './flow/control/backoff.js';
export { elastic, type ElasticOptions } from './flow/control/elastic.js';
export { scaleSignal, type ScaleSignal, type ScaleSignalOptions } from './flow/control/scaleSignal.js';
export { retryBudget, type RetryBudgetOptions } from './flow/control/retryBudget.js';
export { throttleCalls, type ThrottleCallsOptions } from './flow/control/throttleCalls.js';
export { workers, type CreateContext, type WorkerLife } from './flow/workers/workers.js';
export { boundedQueue, type BoundedQueueOptions, type Offer } from './flow/sources/boundedQueue.js';
export { mergePriority, type MergePriorityOptions, type PriorityInput } from './flow/sources/mergePriority.js';
export { pull, type PullInput, type PullOptions } from './flow/sources/pull.js';
export { Sink, type SinkObserver } from './flow/sinks/sink.js';
export { toAsyncIterable, type ToAsyncIterableOptions } from './flow/sinks/toAsyncIterable.js';
export { toReadableStream, type ToReadableStreamOptions } from './flow/sinks/toReadableStream.js';
export { batchDeliveries, type BatchDeliveriesOptions } from './delivery/batchDeliveries.js';
export { createDelivery, type CreateDeliveryOptions } from './delivery/createDelivery.js';
export type { NackOptions, Settling } from './delivery/delivery.js';
export { filterDelivery } from './delivery/filterDelivery.js';
export {
  handle,
  type BreakerCounts,
  type DeadLetterBreakerOptions,
  type HandleOptions,
  type Handler,
} from './delivery/handle.js';
export type { HandlerContext, HandlerOutcome } from './delivery/handlerContext.js';
export type { Handled } from './delivery/handling.js';
export type { DeliveryInfo, Outcome, Settled } from './delivery/lease.js';
export { mapDelivery } from './delivery/mapDelivery.js';
export { mergeDeliveries, type DeliveredValues } from './delivery/mergeDeliveries.js';
export { splitDelivery, type SplitDeliveryOptions } from './delivery/splitDelivery.js';
export * from './errors.js';

// Types without their classes, which only functions of ours make: the bundled types would promise a value for `export type { … }` of a class.
/** What `broadcast` returns: subscribed as it is, a subscriber blocks; `with` names another policy. */
export type Broadcast<T> = Shared<T>;
/** What `boundedQueue` returns. */
export type BoundedQueue<T> = Queue<T>;
/** A value, and the duty to say what became of it: of a queue, or made by `createDelivery`. */
export type Delivery<T> = Delivered<T>;
/** What `tokenBucket` and `slidingWindow` return: who may go, and when. */
export type Limiter = AnyLimiter;
/** What `tokenBucket` returns. */
export type TokenBucket = Bucket;
/** What `retryBudget` returns. */
export type RetryBudget = Budget;
