/** A worker on its way to the calls that wait for one. */
import { abort, signalOf, type Abortable } from '../lazySignal.js';
import type { CreateContext } from './workerLife.js';

/** What becomes of a question. */
interface Outcome<V> {
  answered(answer: V): void;
  failed(error: unknown): void;
  /** The answer came when nobody waited for it any more. */
  late?(answer: V): void;
}

/**
 * *made* (`create` runs) → here, or *delayed* until the next attempt → made, or failed for good. A worker that is to be used again is
 * *checked* (`healthy` runs) → here, or given up.
 */
export class Coming<W> {
  attempts: number = 0;
  /** Milliseconds waited before this attempt. */
  delay: number = 0;
  /** When the attempt times out, or the next one begins. */
  due: number = Infinity;
  private attempt: Attempt | undefined = undefined;
  private fail: ((error: unknown) => void) | undefined = undefined;

  /** @param checked the worker that `healthy` is asked about; none while one is made */
  constructor(readonly checked?: { readonly worker: W }) {}

  get delayed(): boolean {
    return this.attempt === undefined;
  }

  /** Asks `question`, and has `due` as its end; a `timeOut` or an `abort` before the answer makes that late. */
  ask<V>(due: number, question: (attempt: Attempt) => V | PromiseLike<V>, outcome: Outcome<V>): void {
    const attempt = (this.attempt = new Attempt());
    this.due = due;
    const current = (): boolean => {
      if (this.attempt !== attempt) return false;
      this.attempt = undefined;
      return true;
    };
    const answered = (answer: V): void => {
      if (current()) outcome.answered(answer);
      else outcome.late?.(answer);
    };
    this.fail = (error) => {
      if (current()) outcome.failed(error);
    };
    try {
      const answer = question(attempt);
      if (isPromiseLike(answer)) answer.then(answered, this.fail);
      else answered(answer);
    } catch (error) {
      this.fail(error);
    }
  }

  timeOut(error: unknown): void {
    if (this.attempt !== undefined) abort(this.attempt, error);
    this.fail?.(error);
  }

  abort(): void {
    const { attempt } = this;
    this.attempt = undefined;
    if (attempt !== undefined) abort(attempt);
  }
}

/** One call of `create`. */
class Attempt implements CreateContext, Abortable {
  abortState: Abortable['abortState'] = undefined;

  get signal(): AbortSignal {
    return signalOf(this);
  }
}

function isPromiseLike<V>(value: V | PromiseLike<V>): value is PromiseLike<V> {
  return typeof (value as Partial<PromiseLike<V>> | null | undefined)?.then === 'function';
}
