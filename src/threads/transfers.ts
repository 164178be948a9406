/** What of a value is handed over to its thread, and what became of that. */
import { ReturnError } from '../errors.js';
import { shown } from '../options.js';

/** A call that objects were handed over to. */
interface Taker {
  readonly signal: AbortSignal;
  failure?: { readonly error: unknown };
}

/** Of what was handed over nothing is left for another attempt: that fails with the error of the first, and not with one about the copying. */
export class Transfers<T> {
  private readonly takers = new WeakMap<object, Taker>();

  constructor(private readonly transfer: (value: T) => readonly object[]) {}

  /** Calls `run` with the objects to hand over. */
  run<R>(stage: string, value: T, signal: AbortSignal, run: (list: readonly object[]) => Promise<R>): Promise<R> {
    const list: unknown = this.transfer(value);
    if (!isList(list)) {
      throw new ReturnError(stage, list, `\`transfer\` returned ${shown(list)}, expected an array of objects`);
    }
    for (const object of list) {
      const before = this.takers.get(object);
      if (before?.signal.aborted) return Promise.reject(before.signal.reason as unknown);
      if (before?.failure !== undefined) return Promise.reject(before.failure.error);
    }
    const taker: Taker = { signal };
    for (const object of list) this.takers.set(object, taker);
    const result = run(list);
    result.catch((error: unknown) => (taker.failure = { error }));
    return result;
  }
}

function isList(list: unknown): list is readonly object[] {
  return Array.isArray(list) && list.every((it: unknown) => typeof it === 'object' && it !== null);
}
