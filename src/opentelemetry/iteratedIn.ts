/** Iterables whose code runs in a context of OpenTelemetry. */
import { context, type Context } from '@opentelemetry/api';
import { isObservable } from 'rxjs';

/** One of values, or of promises of them: they are only passed on. */
type AnyIterator = Iterator<unknown>;

/** `result`, where it is an iterable one whose iterator runs in `active`, whoever asks it for more. */
export function iteratedIn(active: Context, result: unknown): unknown {
  if (typeof result !== 'object' || result === null) return result;
  if (isObservable(result) || Array.isArray(result) || 'getReader' in result) return result; // no code of the user's runs in their iterators
  const iterable = result as Record<symbol, (() => AnyIterator) | undefined>;
  const key = [Symbol.asyncIterator, Symbol.iterator].find((symbol) => typeof iterable[symbol] === 'function');
  if (key === undefined) return result;
  return {
    [key]: () =>
      boundTo(
        active,
        context.with(active, () => iterable[key]!()),
      ),
  };
}

function boundTo(active: Context, iterator: AnyIterator): object {
  return {
    next: () => context.with(active, () => iterator.next()),
    ...(iterator.return && { return: () => context.with(active, () => iterator.return!()) }),
  };
}
