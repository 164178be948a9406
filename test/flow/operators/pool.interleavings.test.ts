/** Pools of promises, whose order of settling fast-check's scheduler makes up. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pool, pull, type MonitoredStage, type PoolOptions } from '../../../src/index.js';
import { ManualConsumer } from '../../../src/testing/index.js';

interface Shape {
  readonly values: number;
  readonly concurrency: number;
  readonly waiting: number;
  readonly order: 'completion' | 'source';
  readonly window: number;
  readonly keys: number;
  /** How the values come: at once, or each by a promise that the scheduler settles too. */
  readonly source: 'sync' | 'async';
  /** Before each settling the consumer asks for so many values. */
  readonly requests: readonly number[];
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  values: fc.integer({ min: 0, max: 20 }),
  concurrency: fc.integer({ min: 1, max: 5 }),
  waiting: fc.integer({ min: 0, max: 5 }),
  order: fc.constantFrom('completion', 'source'),
  window: fc.integer({ min: 1, max: 8 }),
  keys: fc.integer({ min: 0, max: 3 }),
  source: fc.constantFrom('sync', 'async'),
  requests: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 30 }),
});

class Run {
  readonly started: number[] = [];
  readonly consumer: ManualConsumer<number>;
  running = 0;
  peak = 0;
  read = 0;
  stage!: MonitoredStage;
  private readonly runningKeys = new Set<unknown>();

  constructor(
    readonly shape: Shape,
    private readonly scheduler: fc.Scheduler,
  ) {
    const { concurrency, waiting, order, window, keys } = shape;
    const monitor = { add: (stage: MonitoredStage): void => void (this.stage = stage) };
    const options: PoolOptions<number> = { concurrency, waiting, order, window, monitor };
    if (keys > 0) options.key = (value) => value % keys;
    this.consumer = new ManualConsumer(
      pull(shape.source === 'sync' ? this.numbers() : this.asyncNumbers()).pipe(
        pool((value) => this.work(value), options),
      ),
    );
  }

  async settleAll(): Promise<void> {
    for (let i = 0; this.consumer.end === undefined; i++) {
      const { requests } = this.shape;
      this.consumer.request(i < 100 ? requests[i % requests.length]! : 1);
      this.check();
      if (this.scheduler.count() > 0) await this.scheduler.waitNext(1);
      else await Promise.resolve();
      this.check();
      if (i > 2_000) throw new Error(`stuck: ${JSON.stringify(this.stage.ledger)}`);
    }
  }

  check(): void {
    const { in: arrived, out, dropped, held } = this.stage.ledger;
    const { concurrency, waiting, order, window } = this.shape;
    expect(arrived).toBe(out + dropped + held);
    expect(this.running).toBeLessThanOrEqual(concurrency);
    expect(held).toBeLessThanOrEqual(order === 'source' ? window : concurrency + waiting);
    expect(this.read - dropped - this.consumer.values.length).toBeLessThanOrEqual(held + 1); // 1: a read in flight
  }

  private async work(value: number): Promise<number> {
    const key = this.shape.keys > 0 ? value % this.shape.keys : Symbol();
    expect(this.runningKeys.has(key)).toBe(false);
    this.runningKeys.add(key);
    this.running++;
    this.started.push(value);
    await this.scheduler.schedule(Promise.resolve(), `work ${value}`);
    this.running--;
    this.runningKeys.delete(key);
    return value;
  }

  private *numbers(): Generator<number> {
    while (this.read < this.shape.values) yield this.read++;
  }

  private async *asyncNumbers(): AsyncGenerator<number> {
    while (this.read < this.shape.values) {
      await this.scheduler.schedule(Promise.resolve(), `read ${this.read}`);
      yield this.read++;
    }
  }
}

describe('pool over promises, in any order of settling', () => {
  const runs = { numRuns: Number(process.env['SLUICE_RUNS'] ?? 1_000) };

  test('each value comes out once, in its order, within the bounds', async () => {
    const property = fc.asyncProperty(fc.scheduler(), shapes, async (scheduler, shape) => {
      const run = new Run(shape, scheduler);
      await run.settleAll();
      const { values } = run.consumer;
      const all = Array.from({ length: shape.values }, (_, i) => i);
      expect(run.consumer.end).toBe('complete');
      expect([...values].sort((a, b) => a - b)).toEqual(all);
      if (shape.order === 'source') expect(values).toEqual(all);
      if (shape.keys === 0) expect(run.started).toEqual(all);
      for (let key = 0; key < shape.keys; key++) {
        const ofKey = (list: readonly number[]): number[] => list.filter((value) => value % shape.keys === key);
        expect(ofKey(run.started)).toEqual(ofKey(all));
        expect(ofKey(values)).toEqual(ofKey(all));
      }
    });
    await fc.assert(property, runs);
  });

  test('after an unsubscribe at any time nothing starts, and nothing is held', async () => {
    const property = fc.asyncProperty(fc.scheduler(), shapes, fc.nat(20), async (scheduler, shape, after) => {
      const run = new Run(shape, scheduler);
      for (let i = 0; i < after; i++) {
        run.consumer.request(shape.requests[i % shape.requests.length]!);
        if (scheduler.count() > 0) await scheduler.waitNext(1);
      }
      run.consumer.unsubscribe();
      const { started } = run;
      const before = [...started];
      const seen = [...run.consumer.values];
      await scheduler.waitIdle();
      expect(started).toEqual(before);
      expect(run.consumer.values).toEqual(seen);
      expect(run.stage.held).toBe(0);
      run.check();
    });
    await fc.assert(property, runs);
  });
});
