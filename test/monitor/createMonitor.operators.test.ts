/** What a monitor sees of the operators that hold values on purpose: they say what they do, and what they wait for. */
import { BehaviorSubject, Subject, throwError, timer, type SchedulerLike } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { batch, boundedBuffer, broadcast, fixed, mergePriority, pool, pull, valve, type Drop } from 'sluice';
import { createMonitor, type Stall } from 'sluice/monitor';
import { ManualConsumer, ManualSource, VirtualTime } from 'sluice/testing';

function setUp() {
  const time = new VirtualTime();
  const { scheduler } = time;
  const monitor = createMonitor({ scheduler, stallAfter: 1_000 });
  const stalls: Stall[] = [];
  monitor.stalls$.subscribe((stall) => stalls.push(stall));
  const stage = (name: string) => {
    const found = monitor.snapshot().stages.find(({ stage }) => stage === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  };
  return { time, scheduler, monitor, stalls, stage };
}

function* numbers(): Generator<number> {
  for (let i = 0; i < 10_000; i++) yield i;
}

const after = (ms: number, scheduler: SchedulerLike) => () => timer(ms, scheduler);

describe('valve', () => {
  test('one that is closed is the limit, and is said to wait for `open$`; it does not stand still', () => {
    const { time, scheduler, monitor, stalls, stage } = setUp();
    const open$ = new BehaviorSubject(false);
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(valve(open$, { name: 'gate', capacity: 2, monitor, scheduler })));
    consumer.request(9);
    source.send(1);
    time.advanceBy(5_000);
    expect(monitor.explain()).toBe('`gate` limits: it waited for `open$` to be true 100 % of the time');
    expect(stage('gate')).toMatchObject({ capacity: 2, requested: 0, held: 1, perSecond: { busy: 1_000 } });
    expect(stalls).toEqual([]);

    open$.next(true);
    expect(stage('gate').wait).toMatchObject({ max: 5_000 });
    source.send(2);
    time.advanceBy(50_000);
    expect(monitor.bottleneck()).toMatchObject({ kind: 'source', stage: 'gate' });
    expect(stage('gate')).toMatchObject({ requested: 2, held: 0 });
    consumer.unsubscribe();
  });

  test('open, with a consumer that asks for nothing, it is blocked and the consumer is the limit', () => {
    const { time, scheduler, monitor, stage } = setUp();
    const consumer = new ManualConsumer(pull(numbers()).pipe(valve(new BehaviorSubject(true), { monitor, scheduler })));
    time.advanceBy(5_000);
    expect(stage('valve')).toMatchObject({ held: 1, perSecond: { blocked: 1_000 } });
    expect(monitor.bottleneck()).toMatchObject({ kind: 'consumer', stage: 'valve' });
    consumer.unsubscribe();
  });
});

describe('batch', () => {
  test('one that fills is starved: the source is the limit', () => {
    const { time, scheduler, monitor, stalls, stage } = setUp();
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(batch({ size: 3, within: 60_000, monitor, scheduler })));
    consumer.request(9);
    source.send(1);
    time.advanceBy(5_000);
    expect(stage('batch')).toMatchObject({ capacity: 3, requested: 2, held: 1, perSecond: { starved: 1_000 } });
    expect(monitor.bottleneck()).toMatchObject({ kind: 'source', stage: 'batch' });
    expect([stalls, stage('batch').waitsFor]).toEqual([[], undefined]);
    consumer.unsubscribe();
  });

  test.each(['full', 'due', 'at the end'])('%s, it is blocked by a consumer that asks for nothing', (why) => {
    const { time, scheduler, monitor, stalls, stage } = setUp();
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(batch({ size: 2, within: 10, monitor, scheduler })));
    source.send(1);
    if (why === 'full') source.send(2);
    if (why === 'at the end') source.complete();
    time.advanceBy(50_000);
    expect(monitor.bottleneck()).toMatchObject({ kind: 'consumer', stage: 'batch', share: 1 });
    expect(stalls).toEqual([]);
    consumer.unsubscribe();
    expect(stage('batch').held).toBe(0);
  });

  test('values wait from when they came until their batch went', () => {
    const { time, scheduler, monitor, stage } = setUp();
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(batch({ size: 9, within: 100, monitor, scheduler })));
    consumer.request(9);
    source.send(1);
    time.advanceBy(40);
    source.send(2);
    time.advanceBy(60);
    expect(consumer.values).toEqual([[1, 2]]);
    expect(stage('batch').wait).toMatchObject({ max: 100 });
    expect(stage('batch').wait!.p50).toBeGreaterThanOrEqual(59);
    expect(stage('batch').wait!.p50).toBeLessThan(70);
    consumer.unsubscribe();
  });

  test('drops come with their ages', () => {
    const { time, scheduler, monitor } = setUp();
    const drops: Drop[] = [];
    monitor.drops$.subscribe((drop) => drops.push(drop));
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(batch({ size: 9, monitor, scheduler })));
    source.send(1);
    time.advanceBy(30);
    source.send(2);
    time.advanceBy(5);
    consumer.unsubscribe();
    expect(drops.map(({ value, age }) => [value, age])).toEqual([
      [1, 35],
      [2, 5],
    ]);
  });

  test('before a pool that is the limit it is blocked, and the pool is named', () => {
    const { time, scheduler, monitor } = setUp();
    const subscription = pull(numbers())
      .pipe(
        batch({ size: 4, monitor, scheduler }),
        pool(after(50, scheduler), { name: 'insert', concurrency: 1, waiting: 0, monitor, scheduler }),
      )
      .subscribe();
    time.advanceBy(5_000);
    expect(monitor.explain()).toMatch(/^`insert` limits: 1 of 1 workers busy 100 %, `batch` blocked 100 %/);
    subscription.unsubscribe();
  });
});

describe('broadcast', () => {
  test('any number of subscribers, named or not; each has its own row', () => {
    const { scheduler, monitor } = setUp();
    const source = new Subject<number>();
    const shared = broadcast(source, { capacity: 4, monitor, scheduler });
    const subscriptions = [
      shared.subscribe(),
      shared.subscribe(),
      shared.with({ slow: 'latest' }).subscribe(),
      shared.with({ slow: 'evict', maxLag: 2, name: 'client' }).subscribe(),
    ];
    source.next(1);
    const rows = monitor
      .snapshot()
      .stages.map(({ stage, in: came, out, held, capacity }) => [stage, came, out, held, capacity]);
    expect(rows).toEqual([
      ['broadcast', 1, 1, 0, 4],
      ['broadcast/block', 1, 1, 0, 4],
      ['broadcast/block 2', 1, 1, 0, 4],
      ['broadcast/latest', 1, 1, 0, 1],
      ['client', 1, 1, 0, 2],
    ]);
    for (const one of subscriptions) one.unsubscribe();
    expect(monitor.snapshot().stages.map(({ active }) => active)).toEqual([false, false, false, false, false]);
  });

  test('a second connection while subscribers of the first are still behind', () => {
    const { scheduler, monitor } = setUp();
    const source = new ManualSource<number>();
    const shared = broadcast(source, { capacity: 4, monitor, scheduler });
    const slow = new ManualConsumer(shared);
    source.send(1);
    source.complete();
    const next = new ManualConsumer(shared);
    expect(next.end).toBeUndefined();
    expect(
      monitor
        .snapshot()
        .stages.map(({ stage }) => stage)
        .sort(),
    ).toEqual(['broadcast', 'broadcast 2', 'broadcast/block', 'broadcast/block 2']);
    for (const one of [slow, next]) one.unsubscribe();
  });

  test('a clock that moves while it is made does no harm', () => {
    const { time } = setUp();
    let now = 0;
    const scheduler = { now: () => ++now, schedule: time.scheduler.schedule.bind(time.scheduler) };
    const monitor = createMonitor({ scheduler });
    const consumer = new ManualConsumer(broadcast(new ManualSource(), { capacity: 4, monitor, scheduler }));
    expect(consumer.end).toBeUndefined();
    consumer.unsubscribe();
  });

  test('a subscriber that blocks and asks for nothing is the limit; nothing stands still by itself', () => {
    const { time, scheduler, monitor, stalls, stage } = setUp();
    const shared = broadcast(pull(numbers()), { capacity: 3, monitor, scheduler });
    const archive = new ManualConsumer(shared.with({ name: 'archive' }));
    const screen = new ManualConsumer(shared.with({ slow: 'latest', name: 'screen' }));
    time.advanceBy(50_000);
    expect(stage('broadcast')).toMatchObject({
      held: 3,
      requested: 0,
      perSecond: { blocked: 1_000 },
      feeds: 'archive',
    });
    expect(stage('archive')).toMatchObject({ held: 3, requested: 0, perSecond: { blocked: 1_000 } });
    expect(monitor.bottleneck('archive')).toMatchObject({ kind: 'consumer', stage: 'archive', share: 1 });
    expect(stalls).toEqual([]);
    for (const one of [screen, archive]) one.unsubscribe(); // with nobody who blocks all would be read
  });

  test('one that skips holds up nobody: the ring is starved, and nothing stands still', () => {
    const { time, scheduler, monitor, stalls, stage } = setUp();
    const source = new ManualSource<number>();
    const shared = broadcast(source, { capacity: 3, monitor, scheduler });
    const screen = new ManualConsumer(shared.with({ slow: 'latest', name: 'screen' }));
    source.send(1);
    time.advanceBy(50_000);
    expect(stage('broadcast')).toMatchObject({ held: 1, requested: 3, perSecond: { starved: 1_000 } });
    expect(stage('screen')).toMatchObject({ held: 1, requested: 0, perSecond: { blocked: 1_000 } });
    expect(stalls).toEqual([]);
    screen.unsubscribe();
  });

  test('a pool behind a subscriber that blocks is the limit, and named', () => {
    const { time, scheduler, monitor } = setUp();
    const shared = broadcast(pull(numbers()), { capacity: 3, monitor, scheduler });
    const subscription = shared
      .with({ name: 'archive' })
      .pipe(pool(after(10, scheduler), { name: 'save', concurrency: 1, waiting: 0, monitor, scheduler }))
      .subscribe();
    time.advanceBy(5_000);
    expect(monitor.explain()).toMatch(/^`save` limits: 1 of 1 workers busy 100 %, `archive` blocked 100 %/);
    subscription.unsubscribe();
  });

  test('a hot source that overruns one that is made to skip is no fault of an operator in between', () => {
    const { time, scheduler, monitor, stalls } = setUp();
    const source = new ManualSource<number>();
    const shared = broadcast(source, { capacity: 2, overflow: 'drop-oldest', monitor, scheduler });
    const slow = new ManualConsumer(shared);
    for (let i = 0; i < 300; i++) source.send(i);
    time.advanceBy(50_000);
    expect(stalls).toEqual([]);
    slow.unsubscribe();
  });
});

describe('what limits around several', () => {
  test('of two subscribers of a broadcast the slow one, from wherever one asks, in whatever order they came', () => {
    for (const order of ['fast first', 'slow first']) {
      const { time, scheduler, monitor, stage } = setUp();
      const read = pull(numbers()).pipe(
        pool(after(1, scheduler), { name: 'read', concurrency: 8, monitor, scheduler }),
      );
      const hub = broadcast(read, { name: 'ring', capacity: 4, monitor, scheduler });
      const join = (name: string, ms: number) => {
        const options = { name, concurrency: 1, monitor, scheduler };
        return hub
          .with({ slow: 'block', name: `to ${name}` })
          .pipe(pool(after(ms, scheduler), options))
          .subscribe();
      };
      const slowFirst = order === 'slow first' && join('slow', 50);
      const fast = join('fast', 1);
      const slow = slowFirst || join('slow', 50);
      time.advanceBy(5_000);
      for (const of of [undefined, 'read', 'ring', 'slow', 'fast']) {
        expect(monitor.bottleneck(of), `${order}, ${of}`).toMatchObject({ kind: 'stage', stage: 'slow' });
      }
      expect(stage('to fast')).toMatchObject({ feeds: 'fast', fedBy: 'ring' });
      expect(stage('ring').feeds).toBe('to slow');
      slow.unsubscribe();
      fast.unsubscribe();
    }
  });

  test('what a mergePriority feeds is the limit of what is before it', () => {
    const { time, scheduler, monitor } = setUp();
    const read = pull(numbers()).pipe(pool(after(1, scheduler), { name: 'read', concurrency: 2, monitor, scheduler }));
    const subscription = mergePriority([{ source: read, priority: 1 }], { name: 'merge', monitor, scheduler })
      .pipe(pool(after(20, scheduler), { name: 'work', concurrency: 1, monitor, scheduler }))
      .subscribe();
    time.advanceBy(5_000);
    expect(monitor.snapshot().stages.map(({ stage, feeds }) => [stage, feeds])).toEqual([
      ['read', 'merge[0]'],
      ['merge[0]', 'work'],
      ['work', undefined],
    ]);
    expect(monitor.bottleneck('read')).toMatchObject({ kind: 'stage', stage: 'work' });
    subscription.unsubscribe();
  });
});

describe('pool', () => {
  test.each([undefined, 4])('one that is paused is the limit, and says so, with waiting: %s', (waiting) => {
    const { time, scheduler, monitor, stalls } = setUp();
    const options = { name: 'work', concurrency: new BehaviorSubject(0), waiting, monitor, scheduler };
    const subscription = pull(numbers())
      .pipe(boundedBuffer({ name: 'buffer', capacity: 2, monitor, scheduler }), pool(after(1, scheduler), options))
      .subscribe();
    time.advanceBy(5_000);
    const paused = '`work` limits: it waited for its concurrency to rise above 0 100 % of the time';
    expect(monitor.explain()).toBe(`${paused}, 0 of 0 workers busy, \`buffer\` blocked 100 %`);
    expect(stalls).toEqual([]);
    subscription.unsubscribe();
  });

  test('one whose calls all wait to be tried again says so, and does not stand still', () => {
    const { time, scheduler, monitor, stalls } = setUp();
    const fails = () => throwError(() => new Error('no'));
    const retry = { attempts: 9, backoff: fixed(60_000) };
    const subscription = pull(numbers())
      .pipe(pool(fails, { name: 'work', concurrency: 2, waiting: 0, retry, monitor, scheduler }))
      .subscribe({ error: () => undefined });
    time.advanceBy(5_000);
    expect(monitor.explain()).toBe(
      '`work` limits: it waited for calls that are to be tried again 100 % of the time, 0 of 2 workers busy; its calls fail',
    );
    expect(stalls).toEqual([]);
    subscription.unsubscribe();
  });
});
