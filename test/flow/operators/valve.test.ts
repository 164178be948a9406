import fc from 'fast-check';
import { BehaviorSubject, concat, finalize, NEVER, Observable, Subject, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import {
  OptionError,
  OverflowError,
  pool,
  pull,
  SourceError,
  valve,
  type Drop,
  type MonitoredStage,
  type ValveOptions,
} from '../../../src/index.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../../src/testing/index.js';

function setUp(options: ValveOptions<number> = {}, onValue?: (value: number, open$: Subject<boolean>) => void) {
  const time = new VirtualTime();
  const drops: [value: unknown, reason: string][] = [];
  const stages: MonitoredStage[] = [];
  const source = new ManualSource<number>();
  const open$ = new Subject<boolean>();
  const operator = valve<number>(open$, {
    onDrop: ({ value, reason }) => void drops.push([value, reason]),
    monitor: { add: (stage) => void stages.push(stage) },
    scheduler: time.scheduler,
    ...options,
  });
  const consumer = new ManualConsumer(source.pipe(operator), (value) => onValue?.(value, open$));
  return { time, drops, source, consumer, open$, stage: stages[0]! };
}

const errorOf = ({ end }: { readonly end: unknown }): unknown => (end as { error: unknown }).error;

describe('valve', () => {
  test('open it is transparent, closed it holds: marbles', () => {
    new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(
      ({ hot, expectObservable, expectSubscriptions }) => {
        const source = hot('  -a-b-c-d-----e|');
        const switches = hot('o---c---o------', { o: true, c: false });
        const open$ = concat(switches, NEVER);
        expectObservable(source.pipe(valve(open$, { capacity: 2 }))).toBe('-a-b----(cd)-e|');
        expectSubscriptions(source.subscriptions).toBe('                   ^-------------!');
        expectSubscriptions(switches.subscriptions).toBe('                 ^-------------!');
      },
    );
  });

  test('asks for nothing while it is closed, and for what it has room for while it is open', () => {
    const { source, open$, consumer } = setUp({ capacity: 3 });
    consumer.request(1);
    expect(source.requested).toBe(0);
    open$.next(true);
    expect(source.requested).toBe(3);
    for (const value of [1, 2]) source.sendOnDemand(value);
    expect([consumer.values, source.requested]).toEqual([[1], 2]);
    open$.next(false);
    expect(source.requested).toBe(0);
    source.sendOnDemand(3);
    expect(source.unsent).toBe(1);
    consumer.request(9);
    expect(consumer.values).toEqual([1]);
    open$.next(true);
    expect([consumer.values, source.unsent]).toEqual([[1, 2, 3], 0]);
  });

  test('what was asked for while it was open is taken when it comes after the closing', () => {
    const { source, open$, consumer, drops } = setUp({ capacity: 3 });
    open$.next(true);
    const promised = source.requested;
    open$.next(false);
    for (let value = 0; value < promised; value++) source.send(value);
    expect([drops, consumer.end]).toEqual([[], undefined]);
    open$.next(true);
    consumer.request(9);
    expect(consumer.values).toEqual([0, 1, 2]);
  });

  test('a source is not subscribed again, and one that sleeps is woken', () => {
    const { source, open$, consumer } = setUp();
    consumer.request(100);
    for (let value = 0; value < 10; value++) {
      open$.next(value % 2 === 0);
      source.sendOnDemand(value);
    }
    open$.next(true);
    expect([consumer.values, source.subscriptions]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 1]);
  });

  test('with `capacity` left out it holds one value, which is enough for a source that waits', () => {
    const { source, open$, consumer, stage } = setUp();
    open$.next(true);
    for (const value of [1, 2]) source.sendOnDemand(value);
    expect([stage.held, source.unsent]).toEqual([1, 1]);
    consumer.request(9);
    expect(consumer.values).toEqual([1, 2]);
  });

  test('closed, it overflows by the policy that was named: by default what is held goes, then OverflowError', () => {
    const { source, open$, consumer, drops } = setUp({ capacity: 2, name: 'maintenance' });
    consumer.request(9);
    for (const value of [1, 2, 3]) source.send(value);
    expect([drops, source.open, consumer.end]).toEqual([[[3, 'overflow']], 0, undefined]);
    open$.next(true);
    expect(consumer.values).toEqual([1, 2]);
    expect(errorOf(consumer)).toBeInstanceOf(OverflowError);
    expect(errorOf(consumer)).toMatchObject({ stage: 'maintenance', capacity: 2 });
  });

  test.each([
    ['drop-oldest', [2, 3], [[1, 'evicted']]],
    ['drop-newest', [1, 2], [[3, 'overflow']]],
  ] as const)('%s', (overflow, kept, gone) => {
    const { source, open$, consumer, drops } = setUp({ capacity: 2, overflow });
    consumer.request(9);
    for (const value of [1, 2, 3]) source.send(value);
    open$.next(true);
    expect([consumer.values, drops]).toEqual([kept, gone]);
  });

  test('maxAge: what was held for longer goes when it opens', () => {
    const { source, open$, consumer, drops, time } = setUp({ capacity: 9, maxAge: 10 });
    consumer.request(9);
    source.send(1);
    time.advanceBy(11);
    source.send(2);
    open$.next(true);
    expect([consumer.values, drops]).toEqual([[2], [[1, 'expired']]]);
  });

  test('true after true, and false after false, change nothing', () => {
    const { source, open$, consumer } = setUp({ capacity: 2 });
    consumer.request(9);
    for (const open of [false, false, true, true]) {
      open$.next(open);
      source.send(consumer.values.length);
    }
    open$.next(false);
    open$.next(false);
    source.send(9);
    open$.next(true);
    expect([consumer.values.length, consumer.values.at(-1)]).toEqual([5, 9]);
  });

  test('`open$` is subscribed before the source, and let go with it', () => {
    const order: string[] = [];
    const noted = (name: string): Observable<never> =>
      concat(
        new Observable<never>((subscriber) => {
          order.push(name);
          subscriber.complete();
        }),
        NEVER,
      ).pipe(finalize(() => order.push(`-${name}`)));
    const subscription = noted('source')
      .pipe(valve(noted('open$')))
      .subscribe();
    expect(order).toEqual(['open$', 'source']);
    subscription.unsubscribe();
    expect([...order].sort()).toEqual(['-open$', '-source', 'open$', 'source']);
  });

  test('unsubscribing while it is closed drops what is held, and lets `open$` go', () => {
    const { source, open$, consumer, drops, stage } = setUp({ capacity: 2 });
    for (const value of [1, 2]) source.send(value);
    consumer.unsubscribe();
    expect(drops).toEqual([
      [1, 'cancelled'],
      [2, 'cancelled'],
    ]);
    expect([source.open, open$.observed, stage.held]).toEqual([0, false, 0]);
  });

  describe('the end of `open$`', () => {
    test('while open: it stays open', () => {
      const { source, open$, consumer } = setUp();
      consumer.request(9);
      open$.next(true);
      open$.complete();
      source.send(1);
      source.complete();
      expect([consumer.values, consumer.end]).toEqual([[1], 'complete']);
    });

    test('while closed: a SourceError, for nothing would pass any more; what is held is reported', () => {
      const { source, open$, consumer, drops } = setUp({ name: 'gate' });
      open$.next(false);
      source.send(1);
      open$.complete();
      expect(errorOf(consumer)).toBeInstanceOf(SourceError);
      expect((errorOf(consumer) as Error).message).toMatch(/^`gate`: `open\$` completed while it was false/);
      expect([drops, source.open]).toEqual([[[1, 'cancelled']], 0]);
    });

    test('without a value: a SourceError', () => {
      const { open$, consumer } = setUp();
      open$.complete();
      expect((errorOf(consumer) as Error).message).toBe('`valve`: `open$` completed without a value');
    });

    test('an error goes to the error channel at once, open or closed', () => {
      for (const open of [true, false]) {
        const { source, open$, consumer, drops } = setUp();
        open$.next(open);
        source.send(1);
        open$.error('no signal');
        expect([consumer.end, drops, source.open]).toEqual([{ error: 'no signal' }, [[1, 'cancelled']], 0]);
      }
    });

    test('an error at once, before there is a source', () => {
      const source = new ManualSource<number>();
      const consumer = new ManualConsumer(source.pipe(valve(throwError(() => 'no signal'))));
      expect([consumer.end, source.subscriptions]).toEqual([{ error: 'no signal' }, 0]);
    });

    test('after the stream has ended it means nothing', () => {
      const { source, open$, consumer } = setUp();
      source.complete();
      expect([consumer.end, open$.observed]).toEqual(['complete', false]);
    });
  });

  test.each([1, 'true', null, undefined])('%s from `open$` is an OptionError in the stream', (value) => {
    const { open$, consumer } = setUp();
    open$.next(value as unknown as boolean);
    expect(errorOf(consumer)).toBeInstanceOf(OptionError);
    expect((errorOf(consumer) as Error).message).toMatch(/Expected `open\$` to be true or false, got /);
  });

  test.each<[string, () => unknown, RegExp]>([
    [
      'no Observable',
      () => valve(true as never),
      /Expected `open\$` to be an Observable, got true \(boolean\) \(valve\)/,
    ],
    ['no options', () => valve(NEVER, null as never), /`options` to be an object/],
    ['a capacity of 0', () => valve(NEVER, { capacity: 0 }), /`capacity` to be a positive integer or Infinity, got 0/],
    ['an unknown policy', () => valve(NEVER, { overflow: 'wait' as never }), /`overflow`/],
    ['an unknown option', () => valve(NEVER, { capasity: 1 } as never), /Did you mean `capacity`\?/],
    ['a cost with merge', () => valve(NEVER, { cost: () => 1, overflow: { merge: (a) => a } }), /\(valve\)/],
  ])('%s is refused at the call', (_name, call, message) => {
    expect(call).toThrow(OptionError);
    expect(call).toThrow(message);
  });

  test('an async pool behind it goes on where it was, and the source is read no further while it is closed', async () => {
    let read = 0;
    const numbers = function* (): Generator<number> {
      while (read < 100) yield ++read;
    };
    const open$ = new BehaviorSubject(true);
    const results: number[] = [];
    const pausedAt: number[] = [];
    await new Promise<void>((resolve) => {
      pull(numbers())
        .pipe(
          valve(open$),
          pool(async (value) => value, { concurrency: 2 }),
        )
        .subscribe({
          next: (value) => {
            results.push(value);
            if (value !== 50) return;
            open$.next(false);
            pausedAt.push(read);
            setImmediate(() => {
              pausedAt.push(read);
              open$.next(true);
            });
          },
          complete: resolve,
        });
    });
    expect(results).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(pausedAt[1]).toBe(pausedAt[0]);
    expect(pausedAt[0]).toBeLessThan(60);
  });

  test('in any order of sending, asking, switching and ending: a closed one gives nothing, none is lost, order is kept', () => {
    const step = fc.constantFrom('send', 'send', 'ask', 'ask', 'open', 'close', 'closeInside', 'complete');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), fc.integer({ min: 1, max: 4 }), (steps, capacity) => {
        let isOpen = false;
        let closeInside = false;
        const { source, consumer, stage, open$, drops } = setUp({ capacity }, () => {
          expect(isOpen).toBe(true);
          if (closeInside) turn(false);
          closeInside = false;
        });
        const turn = (open: boolean): void => open$.next((isOpen = open));
        let sent = 0;
        for (const what of steps) {
          if (what === 'send') source.sendOnDemand(sent++);
          else if (what === 'ask') consumer.request(1);
          else if (what === 'complete') source.complete();
          else if (what === 'closeInside') closeInside = true;
          else turn(what === 'open');
          expect(stage.held).toBeLessThanOrEqual(capacity);
          if (!isOpen) expect(source.requested).toBe(0);
          const { in: arrived, out, held } = stage.ledger;
          expect([held, out]).toEqual([arrived - consumer.values.length, consumer.values.length]);
          if (consumer.end !== undefined) expect(held).toBe(0);
        }
        closeInside = false;
        const { in: arrived } = stage.ledger;
        source.complete();
        consumer.request(100);
        turn(true);
        expect([consumer.values, consumer.end, drops]).toEqual([
          Array.from({ length: arrived }, (_, i) => i),
          'complete',
          [],
        ]);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('what went wrong with pausableBuffered of RxJS 4 does not', () => {
  test('#249: paused from the start, the first value is not lost', () => {
    const source = new Subject<number>();
    const open$ = new Subject<boolean>();
    const seen: number[] = [];
    source.pipe(valve(open$, { capacity: 9 })).subscribe((value) => seen.push(value));
    for (const value of [1, 2]) source.next(value);
    expect(seen).toEqual([]);
    open$.next(true);
    source.next(3);
    expect(seen).toEqual([1, 2, 3]);
  });

  test('#745: false first, then true, gives no value twice', () => {
    const source = new Subject<number>();
    const open$ = new BehaviorSubject(false);
    const seen: number[] = [];
    source.pipe(valve(open$, { capacity: 9 })).subscribe((value) => seen.push(value));
    for (const value of [1, 2, 3]) source.next(value);
    for (const open of [true, false, true]) open$.next(open);
    source.next(4);
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  test('#277: pausing inside next stops what is held right there, and gives none of it again', () => {
    const source = new Subject<number>();
    const open$ = new BehaviorSubject(false);
    const seen: number[] = [];
    source.pipe(valve(open$, { capacity: 9 })).subscribe((value) => {
      seen.push(value);
      if (value % 2 === 0) open$.next(false);
    });
    for (const value of [1, 2, 3, 4, 5]) source.next(value);
    open$.next(true);
    expect(seen).toEqual([1, 2]);
    open$.next(true);
    expect(seen).toEqual([1, 2, 3, 4]);
    open$.next(true);
    source.next(6);
    source.next(7);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test.each([
    ['completion', (source: Subject<number>) => source.complete(), 'complete'],
    ['an error', (source: Subject<number>) => source.error('broken'), 'broken'],
  ])('#349: %s while paused waits for what is held, and that for the opening', (_name, endSource, expected) => {
    const source = new Subject<number>();
    const open$ = new BehaviorSubject(false);
    const seen: unknown[] = [];
    const note = (value: unknown): void => void seen.push(value);
    source.pipe(valve(open$, { capacity: 9 })).subscribe({ next: note, error: note, complete: () => note('complete') });
    for (const value of [1, 2]) source.next(value);
    endSource(source);
    expect(seen).toEqual([]);
    open$.next(true);
    expect(seen).toEqual([1, 2, expected]);
  });

  test('#1128, #1137: subscribers share what `open$` says, not what is held, and a late one knows it too', () => {
    const source = new Subject<number>();
    const open$ = new BehaviorSubject(true);
    const gated = source.pipe(valve(open$, { capacity: 9 }));
    const seen: Record<string, number[]> = { a: [], b: [], late: [] };
    gated.subscribe((value) => seen['a']!.push(value));
    gated.subscribe((value) => seen['b']!.push(value));
    source.next(1);
    open$.next(false);
    source.next(2);
    gated.subscribe((value) => seen['late']!.push(value));
    source.next(3);
    expect(seen).toEqual({ a: [1], b: [1], late: [] });
    open$.next(true);
    expect(seen).toEqual({ a: [1, 2, 3], b: [1, 2, 3], late: [3] });
  });

  test('#1014: what is held is bounded', () => {
    const source = new Subject<number>();
    const stages: MonitoredStage[] = [];
    const drops: Drop[] = [];
    const held = valve<number>(new BehaviorSubject(false), {
      capacity: 10,
      overflow: 'drop-oldest',
      onDrop: (drop) => drops.push(drop),
      monitor: { add: (stage) => void stages.push(stage) },
    });
    const subscription = source.pipe(held).subscribe();
    for (let value = 0; value < 10_000; value++) source.next(value);
    expect([stages[0]!.held, drops.length]).toEqual([10, 9_990]);
    subscription.unsubscribe();
  });
});
