/** An abort signal that is made when it is looked at, also after the abort; most are not. */

/** What has such a signal: functions, not a base class, for a pool makes one of these for each value. */
export interface Abortable {
  abortState: AbortController | Aborted | undefined;
}

class Aborted {
  constructor(readonly reason: unknown) {}
}

export function signalOf(owner: Abortable): AbortSignal {
  const { abortState } = owner;
  if (abortState instanceof AbortController) return abortState.signal;
  const controller = new AbortController();
  owner.abortState = controller;
  if (abortState !== undefined) controller.abort(abortState.reason);
  return controller.signal;
}

/** Makes no signal. */
export function isAborted({ abortState }: Abortable): boolean {
  return abortState instanceof AbortController ? abortState.signal.aborted : abortState !== undefined;
}

export function abort(owner: Abortable, reason?: unknown): void {
  if (owner.abortState instanceof AbortController) owner.abortState.abort(reason);
  else owner.abortState ??= new Aborted(reason);
}
