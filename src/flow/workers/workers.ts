/** Workers that are made, used for many values, and given up: connections, browsers, sessions. */
import type { ObservableInput, ObservedValueOf } from 'rxjs';
import {
  checkOptions,
  checkRange,
  DURATION,
  expected,
  FUNCTION,
  NOT_NEGATIVE,
  POSITIVE,
  required,
} from '../../options.js';
import { exponential } from '../control/backoff.js';
import { BACKOFF } from '../control/backoffDelay.js';
import type { WorkerSource } from '../operators/poolWorkers.js';
import { Lives } from './lives.js';
import type { CreateContext, LifeSettings, WorkerLife } from './workerLife.js';

export type { CreateContext, WorkerLife };

/**
 * Workers for a `pool` that live longer than one call: each is used by one call at a time, and kept for the next.
 *
 * Use it where setting up is dear: database connections, browsers, sockets with a login. Not for plain functions, and not for work that
 * needs a CPU of its own: that is `threads` of `sluice/threads`.
 *
 * A worker is made when a call needs one and none is idle: never more than calls run, and never more calls run than `max`. The last one used is used again first. The call waits
 * meanwhile, in its slot, and the pool's `timeout` counts that time. A call that was aborted, by a timeout or by the stream's end, has its
 * worker destroyed at once, for nobody knows what state that is in; one that failed does not, unless `healthy` says so. When the pool's
 * concurrency falls, idle workers above it are destroyed at once, the longest idle first, and busy ones when their call ends. When the
 * stream ends all are, and those that are still made then as soon as they are there.
 *
 * It is a function of its own, and not a form of `pool`, so that a bundle without it does not carry its code.
 *
 * ```ts
 * import { pool, pull, workers } from 'sluice';
 *
 * let opened = 0;
 * const connections = workers({
 *   create: async () => ({ id: ++opened }),
 *   run: async (connection, query: string) => `${query} on ${connection.id}`,
 *   destroy: (connection) => console.log(`closed ${connection.id}`),
 * });
 * pull(['a', 'b', 'c'])
 *   .pipe(pool(connections, { concurrency: 1 }))
 *   .subscribe((result) => console.log(result));
 * // => a on 1
 * // => b on 1
 * // => c on 1
 * // => closed 1
 * ```
 *
 * @returns what `pool` takes as its worker; each subscription has workers of its own
 * @throws OptionError at the call when an option is wrong
 * @throws WorkerCreateError in the stream when no worker could be made in `attempts` attempts
 * @throws ReturnError in the stream when `run` returns nothing that can be waited for, or `backoff` no number
 */
export function workers<W, T, O extends ObservableInput<unknown>>(
  life: WorkerLife<W, T, O>,
): WorkerSource<T, ObservedValueOf<O>> {
  checkOptions('workers', life, {
    create: required(FUNCTION),
    run: required(FUNCTION),
    destroy: FUNCTION,
    healthy: FUNCTION,
    max: POSITIVE,
    idleTimeout: DURATION,
    min: NOT_NEGATIVE,
    attempts: POSITIVE,
    backoff: BACKOFF,
    timeout: DURATION,
  });
  const { create, run, destroy, healthy, max = Infinity, min = 0, attempts = 8 } = life;
  const { idleTimeout = Infinity, timeout = Infinity, backoff = exponential({ base: 100, max: 10_000 }) } = life;
  checkRange(min, max, 'workers');
  if (min > 0 && life.idleTimeout === undefined) {
    expected('idleTimeout', 'a number of milliseconds where there is a `min`', undefined, 'workers');
  }
  const settings: LifeSettings<W, T> = {
    ...{ create, run, destroy, healthy },
    ...{ max, idleTimeout, min, attempts, backoff, timeout },
  };
  return {
    max,
    open: (concurrency, scheduler, name = 'workers') => new Lives(settings, concurrency, scheduler, name),
  };
}
