/** Draining random pipelines at random instants: each value that was taken is accounted for, once. */
import fc from 'fast-check';
import { merge, Observable, tap, type OperatorFunction, type SchedulerLike } from 'rxjs';
import { expect, test } from 'vitest';
import {
  boundedBuffer,
  boundedQueue,
  drain,
  pool,
  pull,
  rateLimit,
  shed,
  type DrainReceipt,
  type Drop,
} from '../../src/index.js';
import { ManualSource, VirtualTime } from '../../src/testing/index.js';

const runs = Number(process.env['SLUICE_RUNS'] ?? 1_000);
/** One pipeline is to be over by then, in virtual milliseconds. */
const LONG = 5_000;

type SourceKind = 'array' | 'generator' | 'async' | 'queue' | 'hot';
type StageKind = 'buffer' | 'pool' | 'promises' | 'in order' | 'by key' | 'rate' | 'shed';

class Pipeline {
  readonly time = new VirtualTime();
  readonly taken = new Set<number>();
  readonly delivered: number[] = [];
  readonly drops: Drop<number>[] = [];
  readonly queue = boundedQueue<number>({ capacity: 3 });
  readonly hot = new ManualSource<number>();
  ended = false;
  /** Iterators that were opened and not let go. */
  open = 0;
  /** Values that the asynchronous input gave. */
  reads = 0;
  /** Those of them that came out of its `pull`. */
  given = 0;
  /** Calls of workers that run. */
  working = 0;
  private next = 0;

  constructor(sources: readonly SourceKind[], stages: readonly StageKind[]) {
    const inputs = sources.map((kind) => this.source(kind));
    const operators = stages.map((kind, i) => this.stage(kind, i)) as [OperatorFunction<number, number>];
    this.subscription = merge(...inputs)
      .pipe(...operators)
      .subscribe({ next: (value) => this.delivered.push(value), complete: () => (this.ended = true) });
  }

  readonly subscription;

  /** What pushes, pushes; then a millisecond passes. */
  async step(): Promise<void> {
    const offered = this.next++;
    if (this.queue.offer(offered) === 'accepted') this.taken.add(offered);
    if (this.hot.open > 0) this.hot.send(this.take());
    this.time.advanceBy(1);
    for (let turn = 0; turn < 12; turn++) await Promise.resolve();
  }

  private take(): number {
    this.taken.add(this.next);
    return this.next++;
  }

  private source(kind: SourceKind): Observable<number> {
    const { scheduler } = this.time;
    const take = (): number => this.take();
    const opened = (change: 1 | -1): number => (this.open += change);
    if (kind === 'queue') return this.queue;
    if (kind === 'hot') {
      return this.hot.pipe(boundedBuffer({ capacity: 2, overflow: 'drop-oldest', scheduler, onDrop: this.note }));
    }
    if (kind === 'array') {
      const values = Array.from({ length: 20 }, () => this.next++);
      return pull(values).pipe((source) => this.noting(source));
    }
    if (kind === 'generator') {
      return pull(
        (function* () {
          opened(1);
          try {
            for (let n = 0; n < 60; n++) yield take();
          } finally {
            opened(-1);
          }
        })(),
      );
    }
    const read = (): number => {
      this.reads++;
      return this.next++;
    };
    const wait = (ms: number): Promise<void> => new Promise((resolve) => void scheduler.schedule(() => resolve(), ms));
    return pull(
      (async function* () {
        opened(1);
        try {
          for (let n = 0; n < 60; n++) {
            await wait(n % 3);
            yield read();
          }
        } finally {
          opened(-1);
        }
      })(),
    ).pipe(
      (source) => this.noting(source),
      tap(() => this.given++),
    );
  }

  /** What an array has, or an asynchronous input was asked for, is taken when it comes. */
  private noting(source: Observable<number>): Observable<number> {
    return new Observable((subscriber) => {
      const next = subscriber.next.bind(subscriber);
      subscriber.next = (value) => {
        this.taken.add(value);
        next(value);
      };
      source.subscribe(subscriber);
    });
  }

  private readonly note = (drop: Drop<number>): void => void this.drops.push(drop);

  private stage(kind: StageKind, i: number): OperatorFunction<number, number> {
    const { scheduler } = this.time;
    const common = { scheduler, onDrop: this.note, name: `${kind} ${i}` };
    if (kind === 'buffer') return boundedBuffer({ capacity: 3, ...common });
    if (kind === 'rate') return rateLimit({ rate: 500, burst: 2, mode: 'paced', ...common });
    if (kind === 'shed') return shed({ capacity: 4, priority: (value) => value % 3, maxAge: 30, ...common });
    if (kind === 'pool') return pool((value) => this.work(value, scheduler), { concurrency: 2, ...common });
    if (kind === 'promises') return pool(async (value) => value, { concurrency: 2, ...common });
    const work = (value: number): Observable<number> => this.work(value, scheduler);
    if (kind === 'in order') return pool(work, { concurrency: 3, order: 'source', window: 4, ...common });
    return pool(work, { concurrency: 2, key: (value) => value % 2, ...common });
  }

  private work(value: number, scheduler: SchedulerLike): Observable<number> {
    return new Observable((subscriber) => {
      this.working++;
      subscriber.add(() => this.working--);
      subscriber.add(
        scheduler.schedule(
          () => {
            subscriber.next(value);
            subscriber.complete();
          },
          1 + (value % 7),
        ),
      );
    });
  }
}

const sources = fc.uniqueArray(fc.constantFrom<SourceKind>('array', 'generator', 'async', 'queue', 'hot'), {
  minLength: 1,
  maxLength: 3,
});
const stages = fc.array(
  fc.constantFrom<StageKind>('buffer', 'pool', 'promises', 'in order', 'by key', 'rate', 'shed'),
  { minLength: 2, maxLength: 5 },
);
const within = fc.oneof(fc.constant(Infinity), fc.constant(0), fc.nat(40));

const ascending = (a: number, b: number): number => a - b;

test('each value that was taken is done, released, dropped or abandoned', { timeout: 120_000 }, async () => {
  const endings = new Set<string>();
  await fc.assert(
    fc.asyncProperty(sources, stages, fc.nat(30), within, async (kinds, operators, before, limit) => {
      const pipeline = new Pipeline(kinds, operators);
      const { time, subscription, delivered, drops } = pipeline;
      for (let ms = 0; ms < before; ms++) await pipeline.step();

      const finished = subscription.closed;
      const doneBefore = delivered.length;
      const droppedBefore = drops.length;
      let receipt: DrainReceipt | undefined;
      const draining = drain(subscription, { within: limit, scheduler: time.scheduler });
      const { reads } = pipeline;
      const { out } = pipeline.queue.ledger;
      const [taken, size] = [pipeline.taken.size, pipeline.queue.size];
      void draining.then((value) => (receipt = value));
      for (let ms = 0; receipt === undefined; ms++) {
        if (ms > LONG) throw new Error('It does not end');
        await pipeline.step();
      }
      endings.add(receipt.ended);

      // Nothing was taken anew but what had been asked for: one value of the asynchronous input, or one that it held.
      const isOffered = pipeline.queue.size + pipeline.queue.ledger.out - size - out;
      expect(pipeline.reads - reads).toBeLessThanOrEqual(1);
      expect(pipeline.taken.size - taken - isOffered).toBeLessThanOrEqual(kinds.includes('async') ? 1 : 0);
      const consumed = kinds.includes('queue') && !finished;
      if (consumed) expect([pipeline.queue.closed, isOffered]).toEqual([true, 0]);

      // Each value is in one place.
      const left: number[] = [];
      pipeline.queue.complete();
      pipeline.queue.subscribe((value) => left.push(value));
      const all = [...delivered, ...drops.map(({ value }) => value), ...left].sort(ascending);
      expect(all).toEqual([...pipeline.taken].sort(ascending));

      // The receipt says which.
      const since = drops.slice(droppedBefore);
      const cancelled = since.filter(({ reason }) => reason === 'cancelled');
      const abandoned = cancelled.filter(({ begun }) => begun).length;
      const waiting = consumed ? left.length : 0;
      const read = receipt.stages.find(({ stage }) => stage === 'pull')?.released ?? 0;
      expect(pipeline.reads - pipeline.given).toBeGreaterThanOrEqual(read);
      expect(receipt).toMatchObject({
        done: delivered.length - doneBefore,
        abandoned,
        released: cancelled.length - abandoned + waiting + read,
        dropped: since.length - cancelled.length,
      });
      for (const { held, in: came, out, released, dropped, abandoned } of receipt.stages) {
        expect(out + released + dropped + abandoned).toBe(held + came);
      }
      if (limit === Infinity) expect([receipt.ended, cancelled.length]).toEqual([finished ? 'before' : 'complete', 0]);
      expect(pipeline.ended).toBe(receipt.ended === 'complete' || finished);

      // Nothing is left over.
      expect([pipeline.working, pipeline.hot.open]).toEqual([0, 0]);
      while (time.pending > 0) await pipeline.step(); // an async generator is let go when what it waits for has come
      expect(pipeline.open).toBe(0);
    }),
    { numRuns: runs },
  );
  expect([...endings].sort()).toEqual(expect.arrayContaining(['complete', 'time']));
});
