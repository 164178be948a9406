import { concat, Observable, Subject, take, throwError, timer } from 'rxjs';
import { describe, expect, test } from 'vitest';
import {
  pool,
  ReturnError,
  scaleSignal,
  type PoolOptions,
  type ScaledPool,
  type ScaleSignal,
  type ScaleSignalOptions,
} from '../../../src/index.js';
import { VirtualTime } from '../../../src/testing/index.js';

/** One consumer in virtual time, with calls of 100 ms. */
class Run {
  readonly time: VirtualTime = new VirtualTime();
  readonly source: Subject<number> = new Subject<number>();
  readonly scale: ScaleSignal;
  running = 0;
  peak = 0;
  end: unknown;
  subscription: { unsubscribe(): void };

  constructor(options: Partial<ScaleSignalOptions> = {}, poolOptions: Partial<PoolOptions<number>> = {}) {
    this.scale = scaleSignal({ concurrency: 4, max: 10, scheduler: this.time.scheduler, ...options });
    this.subscription = this.subscribe(poolOptions);
  }

  subscribe(poolOptions: Partial<PoolOptions<number>> = {}): { unsubscribe(): void } {
    const work = (): Observable<number> =>
      new Observable((subscriber) => {
        this.peak = Math.max(this.peak, ++this.running);
        subscriber.add(() => this.running--);
        return timer(100, this.time.scheduler).subscribe(subscriber);
      });
    const { scheduler } = this.time;
    return this.source
      .pipe(pool(work, { concurrency: this.scale, waiting: Infinity, scheduler, ...poolOptions }))
      .subscribe({ error: (error: unknown) => (this.end = error), complete: () => (this.end = 'complete') });
  }

  /** Sends a value every so many milliseconds, for so long. */
  send(ms: number, every: number): this {
    for (let at = 0; at < ms; at += every) {
      this.source.next(at);
      this.time.advanceBy(every);
    }
    return this;
  }
}

describe('scaleSignal', () => {
  test('wants arrivals times the time of a call, and a margin, in consumers', () => {
    const run = new Run();
    expect([run.scale.value, run.scale.load]).toEqual([1, 0]);
    run.send(30_000, 50); // 20 a second of 100 ms: 2 at once, and sqrt(2)
    expect(run.scale.load).toBe(1);
    expect(run.scale.value).toBe(1);
    run.subscription.unsubscribe();
  });

  test('leaves the concurrency as it is, and wants more consumers when the work does not fit', () => {
    const run = new Run();
    run.send(20_000, 10); // 100 a second of 100 ms: 10 at once, 4 fit
    expect(run.peak).toBe(4);
    expect(run.scale.load).toBeGreaterThan(10 / 4);
    expect(run.scale.value).toBe(Math.ceil(run.scale.load));
    run.send(120_000, 10);
    expect(run.scale.value).toBe(10); // what waits grows and grows
    run.subscription.unsubscribe();
  });

  test('a share of less than a consumer is a fraction, so that of many less are wanted', () => {
    const run = new Run();
    run.send(60_000, 1_000); // 1 a second of 100 ms
    expect(run.scale.load).toBe(0.25);
    expect(run.scale.value).toBe(1);
    run.subscription.unsubscribe();
  });

  test('fewer only when they have been enough for a while; an idle pool then has no timer', () => {
    const run = new Run({ stabilise: 10_000 });
    run.send(20_000, 30); // 33 a second: 3.3 at once, and sqrt(3.3)
    const high = run.scale.value;
    expect(high).toBe(2);
    while (run.running > 0) run.time.advanceBy(100);
    run.time.advanceBy(5_000);
    expect(run.scale.value).toBe(high);
    run.time.advanceBy(60_000);
    expect(run.scale.value).toBe(1);
    expect(run.time.pending).toBe(0);
    run.subscription.unsubscribe();
  });

  test('the part of what waits outside counts', () => {
    const run = new Run({ backlog: () => 1_000 });
    run.send(10_000, 500);
    expect(run.scale.load).toBeGreaterThan((1_000 * 100) / 10_000 / 4);
    run.subscription.unsubscribe();
  });

  test('value$ has the value at once and then its changes only, and one timer while it is subscribed', () => {
    const run = new Run();
    const seen: number[] = [];
    const pending = run.time.pending;
    const following = run.scale.value$.subscribe((value) => seen.push(value));
    expect(run.time.pending).toBe(pending + 1);
    run.send(20_000, 10);
    expect(seen[0]).toBe(1);
    expect(seen.at(-1)).toBe(run.scale.value);
    expect(seen.every((value, i) => value !== seen[i - 1])).toBe(true);
    expect(seen.length).toBeLessThan(12);
    run.subscription.unsubscribe();
    following.unsubscribe();
    expect(run.time.pending).toBe(0);
  });

  test('value$ may be left in its callback', () => {
    const run = new Run();
    run.scale.value$.pipe(take(1)).subscribe();
    expect(run.time.pending).toBe(0);
    run.subscription.unsubscribe();
  });

  test('a stream that is subscribed again goes on with what is known', () => {
    const run = new Run();
    run.send(20_000, 10);
    const { load } = run.scale;
    run.subscription.unsubscribe();
    expect(run.scale.load).toBe(load);
    run.subscription = run.subscribe();
    run.source.next(1);
    expect(run.scale.load).toBe(load);
    run.subscription.unsubscribe();
    const ended: number[] = [];
    for (let looks = 0; looks < 200; looks++) {
      run.time.advanceBy(1_000);
      ended.push(run.scale.load);
    }
    expect([ended[0], ended.at(-1)]).toEqual([load, 0.25]);
  });

  test('a stream that is subscribed again and again takes no more memory', () => {
    const scale = scaleSignal({ concurrency: 4, max: 10 });
    let looks = 0;
    const figures = { now: 0, arrived: 0, waiting: 0, room: 0, running: 0, held: 0, concurrency: 4 };
    for (let i = 0; i < 100; i++) {
      scale.attach({
        name: 'ended',
        closed: true,
        figures: () => {
          looks++;
          return figures;
        },
        now: () => 0,
        resize: () => undefined,
        lookIn: () => undefined,
      } as ScaledPool);
    }
    looks = 0;
    expect(scale.load).toBe(0.25);
    expect(looks).toBe(1);
  });

  test('what waits when the source has ended still counts', () => {
    const run = new Run({ drainWithin: 1_000, stabilise: 1, smoothing: 100, max: 100 });
    run.send(2_000, 2); // 1,000, of which 40 are done in a second
    run.source.complete();
    run.time.advanceBy(4_500);
    expect(run.scale.load).toBeGreaterThan(10); // some 700 wait, which are 70 at once for a second
    run.time.advanceBy(10);
    expect(run.scale.load).toBeGreaterThan(10);
    run.subscription.unsubscribe();
  });

  test('pools at the same time are worth the highest of their numbers', () => {
    const run = new Run();
    const other = run.subscribe();
    run.send(10_000, 20);
    const both = run.scale.load;
    other.unsubscribe();
    run.subscription.unsubscribe();
    const alone = new Run();
    alone.send(10_000, 20);
    expect(both).toBe(alone.scale.load);
    alone.subscription.unsubscribe();
  });

  test.each([-1, NaN, '8', undefined])('a backlog of %s ends the stream with a ReturnError', (backlog) => {
    const run = new Run({ backlog: () => backlog as number });
    run.send(1_000, 500);
    if (backlog === undefined) expect(run.end).toBeUndefined();
    else expect(run.end).toBeInstanceOf(ReturnError);
    run.subscription.unsubscribe();
    expect(run.time.pending).toBe(0);
  });

  test('a backlog that throws ends the stream with its error', () => {
    const broken = new Error('no connection');
    const run = new Run({
      backlog: () => {
        throw broken;
      },
    });
    run.source.next(1);
    expect(run.end).toBe(broken);
  });

  test('errors of the work and of the source pass as ever', () => {
    const scale = scaleSignal({ concurrency: 1, max: 1 });
    let error: unknown;
    concat(
      [1],
      throwError(() => 'source'),
    )
      .pipe(pool((value: number) => [value], { concurrency: scale }))
      .subscribe({ error: (thrown: unknown) => (error = thrown) });
    expect(error).toBe('source');
  });

  test.each([
    [{ max: 1 }, 'concurrency'],
    [{ concurrency: 1 }, 'max'],
    [{ concurrency: 0, max: 1 }, 'concurrency'],
    [{ concurrency: Infinity, max: 1 }, 'concurrency'],
    [{ concurrency: 1.5, max: 1 }, 'concurrency'],
    [{ concurrency: 1, max: Infinity }, 'max'],
    [{ concurrency: 1, max: 1, min: 2 }, 'max'],
    [{ concurrency: 1, max: 2, min: 0 }, 'min'],
    [{ concurrency: 1, max: 2, backlog: 5 }, 'backlog'],
    [{ concurrency: 1, max: 2, drainWithin: 0 }, 'drainWithin'],
    [{ concurrency: 1, max: 2, smoothing: -1 }, 'smoothing'],
    [{ concurrency: 1, max: 2, stabilise: NaN }, 'stabilise'],
    [{ concurrency: 1, max: 2, every: 0 }, 'every'],
    [{ concurrency: 1, max: 2, scheduler: 1 }, 'scheduler'],
    [{ concurrency: 1, maxx: 2 }, 'maxx'],
  ])('%o throws at the call, for `%s`', (options, option) => {
    expect(() => scaleSignal(options as never)).toThrow(expect.objectContaining({ code: 'SLUICE_OPTION', option }));
  });
});
