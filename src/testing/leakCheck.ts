/** Finds out whether something is left over: timers, listeners on abort signals, handles. */

/** What `leakCheck` returns. */
export interface LeakCheck {
  /** Stops watching; throws an `Error` that names what was begun since the start and is still there. Waits a few turns for handles. */
  check(): Promise<void>;
}

/**
 * Watches timers, abort-signal listeners and (in Node) handles from now on; `check` says which of them are left.
 *
 * Call it before each test and `check` after it, in any test runner. One check at a time: it wraps the global timer functions.
 *
 * ```ts
 * import { leakCheck } from 'sluice/testing';
 *
 * const leaks = leakCheck();
 * const timer = setInterval(() => {}, 1_000);
 * await leaks.check().catch((error) => console.log(error.message));
 * // => Left over: setInterval
 * clearInterval(timer);
 * ```
 */
export function leakCheck(): LeakCheck {
  const handlesBefore = handles();
  const timers = watchTimers();
  const listeners = watchAbortListeners();
  return {
    check: async () => {
      timers.stop();
      listeners.stop();
      const left = [...timers.left(), ...listeners.left(), ...(await newHandles(handlesBefore))];
      if (left.length > 0) throw new Error(`Left over: ${left.join(', ')}`);
    },
  };
}

interface Watch {
  stop(): void;
  /** A word for each thing that is left. */
  left(): string[];
}

type Globals = Record<string, (...args: never[]) => unknown>;

function watchTimers(): Watch {
  const globals = globalThis as unknown as Globals;
  const running = new Map<unknown, string>();
  const originals = new Map<string, Globals[string]>();
  const replace = (name: string, make: (original: (...args: unknown[]) => unknown) => Globals[string]): void => {
    const original = globals[name];
    if (original === undefined) return; // setImmediate is Node's
    originals.set(name, original);
    const watched = make(original as (...args: unknown[]) => unknown);
    // Node keeps there what `promisify(setTimeout)` is to call.
    for (const key of Object.getOwnPropertySymbols(original)) {
      Object.defineProperty(watched, key, Object.getOwnPropertyDescriptor(original, key)!);
    }
    globals[name] = watched;
  };
  for (const name of ['setTimeout', 'setInterval', 'setImmediate']) {
    replace(name, (original) => (callback: (...args: unknown[]) => void, ...rest: unknown[]) => {
      const fired = (...args: unknown[]): void => {
        if (name !== 'setInterval') running.delete(timer);
        callback(...args);
      };
      const timer = original(fired, ...rest);
      running.set(timer, name);
      watchMethods(timer, {
        close: () => running.delete(timer),
        [DISPOSE]: () => running.delete(timer),
        refresh: () => running.set(timer, name),
      });
      return timer;
    });
  }
  for (const name of ['clearTimeout', 'clearInterval', 'clearImmediate']) {
    replace(name, (original) => (timer: unknown) => {
      if (typeof timer === 'object') running.delete(timer);
      else for (const known of running.keys()) if (Number(known) === Number(timer)) running.delete(known); // by its id
      original(timer);
    });
  }
  return {
    stop: () => {
      for (const [name, original] of originals) globals[name] = original;
    },
    left: () => [...running.values()],
  };
}

const DISPOSE = (Symbol as { dispose?: symbol }).dispose ?? Symbol('dispose');

/** Calls each of `watchers` before the method of its name, where `timer` has it: Node's timers are objects, a browser's numbers. */
function watchMethods(timer: unknown, watchers: Record<PropertyKey, () => void>): void {
  if (typeof timer !== 'object' || timer === null) return;
  const methods = timer as Record<PropertyKey, unknown>;
  for (const name of Reflect.ownKeys(watchers)) {
    const method = methods[name];
    if (typeof method !== 'function') continue;
    const value = function (this: unknown, ...args: unknown[]): unknown {
      watchers[name]!();
      return method.apply(this, args);
    };
    Object.defineProperty(timer, name, { value, configurable: true, writable: true });
  }
}

function watchAbortListeners(): Watch {
  const prototype = EventTarget.prototype;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- put back as they were, called with `this`
  const { addEventListener, removeEventListener } = prototype;
  const kept = new Map<AbortSignal, Set<unknown>>();
  prototype.addEventListener = function (this: EventTarget, type: string, listener, options): void {
    if (this instanceof AbortSignal && type === 'abort' && listener !== null) {
      if (!kept.has(this)) kept.set(this, new Set());
      kept.get(this)!.add(listener);
    }
    addEventListener.call(this, type, listener, options);
  };
  prototype.removeEventListener = function (this: EventTarget, type: string, listener, options): void {
    if (this instanceof AbortSignal && type === 'abort') kept.get(this)?.delete(listener);
    removeEventListener.call(this, type, listener, options);
  };
  return {
    stop: () => Object.assign(prototype, { addEventListener, removeEventListener }),
    left: () =>
      [...kept].flatMap(([signal, listeners]) => (signal.aborted ? [] : [...listeners].map(() => 'abort listener'))),
  };
}

/** Handles that Node has open, by kind, without the timers that are watched otherwise. */
function handles(): Map<string, number> {
  const { process } = globalThis as { process?: { getActiveResourcesInfo?(): string[] } };
  const counts = new Map<string, number>();
  for (const kind of process?.getActiveResourcesInfo?.() ?? []) {
    if (/Timeout|Immediate|MessagePort|TickObject/.test(kind)) continue;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** The kinds of which there are more than `before`, once closing has had its time. */
async function newHandles(before: Map<string, number>): Promise<string[]> {
  for (let turn = 0; ; turn++) {
    const more = [...handles()].filter(([kind, count]) => count > (before.get(kind) ?? 0)).map(([kind]) => kind);
    if (more.length === 0 || turn === CLOSING_TURNS) return more;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** How many turns of the event loop a handle may take to close. */
const CLOSING_TURNS = 100;
