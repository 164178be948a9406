/** What of a value is handed over to its thread, and what became of that. */
import { ReturnError } from '../errors.js';
import { shown } from '../options.js';

interface Failure {
  readonly error: unknown;
}

/** Of what was handed over nothing is left for another attempt: that fails with the error of the first, and not with one about the copying. */
export class Transfers<T> {
  /** By the objects that were handed over. */
  private readonly failures = new WeakMap<object, Failure>();

  constructor(private readonly transfer: (value: T) => readonly object[]) {}

  /** Calls `run` with the objects to hand over. */
  run<R>(stage: string, value: T, signal: AbortSignal, run: (list: readonly object[]) => Promise<R>): Promise<R> {
    const list: unknown = this.transfer(value);
    if (!isList(list)) {
      throw new ReturnError(stage, list, `\`transfer\` returned ${shown(list)}, expected an array of objects`);
    }
    for (const object of list) {
      const failure = this.failures.get(object);
      if (failure !== undefined) return Promise.reject(failure.error);
    }
    const result = run(list);
    result.catch((error: unknown) => {
      const failure: Failure = { error: signal.aborted ? (signal.reason as unknown) : error };
      for (const object of list) this.failures.set(object, failure);
    });
    return result;
  }
}

function isList(list: unknown): list is readonly object[] {
  return Array.isArray(list) && list.every((it: unknown) => typeof it === 'object' && it !== null);
}
