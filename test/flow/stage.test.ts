import { config, Observable, Subscriber, type MonoTypeOperatorFunction } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { Stage, type MonitoredStage, type StageOptions } from '../../src/index.js';
import { ManualConsumer, ManualSource } from '../../src/testing/index.js';

/** Holds two values and doubles them on the way out. */
class Doubling extends Stage<number> {
  private readonly values: number[] = [];

  get requested(): number {
    return this.ending ? 0 : 2 - this.values.length;
  }

  get held(): number {
    return this.values.length;
  }

  protected accept(value: number): void {
    if (value < 0) throw new RangeError('negative');
    this.values.push(value);
    this.run();
  }

  protected work(): void {
    while (this.values.length > 0 && this.downstream.requested > 0) this.emit(2 * this.values.shift()!);
  }

  protected clear(): void {
    for (const value of this.values.splice(0)) this.drop(value, 'cancelled', this.ageSince(0));
  }
}

const doubling =
  (options: StageOptions = {}): MonoTypeOperatorFunction<number> =>
  (source) =>
    new Observable(
      (subscriber) => void source.subscribe(new Doubling(subscriber, { ...options, name: options.name ?? 'doubling' })),
    );

describe('Stage', () => {
  test('a monitor is given the stage of each subscription, and reads its ledger at any time', () => {
    const stages: MonitoredStage[] = [];
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(doubling({ monitor: { add: (stage) => stages.push(stage) } })));
    source.send(1);
    source.send(2);
    consumer.request(1);
    expect(stages).toHaveLength(1);
    expect(stages[0]!.ledger).toEqual({ stage: 'doubling', in: 2, out: 1, dropped: 0, reasons: {}, held: 1 });
    consumer.unsubscribe();
    expect(stages[0]!.ledger).toMatchObject({ out: 1, dropped: 1, reasons: { cancelled: 1 }, held: 0 });
  });

  test('what a subclass throws goes to the error channel, and lets the source go', () => {
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(doubling()));
    source.send(-1);
    expect(consumer.end).toEqual({ error: new RangeError('negative') });
    expect(source.open).toBe(0);
  });

  test('a stage finds the one behind it', () => {
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(doubling(), doubling()));
    for (const value of [1, 2, 3, 4]) source.sendOnDemand(value);
    expect(source.unsent).toBe(0);
    source.sendOnDemand(5);
    expect(source.unsent).toBe(1);
    consumer.request(1);
    expect(consumer.values).toEqual([4]);
    expect(source.unsent).toBe(0);
  });

  test('subscribed by a subscriber that is closed already, it does nothing and holds nothing', () => {
    const source = new ManualSource<number>();
    const closed = new Subscriber<number>();
    closed.unsubscribe();
    source.pipe(doubling()).subscribe(closed);
    source.send(1);
    expect(source.open).toBe(0);
  });

  test('a source that misbehaves: values after its end are ignored', () => {
    let bad: Subscriber<number> | undefined;
    const consumer = new ManualConsumer(
      new Observable<number>((subscriber) => void (bad = subscriber)).pipe(doubling()),
    );
    bad!.next(1);
    bad!.complete();
    bad!.next(2);
    bad!.error(new Error('late'));
    consumer.request(9);
    expect(consumer.values).toEqual([2]);
    expect(consumer.end).toBe('complete');
  });

  test('a value that can not be accepted is reported', () => {
    const drops: unknown[] = [];
    const source = new ManualSource<number>();
    new ManualConsumer(source.pipe(doubling({ onDrop: ({ value, reason }) => drops.push([value, reason]) })));
    source.send(1);
    source.send(-1);
    expect(drops).toEqual([
      [1, 'cancelled'],
      [-1, 'cancelled'],
    ]);
  });

  test('a subscriber downstream that throws ends the stream, and what it threw is its error', () => {
    class Throwing extends Subscriber<number> {
      constructor(public failure?: unknown) {
        super();
      }
      protected override _next(): void {
        throw new RangeError('mine');
      }
      protected override _error(error: unknown): void {
        this.failure = error;
      }
    }
    const source = new ManualSource<number>();
    const throwing = new Throwing();
    let stage: MonitoredStage | undefined;
    source.pipe(doubling({ monitor: { add: (added) => (stage = added) } })).subscribe(throwing);
    source.send(1);
    expect(throwing.failure).toEqual(new RangeError('mine'));
    expect(source.open).toBe(0);
    expect(stage!.ledger.held).toBe(0);
  });

  test('a source that throws when it is let go does not keep the error from the consumer', async () => {
    const reported: unknown[] = [];
    config.onUnhandledError = (error) => reported.push(error);
    const consumer = new ManualConsumer(
      new Observable<number>((subscriber) => {
        subscriber.add(() => {
          throw new Error('teardown');
        });
        subscriber.next(-1);
      }).pipe(doubling()),
    );
    expect(consumer.end).toEqual({ error: new RangeError('negative') });
    await new Promise((resolve) => setTimeout(resolve));
    config.onUnhandledError = null;
    expect(String(reported)).toContain('teardown');
  });
});
