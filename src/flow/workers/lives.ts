/** The workers of one pool: made when a call needs one, used by one call at a time, given up. */
import { from, Observable, tap, type SchedulerLike } from 'rxjs';
import { IdleStack } from '../../core/idleStack.js';
import { WorkerCreateError } from '../../errors.js';
import { backoffDelay } from '../control/backoffDelay.js';
import type { Settling, WorkerContext } from '../operators/poolCall.js';
import { sourceOf, type WorkerSession } from '../operators/poolWorkers.js';
import { SteadyTime } from '../steadyTime.js';
import { Timer } from '../timer.js';
import { reportUnhandled } from '../unhandled.js';
import { Coming } from './coming.js';
import type { LifeSettings } from './workerLife.js';

/** A call in the line: told its worker, or, by an error, that there is none. */
type Hire<W> = (worker: () => W) => void;

/**
 * A worker is *coming* (see `Coming`), then *busy* and *idle* in turn, then *given up*: its call was aborted, it is not healthy, there are
 * more than may be, it was idle for too long, or the stream has ended.
 *
 * There are never more than calls run, or `max`: one is made only for a call that waits, that none is idle for and none comes for.
 */
export class Lives<W, T, R> implements WorkerSession<T, R> {
  private readonly idle = new IdleStack<W>();
  private readonly coming = new Set<Coming<W>>();
  /** How many of those are checked. */
  private checks = 0;
  private readonly line = new Set<Hire<W>>();
  private busy = 0;
  private closed = false;
  private serving = false;
  private again = false;
  private readonly time: SteadyTime;
  private readonly timer: Timer;

  constructor(
    private readonly life: LifeSettings<W, T>,
    private concurrency: number,
    scheduler: SchedulerLike,
    private readonly name: string,
  ) {
    this.time = new SteadyTime(scheduler);
    this.timer = new Timer(this.time, () => this.onTime());
  }

  /** The call itself where a worker is there; else what waits for one. The pool measures and judges promises: they go to it as they are. */
  run(value: T, context: WorkerContext): Promise<R> | Observable<R> {
    let found: (() => W) | undefined;
    const leave = this.queue((worker) => (found = worker));
    if (found !== undefined) return this.work(found(), value, context);
    leave();
    return new Observable((subscriber) => {
      const { settle } = subscriber as Partial<Settling<R>>; // of a pool's, of this copy of the package or another
      const fail = (error: unknown): void => subscriber.error(error);
      const start = (worker: () => W): void => {
        try {
          const result = this.work(worker(), value, context);
          if (subscriber.closed) return;
          if (settle === undefined || !(result instanceof Promise)) from(result).subscribe(subscriber);
          else result.then(settle.bind(subscriber), fail);
        } catch (error) {
          fail(error);
        }
      };
      const leave = this.queue(start);
      subscriber.add(() => {
        if (leave()) this.tidy();
      });
    });
  }

  resize(concurrency: number): void {
    this.concurrency = concurrency;
    this.tidy();
  }

  close(): void {
    this.closed = true;
    this.line.clear();
    this.timer.set(Infinity);
    const coming = [...this.coming];
    this.coming.clear();
    for (const one of coming) {
      one.abort();
      if (one.checked !== undefined) this.giveUp(one.checked.worker);
    }
    while (this.idle.size > 0) this.giveUp(this.idle.shift());
  }

  /** Puts a call in the line; returns what takes it out, and says whether it was still there. */
  private queue(hire: Hire<W>): () => boolean {
    this.line.add(hire);
    this.serve();
    return () => this.line.delete(hire);
  }

  /** All workers, and those on their way. */
  private get size(): number {
    return this.busy + this.idle.size + this.coming.size;
  }

  private work(worker: W, value: T, context: WorkerContext): Promise<R> | Observable<R> {
    let over = false;
    const end = (usable: boolean): void => {
      if (over) return;
      over = true;
      this.busy--;
      if (usable) this.keep(worker);
      else this.giveUp(worker);
      this.tidy();
    };
    const abort = (): void => end(false); // nobody knows what an aborted call does to its worker
    const fail = (): void => end(true);
    const complete = (): void => {
      end(true);
      this.serve();
    };
    try {
      if (this.closed) throw new DOMException('the stream has ended', 'AbortError');
      const result: unknown = this.life.run(worker, value, context);
      if (this.closed) abort();
      if (!(result instanceof Promise)) {
        return sourceOf<R>(this.name, result).pipe(tap({ complete, error: fail, unsubscribe: abort }));
      }
      const { signal } = context;
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort);
      const ended = (end: () => void) => (): void => {
        signal.removeEventListener('abort', abort);
        end();
      };
      result.then(ended(complete), ended(fail)); // before the pool, which then finds the worker idle
      return result as Promise<R>;
    } catch (error) {
      fail();
      throw error;
    }
  }

  /** Gives each call in the line a worker, or sees to it that one comes. One loop at a time, so that the stack stays flat. */
  private serve(): void {
    if (this.serving) {
      this.again = true;
      return;
    }
    this.serving = true;
    do {
      this.again = false;
      while (this.canReuse) this.reuse(this.idle.pop());
      while (this.canMake) this.make(new Coming<W>());
    } while (this.again);
    this.serving = false;
    this.tidy();
  }

  private get canReuse(): boolean {
    return !this.closed && this.idle.size > 0 && this.line.size > this.checks;
  }

  private get canMake(): boolean {
    return !this.closed && this.idle.size === 0 && this.line.size > this.coming.size && this.size < this.life.max;
  }

  /** Gives up workers above the concurrency and attempts that no call waits for, and sets the timer for what comes first. */
  private tidy(): void {
    if (this.serving) return;
    while (this.idle.size > 0 && this.size > this.concurrency && !this.canReuse) this.giveUp(this.idle.shift());
    if (this.closed) return;
    for (const one of this.coming) if (one.delayed && this.coming.size > this.line.size) this.coming.delete(one);
    const now = this.time.now();
    // Not at once: a call that failed, or was aborted, may be the first sign of the stream's end.
    let next = this.canReuse || this.canMake ? now : this.retireAt(now);
    for (const { due } of this.coming) next = Math.min(next, due);
    this.timer.set(next);
  }

  private onTime(): void {
    const now = this.time.now();
    for (const one of [...this.coming]) {
      if (one.due > now || !this.coming.has(one)) continue;
      if (one.delayed) this.make(one);
      else one.timeOut(new DOMException(`no answer within ${this.life.timeout} ms`, 'TimeoutError'));
    }
    while (!this.closed && this.retireAt(now) <= now) this.giveUp(this.idle.shift());
    this.serve();
  }

  /** When the worker that has been idle longest is to go. */
  private retireAt(now: number): number {
    const { idleTimeout, min } = this.life;
    return this.size > min ? this.idle.idleSince(now) + idleTimeout : Infinity;
  }

  private get answerBy(): number {
    return this.time.now() + this.life.timeout;
  }

  private make(one: Coming<W>): void {
    this.coming.add(one);
    one.attempts++;
    one.ask(this.answerBy, (attempt) => this.life.create(attempt), {
      answered: (worker) => this.came(one, worker),
      failed: (error) => this.failed(one, error),
      late: (worker) => this.giveUp(worker),
    });
  }

  private failed(one: Coming<W>, error: unknown): void {
    const { attempts, backoff } = this.life;
    try {
      if (one.attempts >= attempts) throw new WorkerCreateError(this.name, one.attempts, error);
      one.delay = backoffDelay(this.name, backoff, one.attempts, one.delay, error);
      one.due = this.time.now() + one.delay;
    } catch (thrown) {
      this.coming.delete(one);
      this.answer(() => {
        throw thrown;
      });
    }
    this.tidy();
  }

  private reuse(worker: W): void {
    const { healthy } = this.life;
    if (healthy === undefined) return this.provide(worker);
    const one = new Coming({ worker });
    this.coming.add(one);
    this.checks++;
    const answered = (fit: boolean): void => {
      this.checks--;
      if (fit) return this.came(one, worker);
      this.coming.delete(one);
      this.giveUp(worker);
      this.serve();
    };
    one.ask(this.answerBy, () => healthy(worker), { answered, failed: () => answered(false) });
  }

  private came(one: Coming<W>, worker: W): void {
    this.coming.delete(one);
    this.provide(worker);
    this.serve();
  }

  private provide(worker: W): void {
    if (this.line.size === 0) return this.keep(worker);
    this.busy++;
    this.answer(() => worker);
  }

  /** Tells the first call in the line. */
  private answer(worker: () => W): void {
    const [first] = this.line;
    if (first === undefined) return;
    this.line.delete(first);
    first(worker);
  }

  /** For the next call; if there are too many of them, `tidy` sees to it. */
  private keep(worker: W): void {
    if (this.closed) this.giveUp(worker);
    else this.idle.push(worker, this.time.now());
  }

  private giveUp(worker: W): void {
    const { destroy } = this.life;
    if (destroy !== undefined) new Promise((resolve) => resolve(destroy(worker))).catch(reportUnhandled);
  }
}
