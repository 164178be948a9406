import { Observable, Subject, timer } from 'rxjs';
import { describe, expect, test } from 'vitest';
import {
  boundedQueue,
  elastic,
  OptionError,
  pool,
  pull,
  type ElasticOptions,
  type PoolFigures,
} from '../../../src/index.js';
import { VirtualTime } from '../../../src/testing/index.js';
import { JumpingClock } from './jumpingClock.js';

/** Work that takes `ms`. */
const after = (time: VirtualTime, ms: number): Observable<number> => timer(ms, time.scheduler);

function* endless(): Generator<number> {
  for (let i = 0; ; i++) yield i;
}

describe('elastic', () => {
  test('grows with the arrivals, shrinks when fewer have been enough for a while, and then has no timer', () => {
    const time = new VirtualTime();
    const source = new Subject<number>();
    let pooled!: { figures(): PoolFigures };
    let peak = 0;
    source
      .pipe(
        pool(() => after(time, 100), {
          concurrency: elastic({ min: 2, max: 50, stabilise: 2_000, smoothing: 1_000 }),
          waiting: Infinity,
          scheduler: time.scheduler,
          monitor: { add: (stage) => (pooled = stage as never) },
        }),
      )
      .subscribe();
    const run = (ms: number, every: number): void => {
      for (let t = 0; t < ms; t += every) {
        source.next(t);
        time.advanceBy(every);
        peak = Math.max(peak, pooled.figures().running);
      }
    };
    run(5_000, 10); // 100 a second of 100 ms: 10 at once, and a margin
    expect(peak).toBeGreaterThanOrEqual(10);
    expect(peak).toBeLessThanOrEqual(20);
    peak = 0;
    time.advanceBy(20_000);
    expect(time.pending).toBe(0);
    for (let i = 0; i < 30; i++) source.next(i);
    expect(pooled.figures().running).toBe(2);
    time.advanceBy(60_000);
    expect(pooled.figures().held).toBe(0);
    source.complete();
    expect(time.pending).toBe(0);
  });

  test.each([-3_600_000, -10_000, 3_600_000])('a clock that jumps by %i ms holds nothing up', (jump) => {
    const time = new VirtualTime();
    const clock = new JumpingClock(time);
    const source = new Subject<number>();
    let pooled!: { figures(): PoolFigures };
    source
      .pipe(
        pool(() => after(time, 100), {
          concurrency: elastic({ min: 1, max: 100, stabilise: 2_000 }),
          waiting: Infinity,
          scheduler: clock,
          monitor: { add: (stage) => (pooled = stage as never) },
        }),
      )
      .subscribe();
    const run = (ms: number, every: number): void => {
      for (let t = 0; t < ms; t += every) {
        source.next(t);
        time.advanceBy(every);
      }
    };
    run(10_000, 20); // 50 a second of 100 ms: 5 at once
    clock.by += jump;
    run(10_000, 4); // 250 a second: 25
    expect(pooled.figures().waiting).toBeLessThanOrEqual(1);
    time.advanceBy(60_000);
    expect(time.pending).toBe(0);
    for (let i = 0; i < 100; i++) source.next(i);
    expect(pooled.figures().running).toBe(1);
  });

  test('never above max, and a source that always has more takes it there', () => {
    const time = new VirtualTime();
    let running = 0;
    let peak = 0;
    const work = (): Observable<number> =>
      new Observable((subscriber) => {
        peak = Math.max(peak, ++running);
        const call = after(time, 50).subscribe({ complete: () => subscriber.complete() });
        return () => {
          running--;
          call.unsubscribe();
        };
      });
    const subscription = pull(Array.from({ length: 10_000 }, (_, i) => i))
      .pipe(pool(work, { concurrency: elastic({ min: 1, max: 7 }), scheduler: time.scheduler }))
      .subscribe();
    time.advanceBy(10_000);
    expect(peak).toBe(7);
    subscription.unsubscribe();
    expect(time.pending).toBe(0);
  });

  test.each([undefined, 0, 3])(
    'behind a source that always has more, with waiting %s, it gets there within five looks',
    (waiting) => {
      const time = new VirtualTime();
      let pooled!: { figures(): PoolFigures };
      const monitor = { add: (stage: unknown) => (pooled = stage as typeof pooled) };
      const options = { concurrency: elastic({ min: 1, max: 50 }), waiting, scheduler: time.scheduler, monitor };
      const subscription = pull(endless())
        .pipe(pool(() => after(time, 20), options))
        .subscribe();
      time.advanceBy(2_500);
      expect(pooled.figures().running).toBe(50);
      subscription.unsubscribe();
    },
  );

  test('and behind one that has not, what is needed and no more, however little may wait', () => {
    const time = new VirtualTime();
    const queue = boundedQueue<number>({ capacity: 1_000 });
    let pooled!: { figures(): PoolFigures };
    const monitor = { add: (stage: unknown) => (pooled = stage as typeof pooled) };
    const options = { concurrency: elastic({ min: 1, max: 200 }), scheduler: time.scheduler, monitor };
    const subscription = queue.pipe(pool(() => after(time, 100), options)).subscribe();
    let most = 0;
    for (let t = 0; t < 60_000; t += 20) {
      queue.offer(t); // 50 a second of 100 ms: 5 at once
      time.advanceBy(20);
      if (t > 5_000) expect(pooled.figures().waiting).toBeLessThanOrEqual(1);
      most = Math.max(most, pooled.figures().concurrency);
    }
    expect(most).toBeLessThanOrEqual(20);
    expect(pooled.figures().concurrency).toBeLessThanOrEqual(9);
    subscription.unsubscribe();
  });

  test('each pool begins anew', () => {
    const rule = elastic({ min: 3, max: 5 });
    const seen: number[] = [];
    const fake = {
      name: 'fake',
      figures: () => ({}) as never,
      now: () => 0,
      resize: (n: number) => seen.push(n),
      lookIn: () => undefined,
    };
    rule.attach(fake);
    rule.attach(fake);
    expect(seen).toEqual([3, 3]);
  });

  test.each<[options: object, message: string]>([
    [{ min: 1 }, 'Expected `max` to be a positive integer'],
    [{ min: 2.5, max: 4 }, 'Expected `min` to be a positive integer or Infinity, got 2.5 (number)'],
    [{ min: 0, max: 4 }, 'Expected `min` to be a positive integer or Infinity, got 0 (number)'],
    [{ min: 5, max: 4 }, 'Expected `max` to be an integer of at least `min`, which is 5, got 4 (number)'],
    [{ min: 1, max: 4, drainWithin: 0 }, 'Expected `drainWithin`'],
    [{ min: 1, max: 4, evry: 5 }, 'Did you mean `every`?'],
  ])('refuses %j', (options, message) => {
    expect(() => elastic(options as ElasticOptions)).toThrow(OptionError);
    expect(() => elastic(options as ElasticOptions)).toThrow(message);
  });
});
