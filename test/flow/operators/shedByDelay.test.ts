import { config, Subject, type SchedulerLike } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { shedByDelay, type ShedByDelayOptions } from '../../../src/flow/operators/shedByDelay.js';
import { OptionError, pull, type Drop, type MonitoredStage } from '../../../src/index.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../../src/testing/index.js';

function setUp(options: Partial<ShedByDelayOptions> = {}) {
  const time = new VirtualTime();
  const clock = { offset: 0 };
  const scheduler: SchedulerLike = {
    now: () => time.scheduler.now() + clock.offset,
    schedule: (work, delay, state) => time.scheduler.schedule(work as never, delay ?? 0, state),
  };
  const drops: Drop[] = [];
  const source = new ManualSource<number>();
  const stages: MonitoredStage[] = [];
  const operator = shedByDelay<number>({
    capacity: 100,
    onDrop: (drop) => void drops.push(drop),
    scheduler,
    monitor: { add: (stage) => void stages.push(stage) },
    ...options,
  });
  const consumer = new ManualConsumer(source.pipe(operator));
  const send = (...values: number[]): void => values.forEach((value) => source.send(value));
  const gone = (): unknown[] => drops.map(({ value, reason }) => [value, reason]);
  const ledgerAddsUp = (): void => {
    const { in: arrived, out, dropped, held } = stages[0]!.ledger;
    expect([arrived, dropped]).toEqual([out + dropped + held, drops.length]);
  };
  /** `count` values come, one every `gap` ms, and every `service` ms the consumer takes one. */
  const overload = (from: number, count: number, gap: number, service: number): void => {
    for (let ms = 0, next = from; next < from + count; ms++) {
      if (ms % gap === 0) send(next++);
      if (ms % service === 0) consumer.request(1);
      time.advanceBy(1);
    }
  };
  return { time, clock, drops, source, consumer, send, gone, ledgerAddsUp, overload };
}

describe('shedByDelay', () => {
  test('passes straight through when downstream has room and nothing is held', () => {
    const { source, consumer, send } = setUp({ capacity: 2 });
    consumer.request(1);
    send(1);
    expect(consumer.values).toEqual([1]);
    expect(source.requested).toBe(2);
    send(2);
    expect(source.requested).toBe(1);
  });

  test('with nobody limiting downstream it is transparent: marbles', () => {
    new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(
      ({ hot, expectObservable, expectSubscriptions }) => {
        const source = hot('--a-(bc)-d|');
        expectObservable(source.pipe(shedByDelay({ capacity: 1 }))).toBe('--a-(bc)-d|');
        expectSubscriptions(source.subscriptions).toBe('^---------!');
      },
    );
  });

  test('values sent from inside next come after', () => {
    const source = new Subject<number>();
    const seen: number[] = [];
    source.pipe(shedByDelay<number>({ capacity: 9 })).subscribe((value) => {
      seen.push(value);
      if (value === 1) for (const more of [2, 3]) source.next(more);
    });
    source.next(1);
    expect(seen).toEqual([1, 2, 3]);
  });

  test('full: the newest is refused', () => {
    const { consumer, send, drops } = setUp({ capacity: 2, name: 'inbox' });
    send(1, 2, 3, 4);
    expect(drops).toEqual([3, 4].map((value) => ({ value, reason: 'overflow', stage: 'inbox', age: 0 })));
    consumer.request(9);
    expect(consumer.values).toEqual([1, 2]);
  });

  test('a source that respects demand is paused and loses none for lack of room', () => {
    const drops: Drop[] = [];
    const all = Array.from({ length: 1_000 }, (_, i) => i);
    const operator = shedByDelay<number>({ capacity: 4, onDrop: (drop) => void drops.push(drop) });
    const consumer = new ManualConsumer(pull(all).pipe(operator));
    for (let i = 0; i < 1_000; i++) consumer.request(1);
    expect([drops, consumer.values, consumer.end]).toEqual([[], all, 'complete']);
  });

  test('a source that sleeps is woken when half is free', () => {
    const { source, consumer } = setUp({ capacity: 4 });
    for (let i = 1; i <= 6; i++) source.sendOnDemand(i);
    consumer.request(1);
    expect(source.unsent).toBe(2);
    consumer.request(1);
    expect(source.unsent).toBe(0);
  });

  test('a burst waits, and nothing is shed', () => {
    const { consumer, send, gone, time } = setUp();
    for (let burst = 0; burst < 20; burst++) {
      for (let i = 0; i < 50; i++) send(i);
      for (let i = 0; i < 50; i++) {
        time.advanceBy(2);
        consumer.request(1);
      }
    }
    expect(gone()).toEqual([]);
  });

  test('a lasting overload is shed: what waited for more than 2 × target when its turn comes', () => {
    const { gone, overload, consumer, ledgerAddsUp, drops } = setUp({ capacity: 1_000 });
    overload(0, 1_000, 1, 2);
    expect(drops.length).toBeGreaterThan(350);
    expect(drops.every(({ reason, age }) => reason === 'expired' && age > 40)).toBe(true);
    expect(gone()).not.toEqual([]);
    expect(consumer.values).toEqual([...consumer.values].sort((a, b) => a - b));
    ledgerAddsUp();
  });

  test('target and interval', () => {
    const { consumer, send, gone, time } = setUp({ target: 5, interval: 50 });
    send(1, 2, 3, 4, 5, 6);
    time.advanceBy(6);
    consumer.request(1); // 1 opens an interval, its wait is the shortest
    time.advanceBy(51);
    expect(time.pending).toBe(0);
    consumer.request(2); // 2 opens the next one and is not shed; 3 to 6 waited for more than 10 ms
    expect(consumer.values).toEqual([1, 2]);
    expect(gone()).toEqual([3, 4, 5, 6].map((value) => [value, 'expired']));
    send(7);
    expect(consumer.values).toEqual([1, 2, 7]);
  });

  test('lifo: the newest first while there is too much, as they come otherwise', () => {
    const { consumer, send, gone, time } = setUp({ target: 5, interval: 50, lifo: true });
    send(1, 2, 3);
    time.advanceBy(6);
    consumer.request(1);
    send(4);
    time.advanceBy(45);
    send(5, 6, 7);
    time.advanceBy(6);
    consumer.request(1); // opens the next interval: nothing is shed, but the newest is first
    expect([consumer.values, gone()]).toEqual([[1, 7], []]);
    consumer.request(1);
    expect([consumer.values, gone()]).toEqual([[1, 7, 6], [2, 3, 4].map((value) => [value, 'expired'])]);
    consumer.request(1);
    expect(consumer.values).toEqual([1, 7, 6, 5]);
    for (let i = 0; i < 2; i++) {
      consumer.request(1);
      send(8);
      time.advanceBy(51);
    }
    send(9, 10);
    consumer.request(2);
    expect(consumer.values.slice(-2)).toEqual([9, 10]);
  });

  test('lifo keeps on while there is too much: those served hardly wait, others wait and go', () => {
    for (const lifo of [false, true]) {
      const waits: number[] = [];
      const time = new VirtualTime();
      const drops: Drop[] = [];
      const source = new Subject<number>();
      const operator = shedByDelay<number>({
        capacity: 1_000,
        lifo,
        scheduler: time.scheduler,
        onDrop: (drop) => void drops.push(drop),
      });
      const consumer = new ManualConsumer(source.pipe(operator), (sentAt) => waits.push(time.now - sentAt));
      for (let ms = 0; ms < 4_000; ms++) {
        source.next(time.now);
        if (ms % 2 === 0) consumer.request(1);
        time.advanceBy(1);
      }
      const late = waits.slice(waits.length / 2).sort((a, b) => a - b);
      const median = late[late.length >> 1]!;
      expect(lifo ? median <= 2 : median >= 20).toBe(true);
      expect(drops.length).toBeGreaterThan(1_800);
      expect(drops.every(({ reason, age }) => reason === 'expired' && age > 40)).toBe(true);
      consumer.unsubscribe();
    }
  });

  test('a clock set back 10 s: waits go on, and so does shedding', () => {
    const { clock, time, overload, drops, ledgerAddsUp } = setUp({ capacity: 1_000 });
    time.advanceBy(60_000);
    overload(0, 300, 1, 2);
    const before = drops.length;
    clock.offset = -10_000;
    overload(300, 300, 1, 2);
    expect(drops.length - before).toBeGreaterThan(100);
    expect(drops.every(({ age }) => age > 40 && age < 400)).toBe(true);
    ledgerAddsUp();
  });

  test('a clock set forward an hour: what comes after it is served', () => {
    const { clock, consumer, send, gone, time, ledgerAddsUp } = setUp();
    send(1, 2);
    clock.offset = 3_600_000;
    consumer.request(2);
    expect(consumer.values).toEqual([1, 2]);
    for (let value = 3; value < 100; value++) {
      send(value);
      time.advanceBy(5);
      consumer.request(1);
    }
    expect(gone()).toEqual([]);
    ledgerAddsUp();
  });

  test('completion and errors come after what is held', () => {
    for (const how of ['complete', 'error'] as const) {
      const { source, consumer, send } = setUp();
      send(1, 2);
      if (how === 'complete') source.complete();
      else source.error('broken');
      expect(consumer.end).toBeUndefined();
      consumer.request(2);
      expect(consumer.values).toEqual([1, 2]);
      expect(consumer.end).toEqual(how === 'complete' ? 'complete' : { error: 'broken' });
    }
  });

  test('unsubscribing drops what is held as cancelled, with its age', () => {
    const { source, consumer, send, drops, gone, time, ledgerAddsUp } = setUp();
    send(1);
    time.advanceBy(5);
    send(2);
    consumer.unsubscribe();
    expect(gone()).toEqual([1, 2].map((value) => [value, 'cancelled']));
    expect(drops.map(({ age }) => age)).toEqual([5, 0]);
    expect(source.open).toBe(0);
    ledgerAddsUp();
  });

  test('unsubscribing from inside next, while values come', () => {
    const drops: unknown[] = [];
    const source = new Subject<number>();
    const onDrop = ({ value, reason }: Drop): void => void drops.push([value, reason]);
    const subscription = source.pipe(shedByDelay<number>({ capacity: 1, onDrop })).subscribe(() => {
      for (const value of [2, 3]) source.next(value);
      subscription.unsubscribe();
    });
    source.next(1);
    expect(drops).toEqual([
      [3, 'overflow'],
      [2, 'cancelled'],
    ]);
  });

  test('onDrop that throws goes to the error channel, or is reported as unhandled once the stream has ended', async () => {
    const failure = new Error('mine');
    const reported = new Promise<unknown>((resolve) => (config.onUnhandledError = resolve));
    const { source, consumer, send } = setUp({
      capacity: 1,
      onDrop: () => {
        throw failure;
      },
    });
    send(1, 2);
    expect(consumer.end).toEqual({ error: failure });
    expect(source.open).toBe(0);
    expect(await reported).toBe(failure); // for 1, that was held
    config.onUnhandledError = null;
  });

  test.each([
    [{ capacity: 0 }, 'capacity'],
    [{ capacity: -1 }, 'capacity'],
    [{ capacity: 1.5 }, 'capacity'],
    [{ capacity: NaN }, 'capacity'],
    [{ capacity: '8' }, 'capacity'],
    [{ capacity: undefined }, 'capacity'],
    [{ target: 0 }, 'target'],
    [{ target: Infinity }, 'target'],
    [{ interval: -1 }, 'interval'],
    [{ interval: '100' }, 'interval'],
    [{ lifo: 'yes' }, 'lifo'],
    [{ onDrop: 'log' }, 'onDrop'],
    [{ name: 7 }, 'name'],
    [{ scheduler: {} }, 'scheduler'],
    [{ monitor: {} }, 'monitor'],
    [{ taget: 5 }, 'taget'],
  ])('%j is refused at the call', (options, option) => {
    const call = (): unknown => shedByDelay({ capacity: 1, ...options } as never);
    expect(call).toThrow(OptionError);
    expect(call).toThrow(expect.objectContaining({ option }));
  });

  test('an unknown option is refused with a suggestion', () => {
    expect(() => shedByDelay({ capacity: 1, taget: 5 } as never)).toThrow('Did you mean `target`?');
  });
});
