import { concat, NEVER, Subject, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import {
  batch,
  OptionError,
  OverflowError,
  pool,
  pull,
  ReturnError,
  type BatchOptions,
  type Drop,
  type MonitoredStage,
} from '../../../src/index.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../../src/testing/index.js';
import { JumpingClock } from '../control/jumpingClock.js';

function setUp<T = number>(options: BatchOptions<T>, onValue?: (batch: T[]) => void) {
  const time = new VirtualTime();
  const drops: Drop[] = [];
  const stages: MonitoredStage[] = [];
  const source = new ManualSource<T>();
  const operator = batch<T>({
    onDrop: (drop) => void drops.push(drop),
    monitor: { add: (stage) => void stages.push(stage) },
    scheduler: time.scheduler,
    ...options,
  });
  const consumer = new ManualConsumer(source.pipe(operator), onValue);
  return { time, drops, source, consumer, stage: stages[0]! };
}

const errorOf = ({ end }: { readonly end: unknown }): unknown => (end as { error: unknown }).error;

describe('batch', () => {
  test('by number: goes when it is full, the rest at the end', () => {
    const { source, consumer } = setUp({ size: 2 });
    consumer.request(9);
    for (const value of [1, 2, 3]) source.send(value);
    expect(consumer.values).toEqual([[1, 2]]);
    source.complete();
    expect([consumer.values, consumer.end]).toEqual([[[1, 2], [3]], 'complete']);
  });

  test('without `within` a batch that is not full waits, also for a consumer that is idle', () => {
    const { source, consumer, time } = setUp({ size: 3 });
    consumer.request(1);
    source.send(1);
    time.advanceBy(1e9);
    expect([consumer.values, time.pending]).toEqual([[], 0]);
  });

  test('by time, from the first value on: marbles', () => {
    const run = (
      input: string,
      options: BatchOptions<string>,
      output: string,
      values: Record<string, string[]>,
    ): void =>
      new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(
        ({ hot, expectObservable, expectSubscriptions }) => {
          const source = hot(input);
          expectObservable(source.pipe(batch(options))).toBe(output, values);
          const end = input.search(/[|#]/);
          expectSubscriptions(source.subscriptions).toBe(`^${'-'.repeat(end - 1)}!`);
        },
      );
    const options = { size: 3, within: 4 };
    run('-ab--------c|', options, '-----x------(y|)', { x: ['a', 'b'], y: ['c'] });
    run('-abcd------|', options, '---x----y--|', { x: ['a', 'b', 'c'], y: ['d'] });
    run('----a-#', options, '------(x#)', { x: ['a'] });
    run('--|', options, '--|', {});
  });

  test('by cost: a value that would bring it above goes into the next', () => {
    const { source, consumer } = setUp<string>({ cost: (text) => text.length, maxCost: 5 });
    consumer.request(9);
    for (const text of ['aa', 'bb', 'cc', 'ddd', 'e']) source.send(text);
    expect(consumer.values).toEqual([
      ['aa', 'bb'],
      ['cc', 'ddd'],
    ]);
    source.complete();
    expect(consumer.values.slice(2)).toEqual([['e']]);
  });

  test('a value that costs more than `maxCost` goes alone', () => {
    const { source, consumer } = setUp<string>({ cost: (text) => text.length, maxCost: 3 });
    consumer.request(9);
    for (const text of ['a', 'heavy', 'b']) source.send(text);
    expect(consumer.values).toEqual([['a'], ['heavy']]);
  });

  test('values of cost 0 are charged 1, so they are bounded too', () => {
    const { source, consumer } = setUp<string>({ cost: (text) => text.length, maxCost: 2 });
    consumer.request(1);
    for (let i = 0; i < 2; i++) source.send('');
    expect(consumer.values).toEqual([['', '']]);
  });

  test('asks for what the batch has room for; with costs, for one value at a time', () => {
    const byNumber = setUp({ size: 3 });
    expect(byNumber.source.requested).toBe(3);
    byNumber.source.send(1);
    expect(byNumber.source.requested).toBe(2);
    for (const value of [2, 3]) byNumber.source.send(value);
    expect(byNumber.source.requested).toBe(0);
    byNumber.consumer.request(1);
    expect(byNumber.source.requested).toBe(3);

    const byCost = setUp({ size: 9, cost: (value) => value, maxCost: 5 });
    expect(byCost.source.requested).toBe(1);
    byCost.source.send(3);
    expect(byCost.source.requested).toBe(1);
    byCost.source.send(3); // does not fit in
    expect([byCost.source.requested, byCost.stage.held]).toEqual([0, 2]);
    byCost.consumer.request(1);
    expect([byCost.source.requested, byCost.consumer.values]).toEqual([1, [[3]]]);
  });

  test('follows the load: what came within the time for an idle consumer, full batches for a busy one', () => {
    const { source, consumer, time } = setUp({ size: 4, within: 10 });
    consumer.request(1);
    source.send(1);
    time.advanceBy(10);
    expect(consumer.values).toEqual([[1]]);
    source.send(2);
    time.advanceBy(100); // due long ago, but the consumer is busy
    for (const value of [3, 4]) source.send(value);
    expect([consumer.values.length, time.pending, source.requested]).toEqual([1, 0, 1]);
    consumer.request(1); // and takes all there is
    expect(consumer.values[1]).toEqual([2, 3, 4]);
    for (const value of [5, 6, 7, 8]) source.sendOnDemand(value);
    for (let value = 9; value < 12; value++) source.sendOnDemand(value);
    expect([source.requested, source.unsent]).toEqual([0, 3]);
    consumer.request(1);
    expect([consumer.values[2], source.unsent]).toEqual([[5, 6, 7, 8], 0]);
  });

  test('the time of a value that did not fit in counts from when it came', () => {
    const { source, consumer, time } = setUp({ within: 10, cost: (value) => value, maxCost: 5 });
    source.send(3);
    time.advanceBy(4);
    source.send(4);
    time.advanceBy(7);
    consumer.request(2);
    expect([consumer.values, time.pending]).toEqual([[[3]], 1]);
    time.advanceBy(2);
    expect(consumer.values.length).toBe(1);
    time.advanceBy(1);
    expect([consumer.values[1], time.pending]).toEqual([[4], 0]);
  });

  test('one timer at most, none while it is empty, full, due or ending', () => {
    const { source, consumer, time } = setUp({ size: 2, within: 10 });
    const pending: number[] = [time.pending];
    const note = (): void => void pending.push(time.pending);
    source.send(1);
    note(); // waits
    source.send(2);
    note(); // full
    consumer.request(1);
    note(); // empty
    source.send(3);
    note();
    time.advanceBy(10);
    note(); // due
    consumer.request(2);
    note();
    source.send(4);
    note();
    source.complete();
    note();
    expect(pending).toEqual([0, 1, 0, 0, 1, 0, 0, 1, 0]);
    expect(consumer.values).toEqual([[1, 2], [3], [4]]);
  });

  test('the clock decides, not the timer: one that is set back makes it wait once more, at most', () => {
    const time = new VirtualTime();
    const clock = new JumpingClock(time);
    const { source, consumer } = setUp({ size: 9, within: 10, scheduler: clock });
    consumer.request(9);
    source.send(1);
    clock.by = -1_000;
    time.advanceBy(10);
    expect([consumer.values, time.pending]).toEqual([[], 1]);
    time.advanceBy(10);
    expect([consumer.values, time.pending]).toEqual([[[1]], 0]);
  });

  test('never emits without demand, and holds no more than one batch', () => {
    const { source, consumer, time } = setUp({ size: 2, within: 5 });
    for (const value of [1, 2, 3, 4]) source.sendOnDemand(value);
    time.advanceBy(99);
    source.complete();
    expect([consumer.values, consumer.end]).toEqual([[], undefined]);
    consumer.request(1);
    expect([consumer.values, consumer.end]).toEqual([[[1, 2]], 'complete']);
  });

  test('an error of the source comes after what is held', () => {
    const { source, consumer, drops } = setUp({ size: 9, within: 50 });
    source.send(1);
    source.error('broken');
    expect(consumer.end).toBeUndefined();
    consumer.request(1);
    expect([consumer.values, consumer.end, drops]).toEqual([[[1]], { error: 'broken' }, []]);
  });

  test('a source that ignores demand: what is held goes, then OverflowError', () => {
    const { source, consumer, drops } = setUp({ size: 2, name: 'inserts' });
    for (const value of [1, 2, 3]) source.send(value);
    expect([source.open, drops.map(({ value, reason }) => [value, reason])]).toEqual([0, [[3, 'overflow']]]);
    consumer.request(1);
    expect(consumer.values).toEqual([[1, 2]]);
    expect(errorOf(consumer)).toBeInstanceOf(OverflowError);
    expect(errorOf(consumer)).toMatchObject({ stage: 'inserts', capacity: 2 });
    expect((errorOf(consumer) as Error).message).toMatch(/put a boundedBuffer with a named `overflow` before it$/);
  });

  test('nothing overflows while downstream has room that it has not called for yet', () => {
    const work: Subject<number>[] = [];
    const source = new Subject<number>();
    const errors: unknown[] = [];
    source
      .pipe(
        batch({ size: 1 }),
        pool(() => (work.push(new Subject()), work.at(-1)!), { concurrency: 1, waiting: 8 }),
      )
      .subscribe({ error: (error) => errors.push(error) });
    for (let i = 0; i < 10; i++) source.next(i);
    work[0]!.complete(); // the pool has a place again, and calls when it has four
    source.next(10);
    source.next(11);
    expect(errors).toEqual([]);
  });

  test('unsubscribing drops value by value, each with its age; the ledger counts values', () => {
    const { source, consumer, drops, time, stage } = setUp({ size: 3, within: 100 });
    consumer.request(1);
    for (const value of [1, 2, 3]) source.send(value);
    source.send(4);
    time.advanceBy(7);
    source.send(5);
    time.advanceBy(1);
    expect(stage.ledger).toMatchObject({ in: 5, out: 3, dropped: 0, held: 2 });
    consumer.unsubscribe();
    expect(drops).toEqual([
      { value: 4, reason: 'cancelled', stage: 'batch', age: 8 },
      { value: 5, reason: 'cancelled', stage: 'batch', age: 1 },
    ]);
    expect(stage.ledger).toMatchObject({ in: 5, out: 3, dropped: 2, held: 0, reasons: { cancelled: 2 } });
    expect(time.pending).toBe(0);
  });

  test('values sent from inside next come after, in order', () => {
    const source = new Subject<number>();
    const seen: number[][] = [];
    source.pipe(batch({ size: 2 })).subscribe((values) => {
      seen.push(values);
      if (values[0] === 1) for (const more of [3, 4]) source.next(more);
    });
    for (const value of [1, 2]) source.next(value);
    expect(seen).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test('unsubscribe inside next: what the source sends after is lost to nobody', () => {
    const { source, consumer, stage, time } = setUp({ size: 2, within: 5 }, () => consumer.unsubscribe());
    consumer.request(9);
    for (const value of [1, 2, 3]) source.send(value);
    expect(stage.ledger).toMatchObject({ in: 2, out: 2, held: 0 });
    expect([source.open, time.pending]).toEqual([0, 0]);
  });

  test.each([-1, NaN, Infinity, 'heavy', undefined])('a cost of %s is a ReturnError', (cost) => {
    const { source, consumer, drops } = setUp({ maxCost: 9, cost: (value) => (value === 1 ? 1 : (cost as number)) });
    for (const value of [1, 2]) source.send(value);
    expect(errorOf(consumer)).toBeInstanceOf(ReturnError);
    expect(drops.map(({ value, reason }) => [value, reason])).toEqual([
      [1, 'cancelled'],
      [2, 'cancelled'],
    ]);
  });

  test('a `cost` that throws ends the stream with what it threw; one that unsubscribes leaves nothing behind', () => {
    const failure = new Error('mine');
    const throwing = setUp({
      maxCost: 9,
      cost: () => {
        throw failure;
      },
    });
    throwing.source.send(1);
    expect(errorOf(throwing.consumer)).toBe(failure);

    let leave = (): void => undefined;
    const leaving = setUp({ maxCost: 9, within: 5, cost: (value) => (value === 2 && leave(), 1) });
    leave = () => leaving.consumer.unsubscribe();
    for (const value of [1, 2, 3]) leaving.source.send(value);
    expect(leaving.stage.ledger).toMatchObject({ in: 2, out: 0, reasons: { cancelled: 2 }, held: 0 });
    expect(leaving.time.pending).toBe(0);
  });

  test('a pool behind it gets whole batches, and the source is read no further than one ahead', async () => {
    let read = 0;
    const numbers = function* (): Generator<number> {
      while (read < 10) yield ++read;
    };
    const sums: number[] = [];
    const most: number[] = [];
    await new Promise<void>((resolve) => {
      pull(numbers())
        .pipe(
          batch({ size: 3 }),
          pool(
            async (values) => {
              most.push(read);
              return values.reduce((sum, value) => sum + value, 0);
            },
            { concurrency: 1, waiting: 0 },
          ),
        )
        .subscribe({ next: (sum) => sums.push(sum), complete: resolve });
    });
    expect(sums).toEqual([6, 15, 24, 10]);
    expect(most[0]).toBeLessThanOrEqual(6);
    expect(most).toEqual([3, 6, 9, 10]);
  });

  test.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /`options` to be an object/],
    [
      'no bound',
      {},
      /Expected `size` to be given, or `maxCost`: nothing else bounds what is held, got undefined \(batch\)/,
    ],
    ['time alone', { within: 5 }, /Expected `size` to be given/],
    ['a size of 0', { size: 0 }, /`size` to be a positive integer or Infinity, got 0/],
    ['half a value', { size: 1.5 }, /got 1.5/],
    ['a time of 0', { size: 1, within: 0 }, /`within` to be a number of milliseconds above 0/],
    ['time without an end', { size: 1, within: Infinity }, /`within`/],
    ['a cost without a bound', { size: 1, cost: () => 1 }, /Expected `maxCost` to be given with `cost`/],
    ['a bound without a cost', { maxCost: 5 }, /Expected `cost` to be given with `maxCost`/],
    ['a cost that is no function', { cost: 5, maxCost: 5 }, /`cost` to be a function/],
    ['a bound of 0', { cost: () => 1, maxCost: 0 }, /`maxCost`/],
    ['an unknown option', { size: 1, whithin: 5 }, /has no option `whithin`. Did you mean `within`\?/],
  ])('%s is refused at the call', (_name, options, message) => {
    const call = (): unknown => batch(options as BatchOptions<number>);
    expect(call).toThrow(OptionError);
    expect(call).toThrow(message);
  });

  test('Infinity is a bound, where it is written', () => {
    const endless: Observable<number> = concat(pull([1, 2, 3]), NEVER);
    const consumer = new ManualConsumer(endless.pipe(batch({ size: Infinity })));
    consumer.request(1);
    expect(consumer.values).toEqual([]);
    expect(() => batch({ size: 1, cost: () => 1, maxCost: Infinity })).not.toThrow();
  });
});
