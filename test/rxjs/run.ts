/** One pipeline at work: sources that honour demand → an operator → a stage → a consumer that takes one value at a time. */
import { AsyncSubject, concatWith, from, Observable, VirtualTimeScheduler, type SchedulerLike } from 'rxjs';
import { demandOf, pull, Sink } from '../../src/index.js';
import { countAlive } from './garbage.js';
import { digestOf, Gauge } from './gauge.js';

/** How many values a source has unless told otherwise. */
export const LENGTH = 1_000;

/** A value of a source: an object, so that one can see who keeps it. */
export interface Item {
  readonly n: number;
}

/** What an operator is applied to. */
export interface Probe {
  /** A synchronous source that honours demand. */
  readonly source: (length?: number) => Observable<Item>;
  /** One that takes a millisecond for each value, as an asynchronous iterable may. */
  readonly paced: (length?: number) => Observable<Item>;
  /** The clock of everything that takes time. It stands still but for `Run.wait`. */
  readonly time: SchedulerLike;
}

export type Apply = (probe: Probe) => Observable<unknown>;

export class Run {
  /** What the consumer took. */
  readonly taken: string[] = [];
  /** Values read from all sources. */
  read = 0;
  /** Those that were read while the stage asked for nothing. */
  unasked = 0;
  private readonly time = new VirtualTimeScheduler();
  private readonly items: WeakRef<Item>[] = [];
  private readonly sink: Sink<string>;
  private gauge: Gauge | undefined;
  private ended = false;
  /** Sources stay open behind their last value until `letEnd`, or what is kept until the end would not be seen. */
  private readonly end = new AsyncSubject<never>();

  constructor(apply: Apply, capacity: number) {
    const { time } = this;
    const operated = apply({
      source: (length) => pull(this.counted(length)).pipe(concatWith(this.end)),
      paced: (length) => paced(this.counted(length), time).pipe(concatWith(this.end)),
      time,
    });
    const ended = (): void => void (this.ended = true);
    const gauged = new Observable<string>((out) => void operated.subscribe((this.gauge = new Gauge(out, capacity))));
    this.sink = Sink.on(gauged, { next: (digest) => this.taken.push(digest), error: ended, complete: ended });
  }

  /** Values that came to the stage beyond its capacity, at most. */
  get beyond(): number {
    return this.gauge!.beyond;
  }

  /** Values that were read and are still in memory: the stage and the consumer keep none, so the operator does. */
  get alive(): number {
    return countAlive(this.items);
  }

  wait(ms: number): void {
    advance(this.time, ms);
  }

  /** Takes values one at a time, waiting for each, until there are `count` or no more come. */
  take(count: number): void {
    while (this.taken.length < count && !this.ended) {
      const before = this.taken.length;
      if (this.sink.requested === 0) this.sink.request(1);
      for (let i = 0; this.taken.length === before && i < PATIENCE; i++) this.wait(1);
      if (this.taken.length === before) return;
    }
  }

  /** Lets the sources end that have sent all of their values. */
  letEnd(): void {
    this.end.complete();
  }

  /** Read anew by each subscription. */
  private counted(length?: number): Iterable<Item> {
    return items(length, (item) => {
      this.read++;
      if (this.gauge!.requested <= 0) this.unasked++;
      this.items.push(new WeakRef(item));
    });
  }
}

/** What plain RxJS makes of the same: `from` in the place of `pull`, nobody limits. */
export function plainResult(apply: Apply): string[] {
  const time = new VirtualTimeScheduler();
  const result: string[] = [];
  apply({
    source: (length) => from(items(length)),
    paced: (length) => paced(items(length), time),
    time,
  }).subscribe({ next: (value) => result.push(digestOf(value)), error: () => undefined });
  advance(time, 20 * LENGTH);
  return result;
}

/** How long to wait for a value, in milliseconds, before it is taken for granted that none comes. */
const PATIENCE = 200;

/** `length` new items. Not a generator: while it rests, that would keep the item it gave last. */
function items(length: number = LENGTH, onRead: (item: Item) => void = () => undefined): Iterable<Item> {
  return {
    [Symbol.iterator]: () => {
      let n = 0;
      return {
        next: () => {
          if (n === length) return { done: true, value: undefined };
          const item = { n: n++ };
          onRead(item);
          return { done: false, value: item };
        },
      };
    },
  };
}

/** Reads a value a millisecond while there is demand for it. */
function paced<T>(values: Iterable<T>, time: SchedulerLike): Observable<T> {
  return new Observable((subscriber) => {
    const demand = demandOf(subscriber);
    const iterator = values[Symbol.iterator]();
    let waiting = false;
    const tick = (): void => {
      waiting = false;
      if (demand.requested <= 0) return;
      const result = iterator.next();
      if (result.done) return subscriber.complete();
      subscriber.next(result.value);
      ask();
    };
    const ask = (): void => {
      if (waiting || subscriber.closed || demand.requested <= 0) return;
      waiting = true;
      subscriber.add(time.schedule(tick, 1));
    };
    subscriber.add(demand.onRequest(ask));
    ask();
  });
}

function advance(time: VirtualTimeScheduler, ms: number): void {
  const end = time.frame + ms;
  time.maxFrames = end;
  time.flush();
  time.frame = end;
}
