/** A source that reads only what was asked for. */
import { Observable, type Subscriber } from 'rxjs';
import { SourceError } from '../../errors.js';
import { checkOptions, COUNT, expected, shown } from '../../options.js';
import { RingBuffer } from '../../core/ringBuffer.js';
import { demandOf, NOTHING, type Counting, type Demand, type Draining } from '../demand.js';
import { tellDropped } from '../dropped.js';
import { letGo } from './letGo.js';
import { streamIterator } from './streamIterator.js';

/** What `pull` can read. */
export type PullInput<T> = Iterable<T> | AsyncIterable<T> | ReadableStream<T>;

/** Options of `pull`, for asynchronous inputs. */
export interface PullOptions {
  /**
   * Reads in flight at most; never more than there is demand for. Raise it for an input that answers several `next()` calls
   * at once; results are emitted in the order they were asked for. An integer of at least 1, not `Infinity`. Default: 1.
   */
  readAhead?: number | undefined;
}

/**
 * Reads an iterable, an async iterable or a web `ReadableStream` only as fast as the pipeline downstream takes values.
 *
 * Use it in the place of `from` wherever a slower consumer is to slow the reading. Not for sources that push: those go
 * through a `boundedBuffer`. Without a stage downstream that limits, it reads everything, as `from` does.
 *
 * Each subscription reads `input` anew, as `for..of` would; a generator or a stream can be read once. Order: as read. On
 * unsubscribe, an early end downstream included, the input is let go by `return()` or `cancel()`; what these throw is
 * reported as unhandled, for there is no stream left to carry it. A value that arrives when the room has gone to another
 * source is held, and emitted when there is room.
 *
 * ```ts
 * import { boundedBuffer, pool, pull } from 'sluice';
 *
 * let read = 0;
 * function* naturals() {
 *   for (;;) yield ++read;
 * }
 *
 * const subscription = pull(naturals())
 *   .pipe(pool(() => new Promise<never>(() => {}), { concurrency: 4, waiting: 2 }))
 *   .subscribe();
 * console.log(read); // => 6
 * subscription.unsubscribe();
 * ```
 *
 * @returns a cold Observable that honours demand
 * @throws OptionError at the call when `input` can not be read or an option is wrong
 * @throws SourceError in the stream when a ReadableStream is locked already
 */
export function pull<T>(input: PullInput<T>, options: PullOptions = {}): Observable<T> {
  checkOptions('pull', options, { readAhead: COUNT });
  const { readAhead = 1 } = options;
  if ((typeof input === 'object' && input !== null) || typeof input === 'string') {
    if (isStream(input)) return asynchronous(() => streamIterator(input), readAhead);
    const source = input as Partial<Iterable<T> & AsyncIterable<T>>;
    if (Array.isArray(input)) return array(input as readonly T[]);
    if (typeof source[Symbol.asyncIterator] === 'function') {
      return asynchronous(() => source[Symbol.asyncIterator]!(), readAhead);
    }
    if (typeof source[Symbol.iterator] === 'function') return synchronous(source as Iterable<T>);
  }
  return expected('input', 'an iterable, an async iterable or a ReadableStream', input);
}

function isStream<T>(input: PullInput<T>): input is ReadableStream<T> {
  return typeof (input as Partial<ReadableStream<T>>)?.getReader === 'function';
}

/** Runs `read` while there is demand and when there is again; a call during a call returns at once. In a drain it calls `stop`, and completes. */
function onDemand(subscriber: Subscriber<never>, demand: Demand, read: () => void, stop: () => void): void {
  let reading = false;
  let stopped = false;
  const go = (): void => {
    if (reading) return;
    reading = true;
    try {
      read();
    } finally {
      reading = false;
    }
    if (stopped && !subscriber.closed) subscriber.complete(); // it was while a value was read, or given on
  };
  subscriber.add(demand.onRequest(go));
  subscriber.add(
    demand.onDrain?.(() => {
      stopped = true;
      stop();
      if (!reading) subscriber.complete();
    }),
  );
  go();
}

function array<T>(values: readonly T[]): Observable<T> {
  return new Observable((subscriber) => {
    let demand = demandOf(subscriber);
    let i = 0;
    const read = (): void => {
      while (i < values.length) {
        if (subscriber.closed || demand.requested <= 0) return;
        subscriber.next(values[i++] as T);
      }
      subscriber.complete();
    };
    onDemand(subscriber, demand, read, () => (demand = NOTHING));
  });
}

function synchronous<T>(values: Iterable<T>): Observable<T> {
  return new Observable((subscriber) => {
    const iterator = checkedIterator(values[Symbol.iterator]());
    let demand = demandOf(subscriber); // after it, for it may drain the pipeline
    let open = true;
    let insideNext = false;
    subscriber.add(() => {
      if (open && !insideNext) letGo(iterator);
    });
    const read = (): void => {
      while (!subscriber.closed && demand.requested > 0) {
        let done: boolean | undefined;
        let value: T | undefined;
        insideNext = true;
        try {
          // What an iterator answers may be anything: `done` and `value` are read once, here, for reading them may throw.
          const result = checkedResult(iterator.next());
          done = result.done;
          if (!done) value = result.value as T;
        } catch (error) {
          open = false;
          return subscriber.error(error);
        } finally {
          insideNext = false;
        }
        if (done) {
          open = false;
          return subscriber.complete();
        }
        // A generator that unsubscribes its own reader is still running then, and can be told to return only now.
        if (subscriber.closed) {
          tellDropped(value, 'cancelled');
          return letGo(iterator);
        }
        subscriber.next(value as T);
      }
    };
    onDemand(subscriber, demand, read, () => (demand = NOTHING));
  });
}

function asynchronous<T>(open: () => AsyncIterator<T>, readAhead: number): Observable<T> {
  return new Observable((subscriber) => {
    new AsyncReader(subscriber, checkedIterator(open()), readAhead);
  });
}

/**
 * Reads an async iterator by demand. A value is *asked for*, then *held* if there is no room for it when it comes, then emitted.
 * Those asked for and those held never pass `readAhead` together, nor what was requested when they were asked for.
 */
class AsyncReader<T> implements Counting {
  private readonly demand: Demand;
  /** Promises not answered. Only the oldest is waited for, the others are in `later`: an iterator may answer out of turn. */
  private asked = 0;
  private readonly later = new RingBuffer<Promise<IteratorResult<T>>>(2);
  private readonly held = new RingBuffer<T>(2);
  /** Values that were given on. */
  private given = 0;
  private reading = false;
  /** A drain began: nothing more is asked for. */
  private stopped = false;
  private end: { readonly error: unknown } | 'complete' | undefined;

  constructor(
    private readonly subscriber: Subscriber<T>,
    private readonly iterator: AsyncIterator<T>,
    private readonly readAhead: number,
  ) {
    this.demand = demandOf(subscriber);
    subscriber.add(() => {
      if (this.end === undefined && !this.stopped) letGo(iterator);
      for (let i = 0; i < this.held.size; i++) tellDropped(this.held.at(i), 'cancelled'); // a drain counts them still
    });
    subscriber.add(this.demand.onRequest(this.go));
    subscriber.add(this.demand.onDrain?.((draining) => this.stop(draining)));
    this.go();
  }

  get ledger(): Counting['ledger'] {
    const { given: out, held } = this;
    return { stage: 'pull', in: out + held.size, out, dropped: 0, reasons: {}, held: held.size };
  }

  /** Lets the input go, which answers what was asked for: what comes by that is still given on. */
  private stop(draining: Draining): void {
    this.stopped = true;
    if (this.asked + this.held.size > 0) draining.watch(this);
    if (this.end === undefined) letGo(this.iterator);
    this.go();
  }

  private readonly go = (): void => {
    if (this.reading) return;
    this.reading = true;
    try {
      this.read();
    } finally {
      this.reading = false;
    }
  };

  private read(): void {
    const { subscriber, demand, held } = this;
    while (held.size > 0 && demand.requested > 0 && !subscriber.closed) {
      const value = held.shift();
      this.given++; // before, for that may drain the pipeline
      subscriber.next(value);
    }
    if (subscriber.closed) return;
    if (this.stopped && this.end === undefined) {
      if (this.asked === 0 && held.size === 0) subscriber.complete();
    } else if (this.end === undefined) {
      const open = (): boolean => !subscriber.closed && !this.stopped;
      while (open() && this.asked + held.size < Math.min(this.readAhead, demand.requested)) this.ask();
    } else if (held.size === 0) {
      if (this.end === 'complete') subscriber.complete();
      else subscriber.error(this.end.error);
    }
  }

  private ask(): void {
    let result: Promise<IteratorResult<T>>;
    try {
      result = this.iterator.next();
      if (!(result instanceof Promise)) result = Promise.resolve(result);
    } catch (error) {
      result = Promise.reject(error);
    }
    if (this.asked++ === 0) return this.await(result);
    this.later.push(result);
    result.catch(() => undefined); // looked at when its turn comes
  }

  private await(result: Promise<IteratorResult<T>>): void {
    result.then(this.onResult, this.onFailure);
  }

  private readonly onResult = (result: IteratorResult<T>): void => {
    if (this.end === undefined) {
      try {
        if (checkedResult(result).done) this.end = 'complete';
        else this.held.push(result.value as T);
        if (this.subscriber.closed) tellDropped(result.value, 'cancelled');
      } catch (error) {
        this.end = { error };
      }
    }
    this.answered();
  };

  private readonly onFailure = (error: unknown): void => {
    this.end ??= { error };
    this.answered();
  };

  private answered(): void {
    this.asked--;
    if (this.later.size > 0) this.await(this.later.shift());
    this.go();
  }
}

function checkedIterator<I extends { next: unknown }>(iterator: I): I {
  if (typeof (iterator as I | undefined)?.next === 'function') return iterator;
  throw new SourceError(
    `The source gave ${shown(iterator)} as its iterator, expected an object with a method \`next\``,
  );
}

/** As in `for..of`: an iterator that answers otherwise would be read for ever. */
function checkedResult<R>(result: R): R {
  if (typeof result === 'object' && result !== null) return result;
  throw noResult(result);
}

function noResult(result: unknown): SourceError {
  return new SourceError(`The iterator answered ${shown(result)}, expected an object with \`value\` and \`done\``);
}
