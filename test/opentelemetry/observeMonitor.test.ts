import { metrics as globalMetrics } from '@opentelemetry/api';
import { MeterProvider, MetricReader, type DataPoint, type MetricData } from '@opentelemetry/sdk-metrics';
import { Subject } from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import { boundedBuffer, pool } from 'sluice';
import { createMonitor } from 'sluice/monitor';
import { observeMonitor } from 'sluice/opentelemetry';
import { ManualConsumer, ManualSource, VirtualTime } from 'sluice/testing';
import type { Snapshot } from '../../src/monitor/snapshot.js';
import { snapshotOf, stageSnapshot } from '../monitor/snapshots.js';

class Reader extends MetricReader {
  protected override onShutdown = (): Promise<void> => Promise.resolve();
  protected override onForceFlush = (): Promise<void> => Promise.resolve();
}

const setUp = (): { provider: MeterProvider; collect: () => Promise<Record<string, MetricData>> } => {
  const reader = new Reader();
  const provider = new MeterProvider({ readers: [reader] });
  const collect = async (): Promise<Record<string, MetricData>> => {
    const { resourceMetrics, errors } = await reader.collect();
    expect(errors).toEqual([]);
    const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
    return Object.fromEntries(all.map((metric) => [metric.descriptor.name, metric]));
  };
  return { provider, collect };
};

const of = (snapshot: Snapshot): { snapshot: () => Snapshot } => ({ snapshot: () => snapshot });
const wrong = (option: string): unknown => expect.objectContaining({ code: 'SLUICE_OPTION', option });

/** The values of a metric, by its attributes. */
const values = (metric: MetricData | undefined): Record<string, unknown> =>
  Object.fromEntries(
    (metric?.dataPoints as DataPoint<number>[] | undefined)?.map(({ attributes, value }) => [
      JSON.stringify(attributes),
      value,
    ]) ?? [],
  );

afterEach(() => globalMetrics.disable());

describe('a collection', () => {
  test('has all that a snapshot has, in base units', async () => {
    const { provider, collect } = setUp();
    observeMonitor(of(snapshotOf(stageSnapshot())), { meter: provider.getMeter('test') });
    const found = await collect();
    const at = (attributes: object): string => JSON.stringify({ 'sluice.stage': 'email', ...attributes });
    const quantiles = {
      [at({ 'sluice.quantile': '0.5' })]: 0.01,
      [at({ 'sluice.quantile': '0.9' })]: 0.03,
      [at({ 'sluice.quantile': '0.99' })]: 0.04,
      [at({ 'sluice.quantile': '1' })]: 0.05,
    };
    expect(Object.fromEntries(Object.entries(found).map(([name, metric]) => [name, values(metric)]))).toEqual({
      'sluice.stage.in': { [at({})]: 12 },
      'sluice.stage.out': { [at({})]: 7 },
      'sluice.stage.dropped': {
        [at({ 'sluice.drop.reason': 'overflow' })]: 1,
        [at({ 'sluice.drop.reason': 'evicted' })]: 0,
        [at({ 'sluice.drop.reason': 'expired' })]: 2,
        [at({ 'sluice.drop.reason': 'rate' })]: 0,
        [at({ 'sluice.drop.reason': 'merged' })]: 0,
        [at({ 'sluice.drop.reason': 'cancelled' })]: 0,
      },
      'sluice.stage.held': { [at({})]: 2 },
      'sluice.stage.capacity': { [at({})]: 8 },
      'sluice.stage.requested': { [at({})]: 6 },
      'sluice.stage.active': { [at({})]: 1 },
      'sluice.stage.time': {
        [at({ 'sluice.state': 'busy' })]: 5,
        [at({ 'sluice.state': 'blocked' })]: 3,
        [at({ 'sluice.state': 'starved' })]: 2,
      },
      'sluice.stage.limited': {
        [at({ 'sluice.limit': 'itself' })]: 0.25,
        [at({ 'sluice.limit': 'before' })]: 0.1,
        [at({ 'sluice.limit': 'after' })]: 0.05,
      },
      'sluice.stage.wait': quantiles,
      'sluice.stage.service': quantiles,
      'sluice.pool.running': { [at({})]: 2 },
      'sluice.pool.waiting': { [at({})]: 0 },
      'sluice.pool.concurrency': { [at({})]: 4 },
      'sluice.pool.utilization': { [at({})]: 0.5 },
      'sluice.event_loop.busy': { '{}': 0.04 },
    });
  });

  test('has names, units and kinds as the semantic conventions want them', async () => {
    const { provider, collect } = setUp();
    observeMonitor(of(snapshotOf(stageSnapshot())), { meter: provider.getMeter('test') });
    const found = Object.values(await collect());
    for (const { descriptor, dataPoints } of found) {
      expect(descriptor.name).toMatch(/^sluice(\.[a-z]+(_[a-z]+)*)+$/);
      expect(descriptor.name, 'no unit and no `total` in it').not.toMatch(/total|second|_ms|ratio/);
      expect(descriptor.unit, descriptor.name).toMatch(/^(s|1|\{[a-z]+\})$/);
      expect(descriptor.description, descriptor.name).not.toBe('');
      for (const { attributes } of dataPoints) {
        for (const name of Object.keys(attributes)) expect(name).toMatch(/^sluice\.[a-z.]+$/);
      }
    }
    const kinds = Object.fromEntries(
      found.map((metric) => [metric.descriptor.name, 'isMonotonic' in metric ? metric.isMonotonic : undefined]),
    );
    expect(kinds).toMatchObject({
      ...{ 'sluice.stage.in': true, 'sluice.stage.time': true, 'sluice.stage.dropped': true },
      ...{ 'sluice.stage.held': false, 'sluice.pool.running': false },
      ...{ 'sluice.stage.wait': undefined, 'sluice.pool.utilization': undefined },
    });
  });

  test('reads one snapshot, so that its figures fit each other', async () => {
    const { provider, collect } = setUp();
    let taken = 0;
    const snapshot = (): Snapshot => snapshotOf(stageSnapshot({ in: ++taken, out: taken }));
    observeMonitor({ snapshot }, { meter: provider.getMeter('test') });
    for (const expected of [1, 2]) {
      const found = await collect();
      expect(values(found['sluice.stage.in'])).toEqual({ '{"sluice.stage":"email"}': expected });
      expect(values(found['sluice.stage.out'])).toEqual({ '{"sluice.stage":"email"}': expected });
    }
    expect(taken).toBe(2);
  });

  test('leaves out what has no bound', async () => {
    const { provider, collect } = setUp();
    const unbounded = stageSnapshot({ capacity: Infinity, requested: Infinity });
    observeMonitor(of(snapshotOf(unbounded)), { meter: provider.getMeter('test') });
    const found = await collect();
    expect(values(found['sluice.stage.capacity'])).toEqual({});
    expect(values(found['sluice.stage.held'])).toEqual({ '{"sluice.stage":"email"}': 2 });
  });
});

describe('meters', () => {
  test('the default is that of the global provider', async () => {
    const { provider, collect } = setUp();
    globalMetrics.setGlobalMeterProvider(provider);
    const observed = observeMonitor(of(snapshotOf(stageSnapshot())));
    expect(values((await collect())['sluice.stage.held'])).toEqual({ '{"sluice.stage":"email"}': 2 });
    observed.unsubscribe();
  });

  test('several monitors share one, told apart by attributes; the end of one ends what it gives', async () => {
    const { provider, collect } = setUp();
    const meter = provider.getMeter('test');
    let held = 1;
    const snapshot = (): Snapshot => snapshotOf(stageSnapshot({ held }));
    const [mails, sms] = ['mails', 'sms'].map((pipeline) =>
      observeMonitor({ snapshot }, { meter, attributes: { pipeline } }),
    );
    const at = (pipeline: string): string => JSON.stringify({ pipeline, 'sluice.stage': 'email' });
    expect(values((await collect())['sluice.stage.held'])).toEqual({ [at('mails')]: 1, [at('sms')]: 1 });
    mails!.unsubscribe();
    held = 2; // the SDK goes on with what was seen last, where nobody gives it anything
    expect(values((await collect())['sluice.stage.held'])).toEqual({ [at('mails')]: 1, [at('sms')]: 2 });
    sms!.unsubscribe();
  });

  test('the same attributes twice are refused, until the first has ended', async () => {
    const { provider, collect } = setUp();
    const meter = provider.getMeter('test');
    const first = observeMonitor(of(snapshotOf()), { meter, attributes: { a: 1, b: 2 } });
    expect(() => observeMonitor(of(snapshotOf()), { meter, attributes: { b: 2, a: 1 } })).toThrow(wrong('attributes'));
    first.unsubscribe();
    first.unsubscribe();
    observeMonitor(of(snapshotOf(stageSnapshot())), { meter, attributes: { b: 2, a: 1 } });
    expect(Object.keys(values((await collect())['sluice.stage.held']))).toHaveLength(1);
  });
});

test('a real monitor: what is collected is what its snapshot says, while values flow', async () => {
  const { provider, collect } = setUp();
  const { scheduler } = new VirtualTime();
  const monitor = createMonitor({ scheduler });
  observeMonitor(monitor, { meter: provider.getMeter('test') });
  const source = new ManualSource<number>();
  const results = new Subject<string>();
  const consumer = new ManualConsumer(
    source.pipe(
      boundedBuffer({ capacity: 2, overflow: 'drop-newest', name: 'inbox', monitor, scheduler }),
      pool(() => results, { concurrency: 1, waiting: 0, name: 'send', monitor, scheduler }),
    ),
  );
  for (let value = 0; value < 5; value++) source.send(value);
  const found = await collect();
  for (const { stage, dropped, held, ...rest } of monitor.snapshot().stages) {
    const at = JSON.stringify({ 'sluice.stage': stage });
    expect(values(found['sluice.stage.in'])[at]).toBe(rest.in);
    expect(values(found['sluice.stage.held'])[at]).toBe(held);
    const drops = Object.entries(values(found['sluice.stage.dropped'])).filter(([key]) => key.includes(`"${stage}"`));
    expect(drops.reduce((sum, [, value]) => sum + (value as number), 0)).toBe(dropped);
  }
  expect(values(found['sluice.stage.in'])).toEqual({ '{"sluice.stage":"inbox"}': 5, '{"sluice.stage":"send"}': 1 });
  consumer.unsubscribe();
});

describe('wrong options', () => {
  test.each([
    [undefined, {}, 'monitor'],
    [{ add: () => undefined }, {}, 'monitor'],
    [of(snapshotOf()), { meter: {} }, 'meter'],
    [of(snapshotOf()), { attributes: 'a' }, 'attributes'],
    [of(snapshotOf()), { provider: {} }, 'provider'],
  ])('%o %o throws at the call, for `%s`', (monitor, options, option) => {
    expect(() => observeMonitor(monitor as never, options as never)).toThrow(wrong(option));
  });
});
