/** The monitor over many stages and subscriptions, and what it does when those it tells act at once. */
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { map, NEVER, of, Subject, timer, type Observable, type SchedulerLike } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { boundedBuffer, boundedQueue, elastic, pool, pull, rateLimit, shed, tokenBucket } from 'sluice';
import { createMonitor, type Monitor, type Snapshot, type Stall } from 'sluice/monitor';
import { ManualConsumer, ManualSource, VirtualTime } from 'sluice/testing';

function* numbers(count = Infinity): Generator<number> {
  for (let i = 0; i < count; i++) yield i;
}

const after =
  (ms: number, scheduler: SchedulerLike) =>
  (value: number): Observable<number> =>
    timer(ms, scheduler).pipe(map(() => value));

const setUp = (
  options: Parameters<typeof createMonitor>[0] = {},
): { time: VirtualTime; scheduler: SchedulerLike; monitor: Monitor } => {
  const time = new VirtualTime();
  const { scheduler } = time;
  return { time, scheduler, monitor: createMonitor({ scheduler, ...options }) };
};

const feeding = (monitor: Monitor): (string | undefined)[][] =>
  monitor.snapshot().stages.map(({ stage, feeds }) => [stage, feeds]);

describe('the order of stages', () => {
  test('is that of the pipeline, though all has ended before anybody looked', () => {
    const { monitor, scheduler } = setUp();
    const common = { capacity: 1, monitor, scheduler };
    of(1)
      .pipe(
        boundedBuffer({ ...common, name: 'a' }),
        boundedBuffer({ ...common, name: 'b' }),
        boundedBuffer({ ...common, name: 'c' }),
      )
      .subscribe();
    expect(feeding(monitor)).toEqual([
      ['a', 'b'],
      ['b', 'c'],
      ['c', undefined],
    ]);
  });

  test('a queue is before its consumer, though it ended with the first value', () => {
    const { monitor, scheduler } = setUp();
    const common = { capacity: 1, monitor, scheduler };
    const queue = boundedQueue<number>({ name: 'queue', capacity: 9, monitor });
    queue.offer(1);
    queue.complete();
    queue.pipe(boundedBuffer({ ...common, name: 'a' }), boundedBuffer({ ...common, name: 'b' })).subscribe();
    expect(feeding(monitor)).toEqual([
      ['queue', 'a'],
      ['a', 'b'],
      ['b', undefined],
    ]);
  });

  test('a queue feeds whoever consumes it now', () => {
    const { monitor, scheduler, time } = setUp();
    const queue = boundedQueue<number>({ name: 'queue', capacity: 9, monitor });
    for (const name of ['a', 'b', 'a']) {
      const consumer = queue.pipe(boundedBuffer({ name, capacity: 1, monitor, scheduler })).subscribe();
      queue.offer(1);
      time.advanceBy(100);
      expect(feeding(monitor)).toContainEqual(['queue', name]);
      consumer.unsubscribe();
    }
    queue.offer(1);
    time.advanceBy(20_000);
    expect(monitor.bottleneck()).toMatchObject({ kind: 'consumer', stage: 'queue' });
  });
});

describe('explain', () => {
  test('several pipelines in one monitor: what limits most, or that of the stage that is named', () => {
    const { monitor, scheduler, time } = setUp();
    const pipeline = (name: string, ms: number): unknown =>
      pull(numbers())
        .pipe(
          boundedBuffer({ name: `${name} in`, capacity: 2, monitor, scheduler }),
          pool(after(ms, scheduler), { name, concurrency: 1, monitor, scheduler }),
        )
        .subscribe();
    pipeline('mails', 10);
    timer(0, 100, scheduler)
      .pipe(pool(after(30, scheduler), { name: 'sms', concurrency: 1, monitor, scheduler }))
      .subscribe();
    time.advanceBy(20_000);
    expect(monitor.bottleneck()).toMatchObject({ kind: 'stage', stage: 'mails' });
    expect(monitor.bottleneck('mails in')).toMatchObject({ kind: 'stage', stage: 'mails' });
    expect(monitor.bottleneck('sms')).toMatchObject({ kind: 'source', stage: 'sms' });
    expect(monitor.explain('letters')).toBe('nothing limits: there is no stage `letters`');
  });

  test('two pipelines that share a limiter: each waits for tokens', () => {
    const { monitor, scheduler, time } = setUp();
    const limiter = tokenBucket({ rate: 10, scheduler });
    for (const name of ['a', 'b']) {
      pull(numbers()).pipe(rateLimit({ name, limiter, monitor, scheduler })).subscribe();
    }
    time.advanceBy(20_000);
    for (const name of ['a', 'b']) {
      expect(monitor.explain(name)).toBe(
        `\`${name}\` limits: it waited for tokens 100 % of the time; raise its rate or shed before it`,
      );
    }
  });

  test('a pool with one hot key', () => {
    const { monitor, scheduler, time } = setUp();
    const key = (n: number): unknown => (n % 10 === 0 ? n : 'hot');
    pull(numbers())
      .pipe(pool(after(20, scheduler), { name: 'work', concurrency: 8, key, monitor, scheduler }))
      .subscribe();
    time.advanceBy(20_000);
    expect(monitor.explain()).toMatch(
      /^`work` limits: it waited for values of the same keys (99|100) % of the time, 1 of 8 workers busy; more workers do not help: take finer keys, or make calls shorter$/,
    );
  });

  test('a hot key is the reason still, where nothing happens to be held at the moment', () => {
    const { monitor, scheduler, time } = setUp();
    const source = new ManualSource<number>();
    const one = { concurrency: 4, waiting: 4, key: () => 'hot', monitor, scheduler };
    source.pipe(pool(after(100, scheduler), { name: 'work', ...one })).subscribe();
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 8; i++) source.send(i);
      time.advanceBy(801);
    }
    expect(monitor.snapshot().stages[0]).toMatchObject({ held: 0, waitsFor: 'values of the same keys' });
  });

  test('an elastic pool: the workers that it has by now', () => {
    const { monitor, scheduler, time } = setUp();
    pull(numbers())
      .pipe(pool(after(20, scheduler), { name: 'work', concurrency: elastic({ min: 1, max: 6 }), monitor, scheduler }))
      .subscribe();
    time.advanceBy(30_000);
    expect(monitor.explain()).toBe('`work` limits: 6 of 6 workers busy 100 %; raise its concurrency or shed before it');
  });

  test('a shed in front: the pool is the limit, not the source that is dropped from', () => {
    const { monitor, scheduler, time } = setUp();
    timer(0, 5, scheduler)
      .pipe(
        shed({ name: 'shed', capacity: 4, priority: () => 1, monitor, scheduler }),
        pool(after(20, scheduler), { name: 'work', concurrency: 2, monitor, scheduler }),
      )
      .subscribe();
    time.advanceBy(20_000);
    expect(monitor.explain()).toMatch(/^`work` limits: 2 of 2 workers busy 100 %, `shed` blocked (99|100) %; /);
  });
});

describe('the event loop', () => {
  test('the time by which timers are late is the share in which it was held up', () => {
    const time = new VirtualTime();
    let held = 0;
    const schedule = time.scheduler.schedule.bind(time.scheduler);
    const scheduler: SchedulerLike = { now: () => time.now + held, schedule };
    const monitor = createMonitor({ scheduler, window: 1_000 });
    const subscription = of(1)
      .pipe(pool(() => NEVER, { name: 'work', concurrency: 1, monitor, scheduler }))
      .subscribe();
    time.advanceBy(2_000);
    expect(monitor.snapshot().loopBusy).toBe(0);
    for (let i = 0; i < 100; i++) {
      time.advanceBy(20);
      held += 80; // no timer can go off meanwhile
    }
    expect(monitor.snapshot().loopBusy).toBeGreaterThan(700);
    expect(monitor.snapshot().loopBusy).toBeLessThan(850);
    expect(monitor.explain()).toMatch(
      /^the event loop limits: it was busy (7|8)\d % of the time; move what computes into threads$/,
    );
    time.advanceBy(1_100);
    expect(monitor.snapshot().loopBusy).toBe(0);
    subscription.unsubscribe();
  });

  test('a clock that is set back makes no call take hours', () => {
    const time = new VirtualTime();
    let back = 0;
    const schedule = time.scheduler.schedule.bind(time.scheduler);
    const scheduler: SchedulerLike = { now: () => 1e12 + time.now - back, schedule };
    const monitor = createMonitor({ scheduler });
    const done = new Subject<number>();
    of(1)
      .pipe(pool(() => done, { concurrency: 1, monitor, scheduler }))
      .subscribe();
    back = 1_000;
    time.advanceBy(10);
    done.complete();
    const { at, stages } = monitor.snapshot();
    expect(stages[0]!.service!.max).toBeLessThanOrEqual(10);
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThanOrEqual(10);
  });
});

describe('many', () => {
  test('10,000 subscriptions of one name: their sum, and nothing is left of them', () => {
    const { monitor, scheduler, time } = setUp();
    const values = of(1, 2, 3).pipe(boundedBuffer({ name: 'buffer', capacity: 1, monitor, scheduler }));
    const snapshots: Snapshot[] = [];
    monitor.changes$.subscribe((snapshot) => snapshots.push(snapshot));
    for (let i = 0; i < 10_000; i++) values.subscribe();
    time.advanceBy(1_000);
    expect(time.pending).toBe(0);
    expect(monitor.snapshot().stages).toMatchObject([{ in: 30_000, out: 30_000, held: 0, active: false }]);
    expect(snapshots.length).toBeLessThan(5);
    const records = (monitor as unknown as { records: Map<string, { stalls?: unknown; fed?: unknown }> }).records;
    expect(records.size).toBe(1);
    expect(records.get('buffer')).toMatchObject({
      stage: undefined,
      stalls: undefined,
      fed: undefined,
      counted: undefined,
    });
  });

  test('many names: each stays until it is forgotten', () => {
    const { monitor, scheduler } = setUp();
    for (let i = 0; i < 500; i++) {
      of(1)
        .pipe(boundedBuffer({ name: `customer ${i}`, capacity: 1, monitor, scheduler }))
        .subscribe();
    }
    expect(monitor.snapshot().stages).toHaveLength(500);
    for (let i = 0; i < 500; i++) expect(monitor.forget(`customer ${i}`)).toBe(true);
    expect(monitor.snapshot().stages).toEqual([]);
  });
});

describe('changes$', () => {
  test('tells of an end by which a value was dropped, and of a stage that was forgotten', () => {
    const { monitor, scheduler, time } = setUp();
    const snapshots: Snapshot[] = [];
    monitor.changes$.subscribe((snapshot) => snapshots.push(snapshot));
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(boundedBuffer({ capacity: 2, monitor, scheduler })));
    source.send(1);
    time.advanceBy(5_000);
    consumer.unsubscribe();
    time.advanceBy(5_000);
    expect(snapshots.at(-1)!.stages).toMatchObject([{ active: false, dropped: 1, held: 0 }]);
    monitor.forget('boundedBuffer');
    time.advanceBy(5_000);
    expect(snapshots.at(-1)!.stages).toEqual([]);
    expect(time.pending).toBe(0);
  });
});

describe('those it tells may act at once', () => {
  const hanging = (monitor: Monitor, scheduler: SchedulerLike, source: Observable<number>): { unsubscribe(): void } =>
    source.pipe(pool(() => NEVER, { name: 'work', concurrency: 1, monitor, scheduler })).subscribe();

  test('a pipeline that is begun again by a stall is watched as the first was', () => {
    const { monitor, scheduler, time } = setUp({ stallAfter: 1_000 });
    const stalls: Stall[] = [];
    let running = hanging(monitor, scheduler, of(1));
    monitor.stalls$.subscribe((stall) => {
      stalls.push(stall);
      running.unsubscribe();
      if (stalls.length < 5) running = hanging(monitor, scheduler, of(1));
    });
    time.advanceBy(20_000);
    expect(stalls).toHaveLength(5);
    expect(time.pending).toBe(0);
  });

  test('a value that is sent because all is done, and hangs, is a stall', () => {
    const { monitor, scheduler, time } = setUp({ stallAfter: 1_000, every: 500 });
    const stalls: Stall[] = [];
    monitor.stalls$.subscribe((stall) => stalls.push(stall));
    const source = new Subject<number>();
    hanging(monitor, scheduler, source);
    time.advanceBy(100);
    const other = new Subject<number>();
    other.pipe(boundedBuffer({ name: 'other', capacity: 1, monitor, scheduler })).subscribe();
    let sent = false;
    monitor.changes$.subscribe(({ stages }) => {
      if (sent || stages.every(({ out }) => out === 0)) return;
      sent = true;
      source.next(1);
    });
    other.next(1);
    time.advanceBy(20_000);
    expect(sent).toBe(true);
    expect(stalls).toMatchObject([{ stage: 'work' }]);
  });

  test('a call that waits for another attempt is no stall', () => {
    const { monitor, scheduler, time } = setUp({ stallAfter: 1_000 });
    const stalls: Stall[] = [];
    monitor.stalls$.subscribe((stall) => stalls.push(stall));
    const fails = (): never => {
      throw new Error('down');
    };
    const retry = { attempts: 3, backoff: () => 60_000 };
    of(1)
      .pipe(pool(fails, { concurrency: 1, retry, monitor, scheduler }))
      .subscribe();
    time.advanceBy(50_000);
    expect(stalls).toEqual([]);
  });
});

describe('what is measured', () => {
  test('what comes now and then after a burst', () => {
    const { monitor, scheduler, time } = setUp();
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(boundedBuffer({ capacity: 1e5, monitor, scheduler })));
    for (let i = 0; i < 20_000; i++) source.send(i);
    consumer.request(19_999);
    for (let i = 0; i < 300; i++) {
      time.advanceBy(100);
      source.send(i);
      consumer.request(1);
    }
    const { wait } = monitor.snapshot().stages[0]!;
    expect(wait!.count).toBeGreaterThanOrEqual(50); // one each 100 ms, half a window at least
    expect(wait!.p50).toBe(100);
    consumer.unsubscribe();
  });

  test('a call that takes longer than it goes on looking at what does not move', () => {
    const { monitor, scheduler, time } = setUp();
    const slow = after(60_000, scheduler);
    const subscription = of(1, 2)
      .pipe(pool(slow, { concurrency: 1, monitor, scheduler }))
      .subscribe();
    time.advanceBy(59_000);
    expect(time.pending).toBe(1); // the call's own
    time.advanceBy(1_500);
    expect(monitor.snapshot().stages[0]).toMatchObject({ out: 1, service: { count: 1, max: 60_000 } });
    subscription.unsubscribe();
  });
});

test('a worker that never ends, and a monitor that watches it, do not keep a process alive', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { NEVER } from 'rxjs';
        import { pool, pull } from './src/index.ts';
        import { createMonitor } from './src/monitor/index.ts';
        const monitor = createMonitor({ stallAfter: Infinity });
        monitor.changes$.subscribe();
        monitor.stalls$.subscribe();
        pull([1, 2, 3]).pipe(pool(() => NEVER, { name: 'work', concurrency: 1, monitor })).subscribe();
        setTimeout(() => console.log(monitor.snapshot().stages[0].held, monitor.explain()), 100);
      `,
      resolveDir: process.cwd(),
    },
    ...{ bundle: true, write: false, format: 'esm', platform: 'node', external: ['rxjs', 'hdr-histogram-js'] },
  });
  mkdirSync('.cache', { recursive: true });
  const path = join(process.cwd(), '.cache', `monitor-${process.pid}.mjs`);
  writeFileSync(path, outputFiles[0]!.text);
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: 20_000 });
    expect(stdout).toMatch(/^2 `work` limits: 1 of 1 workers busy \d+ %; /);
  } finally {
    rmSync(path);
  }
}, 30_000);
