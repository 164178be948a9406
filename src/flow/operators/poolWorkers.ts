/** What runs a pool's calls: a function, workers with a life of their own, or something that makes sessions. */
import { from, Observable, type ObservableInput, type SchedulerLike } from 'rxjs';
import { ReturnError } from '../../errors.js';
import { shown } from '../../options.js';
import { pull } from '../sources/pull.js';
import type { WorkerContext } from './poolCall.js';

/** The work of a pool: a Promise, or anything RxJS's `from` takes, with 0 to n results. */
export type Worker<T, O extends ObservableInput<unknown>> = (value: T, context: WorkerContext) => O;

/** What runs the calls of one subscription. */
export interface WorkerSession<T, R> {
  run(value: T, context: WorkerContext): ObservableInput<R>;
  /** So many calls may run at once from now on. */
  resize?(concurrency: number): void;
  /** The stream has ended; what ran was aborted. */
  close?(): void;
}

/** Opens a session for each subscription, at its first value: what `threads` of `sluice/threads` returns. */
export interface WorkerSource<T, R> {
  /** Calls that it can run at once, where that is bounded: a pool runs no more, whatever its `concurrency`. */
  readonly max?: number | undefined;
  /** @param name the pool's, for errors */
  open(concurrency: number, scheduler: SchedulerLike, name?: string): WorkerSession<T, R>;
}

/** What a worker returned as something to subscribe to; arrays, strings and iterables are read by demand. */
export function sourceOf<R>(stage: string, result: unknown): Observable<R> {
  if (result instanceof Observable) return result as Observable<R>;
  const iterable = result as Partial<Iterable<R> & AsyncIterable<R>> | null | undefined;
  if (iterable?.[Symbol.iterator] !== undefined || iterable?.[Symbol.asyncIterator] !== undefined) {
    return pull(result as Iterable<R>);
  }
  try {
    return from(result as ObservableInput<R>);
  } catch {
    throw new ReturnError(stage, result, `the worker returned ${shown(result)}, expected a Promise or Observable`);
  }
}
