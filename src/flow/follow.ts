/** Options that are Observables: what one tunes while values flow. */
import type { Observable, Subscription } from 'rxjs';
import { SourceError } from '../errors.js';
import { check, type Rule } from '../options.js';

/** Who follows, and what it does with a value and an error. */
export interface Follower<V> {
  readonly stage: string;
  readonly option: string;
  readonly rule: Rule;
  readonly apply: (value: V) => void;
  readonly fail: (error: unknown) => void;
  /** Called at the end, when there was a value. */
  readonly complete?: () => void;
}

/** Applies each value that is as the rule says; any other, an error and an end without a value are failures. The last value stays. */
export function follow<V>(
  values: Observable<V>,
  { stage, option, rule, apply, fail, complete }: Follower<V>,
): Subscription {
  let known = false;
  return values.subscribe({
    next: (value) => {
      try {
        check(option, rule, value);
      } catch (error) {
        return fail(error);
      }
      known = true;
      apply(value);
    },
    error: fail,
    complete: () => {
      if (known) complete?.();
      else fail(new SourceError(`\`${stage}\`: \`${option}\` completed without a value`));
    },
  });
}
