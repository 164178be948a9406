/** Workers that are made, used for many values, and given up: connections, browsers, sessions. */
import type { SchedulerLike } from 'rxjs';
import { WorkerCreateError } from '../../errors.js';
import { checkOptions, FUNCTION, POSITIVE, required } from '../../options.js';
import type { WorkerContext } from '../operators/poolCall.js';
import type { WorkerSession, WorkerSource } from '../operators/poolWorkers.js';
import { Timer } from '../timer.js';
import { reportUnhandled } from '../unhandled.js';

/** How workers are made, used and given up. */
export interface WorkerLife<W, T, R> {
  /** Makes a worker: opens a connection, starts a browser. Called when a value needs one and none is idle. Required. */
  create: () => W | PromiseLike<W>;
  /** Does the work on a value with a worker that does nothing else meanwhile. Required. */
  run: (worker: W, value: T, context: WorkerContext) => R | PromiseLike<R>;
  /** Gives a worker up; waited for by nobody, and what it throws is reported as unhandled. Default: nothing to do. */
  destroy?: ((worker: W) => unknown) | undefined;
  /** Asked before a worker is used again; one that is not, or throws, is replaced. Default: always healthy. */
  healthy?: ((worker: W) => boolean | PromiseLike<boolean>) | undefined;
  /** Attempts to make a worker, 100 ms apart and then twice as long each time, up to 10 s. An integer of at least 1. Default: 8. */
  attempts?: number | undefined;
}

/**
 * Workers for a `pool` that live longer than one call: as many as calls run at once, each used by one call at a time.
 *
 * Use it where setting up is dear: database connections, browsers, sockets with a login. Not for plain functions, and not for work that
 * needs a CPU of its own: that is `threads` of `sluice/threads`.
 *
 * A worker is made when a value needs one, and kept for the next. When the pool's concurrency falls, idle workers are given up, the
 * longest idle first; one that works finishes. A call that times out, or is aborted, gives its worker up at once, for nobody knows what
 * state it is in. When the stream ends all are given up.
 *
 * ```ts
 * import { pool, pull, workers } from 'sluice';
 *
 * let opened = 0;
 * const connections = workers({
 *   create: () => ({ id: ++opened }),
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
 * @throws WorkerCreateError in the stream when `create` failed `attempts` times for one value
 */
export function workers<W, T, R>(life: WorkerLife<W, T, R>): WorkerSource<T, R> {
  checkOptions('workers', life, {
    create: required(FUNCTION),
    run: required(FUNCTION),
    destroy: FUNCTION,
    healthy: FUNCTION,
    attempts: POSITIVE,
  });
  return { open: (concurrency, scheduler) => new Lives(life, concurrency, scheduler) };
}

/** A worker is *made*, then *busy* and *idle* in turn, then *given up*. */
class Lives<W, T, R> implements WorkerSession<T, R> {
  /** The longest idle first. */
  private readonly idle: W[] = [];
  /** Workers that are made, or being made. */
  private alive = 0;
  private closed = false;

  constructor(
    private readonly life: WorkerLife<W, T, R>,
    private concurrency: number,
    private readonly scheduler: SchedulerLike,
  ) {}

  async run(value: T, context: WorkerContext): Promise<R> {
    const { signal } = context;
    const worker = await this.take(signal);
    let busy = true;
    const done = (usable: boolean): void => {
      if (!busy) return;
      busy = false;
      signal.removeEventListener('abort', abort);
      if (usable && !this.closed && this.alive <= this.concurrency) this.idle.push(worker);
      else this.giveUp(worker);
    };
    const abort = (): void => done(false);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    signal.throwIfAborted();
    try {
      return await this.life.run(worker, value, context);
    } finally {
      done(true);
    }
  }

  resize(concurrency: number): void {
    this.concurrency = concurrency;
    while (this.alive > concurrency && this.idle.length > 0) this.giveUp(this.idle.shift()!);
  }

  close(): void {
    this.closed = true;
    for (const worker of this.idle.splice(0)) this.giveUp(worker);
  }

  private async take(signal: AbortSignal): Promise<W> {
    for (let worker = this.idle.pop(); worker !== undefined; worker = this.idle.pop()) {
      if (await this.isHealthy(worker)) return worker;
      this.giveUp(worker);
    }
    this.alive++;
    try {
      return await this.make(signal);
    } catch (error) {
      this.alive--;
      throw error;
    }
  }

  private async make(signal: AbortSignal): Promise<W> {
    const { attempts = 8, create } = this.life;
    for (let attempt = 1; ; attempt++) {
      try {
        return await create();
      } catch (error) {
        if (attempt >= attempts) throw new WorkerCreateError(attempt, error);
        await this.pause(Math.min(10_000, 100 * 2 ** (attempt - 1)), signal);
      }
    }
  }

  private pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = new Timer(this.scheduler, () => {
        signal.removeEventListener('abort', abort);
        resolve();
      });
      const abort = (): void => {
        timer.set(Infinity);
        reject(signal.reason as Error);
      };
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort, { once: true });
      timer.set(this.scheduler.now() + ms);
    });
  }

  private async isHealthy(worker: W): Promise<boolean> {
    try {
      return (await this.life.healthy?.(worker)) ?? true;
    } catch {
      return false;
    }
  }

  private giveUp(worker: W): void {
    this.alive--;
    new Promise((resolve) => resolve(this.life.destroy?.(worker))).catch(reportUnhandled);
  }
}
