/** What users say of how workers live. */
import type { ObservableInput } from 'rxjs';
import type { Backoff } from '../control/backoff.js';
import type { WorkerContext } from '../operators/poolCall.js';

/** What `create` is told. */
export interface CreateContext {
  /** Aborts when the stream has ended, or the attempt took too long. What is made all the same is destroyed. */
  readonly signal: AbortSignal;
}

/** How workers are made, used and given up. */
export interface WorkerLife<W, T, O extends ObservableInput<unknown>> {
  /** Makes a worker: opens a connection, starts a browser. Called when a call needs one and none is idle. Required. */
  create: (context: CreateContext) => W | PromiseLike<W>;
  /** Does the work on a value, as the worker of a pool does, with a `W` that does nothing else meanwhile. Required. */
  run: (worker: W, value: T, context: WorkerContext) => O;
  /** Gives a worker up. Nobody waits for it; what it throws, or rejects with, is reported as unhandled. Default: nothing to do. */
  destroy?: ((worker: W) => unknown) | undefined;
  /** Asked before a worker is used again; one that is not, or for which it throws, is destroyed, and another takes its place. Default: all are. */
  healthy?: ((worker: W) => boolean | PromiseLike<boolean>) | undefined;
  /** Workers at most: the pool runs no more calls, whatever its `concurrency`. An integer of at least 1, or `Infinity`. Default: no limit. */
  max?: number | undefined;
  /**
   * Milliseconds after which an idle worker is destroyed, if there are more than `min`. Above 0. Its timer keeps a process of Node's alive
   * as long. Default: it is kept.
   */
  idleTimeout?: number | undefined;
  /** Workers that `idleTimeout` leaves; only with that. An integer of at least 0, or `Infinity`. Default: 0. */
  min?: number | undefined;
  /** Attempts to make a worker. An integer of at least 1, or `Infinity`. Default: 8. */
  attempts?: number | undefined;
  /** Milliseconds between them, as in the `retry` of a pool. Default: `exponential({ base: 100, max: 10_000 })`. */
  backoff?: Backoff | ((attempt: number, error: unknown) => number) | undefined;
  /** Milliseconds that `create` and `healthy` may take; then it has failed. Above 0. Default: no limit. */
  timeout?: number | undefined;
}

/** Those options, with their defaults. */
export type LifeSettings<W, T> = Pick<
  WorkerLife<W, T, ObservableInput<unknown>>,
  'create' | 'run' | 'destroy' | 'healthy'
> & {
  readonly max: number;
  readonly idleTimeout: number;
  readonly min: number;
  readonly attempts: number;
  readonly backoff: Backoff | ((attempt: number, error: unknown) => number);
  readonly timeout: number;
};
