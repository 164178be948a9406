import fc from 'fast-check';
import { filter, map, mergeMap, NEVER, Observable, of, Subject, Subscriber, timer, type SchedulerLike } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { boundedBuffer, boundedQueue, broadcast, OptionError, pool, pull, rateLimit, shed, type Drop } from 'sluice';
import { createMonitor, type Monitor, type Snapshot, type StageSnapshot, type Stall } from 'sluice/monitor';
import { ManualConsumer, ManualSource, VirtualTime } from 'sluice/testing';

function* numbers(count = Infinity): Generator<number> {
  for (let i = 0; i < count; i++) yield i;
}

const after =
  (ms: number, scheduler: SchedulerLike) =>
  (value: number): Observable<number> =>
    timer(ms, scheduler).pipe(map(() => value));

const only = ({ stages }: Snapshot): StageSnapshot => {
  expect(stages).toHaveLength(1);
  return stages[0]!;
};

describe('counts', () => {
  test('each stage, those nearest to the source first, and what feeds what', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler });
    const subscription = pull(numbers())
      .pipe(
        boundedBuffer({ name: 'buffer', capacity: 10, monitor, scheduler }),
        boundedBuffer({ capacity: 1 }), // not monitored: it is looked through
        filter((value) => value % 2 === 0),
        pool(after(10, scheduler), { name: 'work', concurrency: 2, waiting: 2, monitor, scheduler }),
      )
      .subscribe();
    time.advanceBy(25);
    const [buffer, work] = monitor.snapshot().stages;
    expect(buffer).toMatchObject({ stage: 'buffer', active: true, feeds: 'work', capacity: 10 });
    expect(work).toMatchObject({
      stage: 'work',
      active: true,
      feeds: undefined,
      in: 8,
      out: 4,
      dropped: 0,
      reasons: {},
      held: 4,
      capacity: 4,
      requested: 0,
      pool: { running: 2, waiting: 2, concurrency: 2 },
    });
    expect(buffer!.in).toBe(buffer!.out + buffer!.held);
    subscription.unsubscribe();
    expect(monitor.snapshot().stages[1]).toMatchObject({
      active: false,
      in: 8,
      out: 4,
      dropped: 4,
      reasons: { cancelled: 4 },
      held: 0,
    });
  });

  test('in = out + dropped + held in every snapshot, whenever it is taken, and across subscriptions', () => {
    const actions = fc.array(fc.constantFrom('send', 'send', 'request', 'advance', 'resubscribe'), { maxLength: 60 });
    fc.assert(
      fc.property(actions, fc.constantFrom('drop-oldest', 'drop-newest'), (actions, overflow) => {
        const time = new VirtualTime();
        const { scheduler } = time;
        const monitor = createMonitor({ scheduler, window: 100 });
        let sent = 0;
        let dropped = 0;
        const check = (): void => {
          for (const { in: came, out, held, ...stage } of monitor.snapshot().stages) {
            expect(came).toBe(out + stage.dropped + held);
            expect(Object.values(stage.reasons).reduce((sum, count) => sum + count, 0)).toBe(stage.dropped);
          }
        };
        monitor.drops$.subscribe(() => {
          dropped++;
          check();
        });
        const source = new Subject<number>();
        const values = source.pipe(
          boundedBuffer({ name: 'buffer', capacity: 2, overflow, monitor, scheduler }),
          pool(after(5, scheduler), { name: 'work', concurrency: 1, waiting: 1, monitor, scheduler }),
        );
        let consumer = new ManualConsumer(values, check);
        for (const action of actions) {
          if (action === 'send') source.next(sent++);
          if (action === 'request') consumer.request(1);
          if (action === 'advance') time.advanceBy(3);
          if (action === 'resubscribe') {
            consumer.unsubscribe();
            consumer = new ManualConsumer(values, check);
          }
          check();
        }
        consumer.unsubscribe();
        const [buffer, work] = monitor.snapshot().stages;
        expect(buffer).toMatchObject({ in: sent, held: 0 });
        expect(buffer!.dropped + work!.dropped).toBe(dropped);
      }),
      { numRuns: 300 },
    );
  });

  test('a name that is subscribed again goes on counting; one at work can not be used twice', () => {
    const monitor = createMonitor();
    const twice = of(1, 2, 3).pipe(boundedBuffer({ name: 'buffer', capacity: 1, monitor }));
    twice.subscribe();
    twice.subscribe();
    expect(only(monitor.snapshot())).toMatchObject({ in: 6, out: 6, active: false });

    const errors: unknown[] = [];
    const endless = NEVER.pipe(boundedBuffer({ name: 'buffer', capacity: 1, monitor }));
    const first = endless.subscribe();
    endless.subscribe({ error: (error) => errors.push(error) });
    expect(errors).toEqual([expect.any(OptionError)]);
    expect(errors[0]).toMatchObject({
      option: 'name',
      received: 'buffer',
      message: "Expected `name` to be another: a stage of that name is at work in this monitor, got 'buffer' (string)",
    });
    expect(only(monitor.snapshot())).toMatchObject({ active: true });
    first.unsubscribe();
    endless.subscribe().unsubscribe();
  });

  test('a stage whose stream is over before it begins', () => {
    const monitor = createMonitor();
    const closed = new Subscriber<number>();
    closed.unsubscribe();
    of(1)
      .pipe(boundedBuffer({ capacity: 1, monitor }))
      .subscribe(closed);
    expect(only(monitor.snapshot())).toMatchObject({ stage: 'boundedBuffer', active: false, in: 0, held: 0 });
    expect(monitor.explain()).toBe('nothing limits: no stage is at work');
  });

  test('a queue, from when it is made until it has ended, and what it feeds', async () => {
    const monitor = createMonitor();
    const queue = boundedQueue<number>({ name: 'orders', capacity: 2, monitor });
    queue.offer(1);
    queue.offer(2);
    expect(only(monitor.snapshot())).toMatchObject({ stage: 'orders', held: 2, capacity: 2, requested: 0, in: 2 });
    const consumer = new ManualConsumer(queue.pipe(boundedBuffer({ name: 'buffer', capacity: 1, monitor })));
    const { stages } = monitor.snapshot();
    expect(stages.map(({ stage, feeds, held }) => ({ stage, feeds, held }))).toEqual([
      { stage: 'orders', feeds: 'buffer', held: 1 },
      { stage: 'buffer', feeds: undefined, held: 1 },
    ]);
    const sending = queue.send(3);
    queue.complete();
    consumer.request(9);
    await sending;
    expect(consumer.values).toEqual([1, 2, 3]);
    const [orders] = monitor.snapshot().stages;
    expect(orders).toMatchObject({ active: false, in: 3, out: 3, held: 0 });
    expect(orders!.wait).toMatchObject({ count: expect.any(Number) as number });
  });

  test('figures of stages that have ended can be forgotten', () => {
    const monitor = createMonitor();
    const subscription = NEVER.pipe(boundedBuffer({ name: 'buffer', capacity: 1, monitor })).subscribe();
    expect(monitor.forget('buffer')).toBe(false);
    expect(monitor.forget('other')).toBe(false);
    subscription.unsubscribe();
    expect(monitor.forget('buffer')).toBe(true);
    expect(monitor.snapshot().stages).toEqual([]);
  });
});

describe('time', () => {
  test('what is busy, blocked and starved is all there is, to the millisecond over a whole life', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler, window: 1_000 });
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(
      source.pipe(pool(after(100, scheduler), { name: 'work', concurrency: 1, waiting: 0, monitor, scheduler })),
    );
    time.advanceBy(200); // starved
    source.send(1);
    time.advanceBy(400); // 100 busy, 300 blocked
    consumer.request(1);
    time.advanceBy(300); // starved
    const { total, perSecond, limits } = only(monitor.snapshot());
    expect(total.busy + total.blocked + total.starved).toBeCloseTo(900);
    expect(Math.abs(total.busy - 100)).toBeLessThan(15); // it looks every 10 ms
    expect(Math.abs(total.blocked - 300)).toBeLessThan(15);
    expect(perSecond.busy + perSecond.blocked + perSecond.starved).toBeCloseTo(1_000);
    expect(limits).toEqual({
      itself: expect.closeTo(111, -2) as number,
      before: expect.closeTo(555, -2) as number,
      after: 1_000,
    });
    consumer.unsubscribe();
  });

  test('waits and calls, over the window', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler, window: 1_000 });
    const source = new ManualSource<number>();
    const subscription = source
      .pipe(pool(after(40, scheduler), { name: 'work', concurrency: 1, monitor, scheduler }))
      .subscribe();
    for (let i = 0; i < 10; i++) {
      source.send(i);
      source.send(i);
      time.advanceBy(100);
    }
    const { wait, service } = only(monitor.snapshot());
    expect(wait).toEqual({
      count: wait!.count,
      mean: expect.closeTo(20, 0) as number,
      p50: 0,
      p90: 40,
      p99: 40,
      max: 40,
    });
    expect(service).toMatchObject({ mean: expect.closeTo(40, 0) as number, p50: 40, max: 40 });
    time.advanceBy(2_000);
    source.send(1);
    expect(only(monitor.snapshot()).service).toBeUndefined(); // all that was measured is older than the window
    subscription.unsubscribe();
  });

  test('no timer while nothing is held and nothing comes, and none for what does not move', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler, stallAfter: 1_000 });
    const source = new Subject<number>();
    const consumer = new ManualConsumer(source.pipe(boundedBuffer({ capacity: 9, monitor, scheduler })));
    time.advanceBy(100);
    expect(time.pending).toBe(0);
    source.next(1);
    expect(time.pending).toBe(1);
    time.advanceBy(900);
    expect(time.pending).toBe(1); // it is held
    time.advanceBy(200);
    expect(time.pending).toBe(0); // and nobody takes it
    consumer.request(1);
    expect(only(monitor.snapshot())).toMatchObject({ out: 1, held: 0 });
    time.advanceBy(100);
    expect(time.pending).toBe(0);
    consumer.unsubscribe();
  });
});

describe('changes$', () => {
  test('keeps `every` also when there is a pause after each value', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler, every: 1_000 });
    const times: number[] = [];
    const watching = monitor.changes$.subscribe(({ at }) => void times.push(at));
    const subscription = timer(0, 100, scheduler)
      .pipe(boundedBuffer({ capacity: 1, monitor, scheduler }))
      .subscribe();
    time.advanceBy(5_050);
    subscription.unsubscribe();
    expect(times.length).toBeGreaterThanOrEqual(5);
    expect(times.length).toBeLessThanOrEqual(7);
    watching.unsubscribe();
    time.advanceBy(2_000);
    expect(time.pending).toBe(0);
  });

  test('a snapshot at once, then one whenever something has changed, not more often than `every`', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler, every: 500 });
    const snapshots: Snapshot[] = [];
    const watching = monitor.changes$.subscribe((snapshot) => void snapshots.push(snapshot));
    expect(snapshots).toHaveLength(1);
    time.advanceBy(5_000);
    expect(snapshots).toHaveLength(1);
    const subscription = pull(numbers(100))
      .pipe(pool(after(50, scheduler), { concurrency: 2, monitor, scheduler }))
      .subscribe();
    time.advanceBy(10_000);
    expect(snapshots.at(-1)!.stages[0]).toMatchObject({ in: 100, out: 100, active: false });
    const times = snapshots.slice(1, -1).map(({ at }) => at);
    times.forEach((at, i) => i > 0 && expect(at - times[i - 1]!).toBeGreaterThanOrEqual(500));
    expect(times.length).toBeGreaterThanOrEqual(5);
    watching.unsubscribe();
    subscription.unsubscribe();
  });
});

describe('drops$', () => {
  test('what subscribers of a broadcast skip, once', () => {
    const monitor = createMonitor();
    const drops: Drop[] = [];
    monitor.drops$.subscribe((drop) => void drops.push(drop));
    const source = new Subject<number>();
    const hub = broadcast(source, { name: 'hub', capacity: 2, monitor });
    const consumer = new ManualConsumer(hub.with({ slow: 'latest', name: 'screen' }));
    for (let i = 0; i < 4; i++) source.next(i);
    expect(drops.map(({ value, reason, stage }) => ({ value, reason, stage }))).toEqual(
      [0, 1, 2].map((value) => ({ value, reason: 'evicted', stage: 'screen' })),
    );
    consumer.unsubscribe();
    expect(drops.at(-1)).toMatchObject({ value: 3, reason: 'cancelled' });
    expect(drops).toHaveLength(4);
  });

  test('value, reason, stage and age of each', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler });
    const source = new ManualSource<string>();
    const consumer = new ManualConsumer(
      source.pipe(
        boundedBuffer({ name: 'newest', capacity: 2, overflow: 'drop-oldest', monitor, scheduler }),
        shed({ name: 'lanes', capacity: 1, priority: (value) => value.length, monitor, scheduler }),
      ),
    );
    const drops: Drop[] = [];
    const watching = monitor.drops$.subscribe((drop) => void drops.push(drop));
    for (const value of ['a', 'b', 'c', 'd']) {
      source.send(value);
      time.advanceBy(10);
    }
    consumer.unsubscribe();
    expect(drops).toEqual(
      [
        { value: 'b', reason: 'evicted', stage: 'newest', age: 20 },
        { value: 'a', reason: 'cancelled', stage: 'lanes', age: 40 },
        { value: 'c', reason: 'cancelled', stage: 'newest', age: 20 },
        { value: 'd', reason: 'cancelled', stage: 'newest', age: 10 },
      ].sort(
        (a, b) => drops.findIndex((drop) => drop.value === a.value) - drops.findIndex((drop) => drop.value === b.value),
      ),
    );
    watching.unsubscribe();
  });
});

describe('stalls$', () => {
  const stallsOf = (monitor: Monitor): Stall[] => {
    const stalls: Stall[] = [];
    monitor.stalls$.subscribe((stall) => void stalls.push(stall));
    return stalls;
  };

  test('a worker that never ends: once, and again when it has moved and stands anew', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler, stallAfter: 5_000 });
    const stalls = stallsOf(monitor);
    const hang = new Subject<number>();
    const subscription = pull(numbers(100))
      .pipe(
        boundedBuffer({ name: 'buffer', capacity: 4, monitor, scheduler }),
        pool(() => hang, { name: 'work', concurrency: 2, monitor, scheduler }),
      )
      .subscribe();
    time.advanceBy(4_900);
    expect(stalls).toEqual([]);
    time.advanceBy(20_000);
    expect(stalls).toEqual([
      {
        code: 'SLUICE_STALL',
        stage: 'work',
        after: undefined,
        waitsFor: 'its workers',
        ms: expect.any(Number) as number,
        sentence: expect.stringMatching(
          /^`work` has stood still for 5(\.\d)? s with 4 values: 2 calls have not ended; give the pool a `timeout`$/,
        ) as string,
      },
    ]);
    hang.complete();
    time.advanceBy(20_000);
    subscription.unsubscribe();
  });

  test('a consumer that has room and does not say so', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler, stallAfter: 5_000 });
    const stalls = stallsOf(monitor);
    const demand = { requested: 0, onRequest: () => ({ unsubscribe: () => undefined }) };
    const forgetful = Object.assign(new Subscriber<number>(), { [Symbol.for('sluice.demand')]: demand });
    pull(numbers())
      .pipe(boundedBuffer({ name: 'buffer', capacity: 4, monitor, scheduler }))
      .subscribe(forgetful);
    demand.requested = 4;
    time.advanceBy(6_000);
    expect(stalls).toMatchObject([{ code: 'SLUICE_STALL', stage: 'buffer', waitsFor: 'its consumer' }]);
    forgetful.unsubscribe();
  });

  test('nothing is told of what waits as it should: for tokens, for a consumer, for a pool that is paused', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler, stallAfter: 1_000 });
    const stalls = stallsOf(monitor);
    const slow = pull(numbers())
      .pipe(
        boundedBuffer({ name: 'buffer', capacity: 4, monitor, scheduler }),
        rateLimit({ name: 'rate', rate: 1, per: 3_600_000, monitor, scheduler }),
      )
      .subscribe();
    const unread = new ManualConsumer(
      pull(numbers()).pipe(boundedBuffer({ name: 'unread', capacity: 4, monitor, scheduler })),
    );
    const paused = pull(numbers())
      .pipe(pool(after(1, scheduler), { name: 'paused', concurrency: of(0), waiting: 2, monitor, scheduler }))
      .subscribe();
    time.advanceBy(10_000);
    expect(stalls).toEqual([]);
    slow.unsubscribe();
    unread.unsubscribe();
    paused.unsubscribe();
  });

  test('an operator that does not wait for demand: it overruns the stage after it', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler });
    const stalls = stallsOf(monitor);
    const subscription = pull(numbers(1_000))
      .pipe(
        boundedBuffer({ name: 'a', capacity: 4, monitor, scheduler }),
        mergeMap(after(5, scheduler)),
        boundedBuffer({ name: 'b', capacity: 4, overflow: 'drop-newest', monitor, scheduler }),
        pool(after(20, scheduler), { name: 'c', concurrency: 1, monitor, scheduler }),
      )
      .subscribe();
    time.advanceBy(500);
    expect(stalls).toEqual([
      {
        code: 'SLUICE_BOUNDARY_FLOOD',
        stage: 'b',
        after: 'a',
        waitsFor: 'the operator between `a` and `b`',
        ms: 0,
        sentence: 'the operator between `a` and `b` overran `b`: it does not wait for demand',
      },
    ]);
    subscription.unsubscribe();
  });

  test('an operator that holds more and more, though nothing is overrun', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler });
    const stalls = stallsOf(monitor);
    const subscription = pull(numbers(5_000))
      .pipe(
        boundedBuffer({ name: 'a', capacity: 4, monitor, scheduler }),
        mergeMap(after(1, scheduler), 1),
        boundedBuffer({ name: 'b', capacity: 4, monitor, scheduler }),
      )
      .subscribe();
    time.advanceBy(1_000);
    expect(stalls).toMatchObject([{ code: 'SLUICE_BOUNDARY_FLOOD', stage: 'b', after: 'a' }]);
    expect(stalls[0]!.sentence).toMatch(
      /^the operator between `a` and `b` held some \d+ values: it does not wait for demand$/,
    );
    subscription.unsubscribe();
  });

  test('an operator that lets nothing through', () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler, stallAfter: 1_000 });
    const stalls = stallsOf(monitor);
    const subscription = timer(0, 100, scheduler)
      .pipe(
        boundedBuffer({ name: 'a', capacity: 4, monitor, scheduler }),
        filter((value) => value < 5),
        boundedBuffer({ name: 'b', capacity: 4, monitor, scheduler }),
      )
      .subscribe();
    time.advanceBy(3_000);
    expect(stalls).toMatchObject([{ code: 'SLUICE_BOUNDARY_STARVE', stage: 'b', after: 'a' }]);
    expect(stalls[0]!.sentence).toMatch(
      /^the operator between `a` and `b` has let none of \d+ values through for 1(\.\d)? s: it holds them, or they are filtered out$/,
    );
    subscription.unsubscribe();
  });
});

describe('what stages do with monitors', () => {
  test('what an arrow function happens to return is no probe', () => {
    const seen: unknown[] = [];
    of(1)
      .pipe(boundedBuffer({ capacity: 1, monitor: { add: (stage) => seen.push(stage) } }))
      .subscribe();
    expect(seen).toHaveLength(1);
  });

  test('an `add` that throws fails the subscription, and the source is not subscribed', () => {
    const errors: unknown[] = [];
    const monitor = {
      add: () => {
        throw new Error('no');
      },
    };
    let subscribed = false;
    new Observable(() => void (subscribed = true))
      .pipe(boundedBuffer({ capacity: 1, monitor }))
      .subscribe({ error: (error: unknown) => errors.push(error) });
    expect(errors).toEqual([new Error('no')]);
    expect(subscribed).toBe(false);
  });
});

describe('options', () => {
  test.each([
    [{ window: 10 }, 'window'],
    [{ window: Infinity }, 'window'],
    [{ every: 0 }, 'every'],
    [{ stallAfter: -1 }, 'stallAfter'],
    [{ stallAfter: Number.NaN }, 'stallAfter'],
    [{ scheduler: {} }, 'scheduler'],
    [{ interval: 5 }, 'interval'],
  ])('%j', (options, option) => {
    expect(() => createMonitor(options as never)).toThrow(expect.objectContaining({ option, code: 'SLUICE_OPTION' }));
  });

  test('a pipeline is named by a string', () => {
    expect(() => createMonitor().explain(5 as never)).toThrow(OptionError);
  });
});
