import type { Observable } from 'rxjs';
import type { ConcurrencyRule } from '../concurrency.js';
import type { StageOptions } from '../stageOptions.js';
import type { RetryOptions } from './poolRetry.js';

/** The options of `pool`, checked and with their defaults. */
export interface PoolSettings<T> extends StageOptions<T> {
  readonly concurrency: number | Observable<number> | ConcurrencyRule;
  readonly key?: ((value: T) => unknown) | undefined;
  readonly timeout?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  readonly deadline?: ((value: T) => number) | undefined;
  readonly name: string;
  readonly order: 'completion' | 'source';
  /** Undefined: as many as may run. */
  readonly waiting: number | undefined;
  readonly window: number | undefined;
}
