import { guarded } from '../flow/unhandled.js';

/** One listener for a signal, whoever waits with it: a platform takes more than ten for a leak, and says so. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `action` when `signal` aborts. `action` may be there once. */
export function onAbort(signal: AbortSignal, action: () => void): void {
  const there = waiting.get(signal);
  if (there !== undefined) return void there.add(action);
  const actions = new Set([action]);
  waiting.set(signal, actions);
  signal.addEventListener('abort', abort);
}

/** Does not call it any more. */
export function offAbort(signal: AbortSignal, action: () => void): void {
  const actions = waiting.get(signal);
  if (actions?.delete(action) !== true || actions.size > 0) return;
  waiting.delete(signal);
  signal.removeEventListener('abort', abort);
}

function abort(this: AbortSignal): void {
  const actions = waiting.get(this);
  if (actions === undefined) return;
  waiting.delete(this);
  this.removeEventListener('abort', abort);
  for (const action of actions) guarded(action);
}
