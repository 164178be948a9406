/** Which span a value came from. */
import { context, type Context } from '@opentelemetry/api';
import { check, OBJECT } from '../options.js';

/** Notes from which span values came, as long as they live. */
export interface SpanSources<T extends object> {
  /** Notes that `value` comes from the span that is active, and returns it. */
  mark<V extends T>(value: V): V;
  /** Notes that `value` comes from where `from` came from, and returns it: for a `map` that makes another object. */
  derive<V extends T>(value: V, from: object): V;
  /** The context that was noted; undefined where none was. What `traced` takes as its `source`. */
  readonly of: (value: object) => Context | undefined;
}

/**
 * Remembers for each value the span in which it was made, a request's for one, for `traced` to link the span of its work to.
 *
 * Use it where values are objects, and `mark` is called where they enter the pipeline. Nothing is put into the values, and nothing is kept
 * longer than they are. Not where a value carries its context itself, as a message does in its headers: give `traced` a `source` that reads it.
 *
 * ```ts no-run: needs a request
 * import { boundedQueue, pool } from 'sluice';
 * import { spanSources, traced } from 'sluice/opentelemetry';
 *
 * interface Order { readonly id: number }
 * const sources = spanSources<Order>();
 * const orders = boundedQueue<Order>({ capacity: 1_000 });
 *
 * const handle = (order: Order) => orders.offer(sources.mark(order)); // inside of the request's span
 * orders
 *   .pipe(pool(traced(async ({ id }) => `sent ${id}`, { source: sources.of }), { concurrency: 8, name: 'send' }))
 *   .subscribe();
 * ```
 *
 * @throws OptionError at `mark` and `derive` when the value is no object
 */
export function spanSources<T extends object>(): SpanSources<T> {
  const contexts = new WeakMap<object, Context>();
  const note = <V extends T>(value: V, from: Context | undefined): V => {
    check('value', OBJECT, value, 'spanSources');
    if (from !== undefined) contexts.set(value, from);
    return value;
  };
  return {
    mark: (value) => note(value, context.active()),
    derive: (value, from) => note(value, contexts.get(from)),
    of: (value) => contexts.get(value),
  };
}
