import * as fc from 'fast-check';
import { Counter, Registry, register, type OpenMetricsContentType } from 'prom-client';
import { BehaviorSubject, EMPTY, lastValueFrom, Subject } from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import { boundedBuffer, pool, pull } from 'sluice';
import { createMonitor } from 'sluice/monitor';
import { prometheus } from 'sluice/prometheus';
import { ManualConsumer, ManualSource, VirtualTime } from 'sluice/testing';
import type { Snapshot } from '../../src/monitor/snapshot.js';
import { parse } from './exposition.js';
import { snapshotOf, stageSnapshot } from '../monitor/snapshots.js';

const registry = new Registry();
afterEach(() => {
  registry.clear();
  register.clear();
});

const of = (snapshot: Snapshot): { snapshot: () => Snapshot } => ({ snapshot: () => snapshot });
const wrong = (option: string): unknown => expect.objectContaining({ code: 'SLUICE_OPTION', option });

/** What the registry would answer to a scrape: values by name, and then by labels. */
const scrape = async (
  from: { metrics(): Promise<string> } = registry,
): Promise<Record<string, Record<string, number>>> =>
  Object.fromEntries(parse(await from.metrics()).map(({ name, series }) => [name, Object.fromEntries(series)]));

describe('a scrape', () => {
  test('has all that a snapshot has, in base units', async () => {
    prometheus(of(snapshotOf(stageSnapshot())), { registry });
    const stage = 'stage="email"';
    const quantiles = {
      [`quantile="0.5",${stage}`]: 0.01,
      [`quantile="0.9",${stage}`]: 0.03,
      [`quantile="0.99",${stage}`]: 0.04,
      [`quantile="1",${stage}`]: 0.05,
    };
    expect(await scrape()).toEqual({
      sluice_stage_in_total: { [stage]: 12 },
      sluice_stage_out_total: { [stage]: 7 },
      sluice_stage_dropped_total: {
        [`reason="overflow",${stage}`]: 1,
        [`reason="evicted",${stage}`]: 0,
        [`reason="expired",${stage}`]: 2,
        [`reason="rate",${stage}`]: 0,
        [`reason="merged",${stage}`]: 0,
        [`reason="cancelled",${stage}`]: 0,
      },
      sluice_stage_held: { [stage]: 2 },
      sluice_stage_capacity: { [stage]: 8 },
      sluice_stage_requested: { [stage]: 6 },
      sluice_stage_active: { [stage]: 1 },
      sluice_stage_time_seconds_total: {
        [`${stage},state="busy"`]: 5,
        [`${stage},state="blocked"`]: 3,
        [`${stage},state="starved"`]: 2,
      },
      sluice_stage_limited_ratio: {
        [`limit="itself",${stage}`]: 0.25,
        [`limit="before",${stage}`]: 0.1,
        [`limit="after",${stage}`]: 0.05,
      },
      sluice_stage_wait_seconds: quantiles,
      sluice_stage_service_seconds: quantiles,
      sluice_pool_running: { [stage]: 2 },
      sluice_pool_waiting: { [stage]: 0 },
      sluice_pool_concurrency: { [stage]: 4 },
      sluice_pool_utilization_ratio: { [stage]: 0.5 },
      sluice_event_loop_busy_ratio: { '': 0.04 },
    });
  });

  test('has no series for what a stage does not have, and +Inf for what has no bound', async () => {
    const none = { capacity: undefined, wait: undefined, service: undefined, pool: undefined };
    prometheus(of(snapshotOf(stageSnapshot({ ...none, requested: Infinity }))), { registry });
    const { sluice_stage_requested: requested, ...rest } = await scrape();
    expect(requested).toEqual({ 'stage="email"': Infinity });
    const empty = Object.keys(rest).filter((name) => Object.keys(rest[name]!).length === 0);
    expect(empty).toEqual([
      'sluice_stage_capacity',
      'sluice_stage_wait_seconds',
      'sluice_stage_service_seconds',
      'sluice_pool_running',
      'sluice_pool_waiting',
      'sluice_pool_concurrency',
      'sluice_pool_utilization_ratio',
    ]);
  });

  test('reads one snapshot, so that its figures fit each other', async () => {
    let taken = 0;
    prometheus({ snapshot: () => snapshotOf(stageSnapshot({ in: ++taken, out: taken })) }, { registry });
    for (const expected of [1, 2]) {
      const { sluice_stage_in_total: came, sluice_stage_out_total: left } = await scrape();
      expect([came, left]).toEqual([{ 'stage="email"': expected }, { 'stage="email"': expected }]);
    }
    expect(taken).toBe(2);
  });

  test('forgets stages that the monitor has forgotten', async () => {
    const stages = new BehaviorSubject([stageSnapshot(), stageSnapshot({ stage: 'other' })]);
    prometheus({ snapshot: () => snapshotOf(...stages.value) }, { registry });
    expect(Object.keys((await scrape())['sluice_stage_held']!)).toHaveLength(2);
    stages.next([stageSnapshot({ stage: 'other' })]);
    expect((await scrape())['sluice_stage_held']).toEqual({ 'stage="other"': 2 });
  });

  test('keeps any name of a stage apart from any other, whatever it has in it', async () => {
    const names = fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '{', ',', '=', '}') }), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(names, async (names) => {
        const metrics = prometheus(of(snapshotOf(...names.map((stage) => stageSnapshot({ stage })))), { registry });
        const [held] = parse(await registry.getSingleMetricAsString('sluice_stage_held'));
        metrics.unsubscribe();
        expect(held!.series.size).toBe(names.length);
      }),
      { numRuns: 50 },
    );
  });

  test('fails with what the snapshot throws, and the next one does not', async () => {
    let broken = true;
    const snapshot = (): Snapshot => {
      if (broken) throw new Error('broken');
      return snapshotOf();
    };
    prometheus({ snapshot }, { registry });
    await expect(registry.metrics()).rejects.toThrow('broken');
    broken = false;
    expect((await scrape())['sluice_event_loop_busy_ratio']).toEqual({ '': 0.04 });
  });

  test('has the names of OpenMetrics where the registry speaks that', async () => {
    const open = new Registry<OpenMetricsContentType>();
    open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    prometheus(of(snapshotOf(stageSnapshot())), { registry: open });
    const families = parse(await open.metrics());
    expect(families.find(({ name }) => name === 'sluice_stage_in')?.series).toEqual(new Map([['stage="email"', 12]]));
    expect((await open.metrics()).endsWith('# EOF\n')).toBe(true);
  });
});

describe('names', () => {
  test('are as Prometheus wants them', async () => {
    prometheus(of(snapshotOf(stageSnapshot())), { registry });
    for (const { name, help, type, series } of parse(await registry.metrics())) {
      expect(help, name).toMatch(/^\S.*\.$/);
      expect(name.endsWith('_total'), `${name}: ${type}`).toBe(type === 'counter');
      expect(name, 'base units, whole words, the type is not in it').not.toMatch(
        /_(milliseconds|ms|percent|count|sum|bucket|info|gauge|counter|summary)(_|$)/,
      );
      for (const labels of series.keys()) {
        expect(labels.includes('quantile='), `${name}: a quantile is for summaries`).toBe(type === 'summary');
      }
    }
  });

  test('have the prefix that is asked for', async () => {
    prometheus(of(snapshotOf()), { registry, prefix: 'shop:flow_' });
    expect(Object.keys(await scrape())).toContain('shop:flow_stage_in_total');
  });

  test('two prefixes are no trouble to one registry', async () => {
    prometheus(of(snapshotOf()), { registry });
    prometheus(of(snapshotOf()), { registry, prefix: 'other_' });
    expect(Object.keys(await scrape())).toEqual(
      expect.arrayContaining(['sluice_stage_in_total', 'other_stage_in_total']),
    );
  });
});

describe('several monitors', () => {
  test('share the metrics of a registry, told apart by labels', async () => {
    const labels = (pipeline: string): { pipeline: string; team: string } => ({ pipeline, team: 'a' });
    prometheus(of(snapshotOf(stageSnapshot({ held: 1 }))), { registry, labels: labels('mails') });
    const second = prometheus(of(snapshotOf(stageSnapshot({ held: 2 }))), { registry, labels: labels('sms') });
    const series = (pipeline: string): string => `pipeline="${pipeline}",stage="email",team="a"`;
    expect((await scrape())['sluice_stage_held']).toEqual({ [series('mails')]: 1, [series('sms')]: 2 });
    second.unsubscribe();
    expect((await scrape())['sluice_stage_held']).toEqual({ [series('mails')]: 1 });
  });

  test('with the same labels are refused, and the same one twice; after the end of the first it may come again', async () => {
    const first = prometheus(of(snapshotOf()), { registry });
    expect(() => prometheus(of(snapshotOf()), { registry })).toThrow(wrong('labels'));
    first.unsubscribe();
    first.unsubscribe();
    expect(await registry.metrics()).toBe('\n');
    prometheus(of(snapshotOf(stageSnapshot())), { registry });
    expect((await scrape())['sluice_stage_held']).toEqual({ 'stage="email"': 2 });
  });

  test('with other names of labels are refused', () => {
    prometheus(of(snapshotOf()), { registry, labels: { pipeline: 'mails' } });
    expect(() => prometheus(of(snapshotOf()), { registry, labels: { queue: 'sms' } })).toThrow(
      "Expected `labels` to be of the names that the other monitors of the registry have, `pipeline`, got 'queue' (string) (prometheus)",
    );
    expect(() => prometheus(of(snapshotOf()), { registry })).toThrow(wrong('labels'));
  });

  test('a name that the registry has for something else is refused, and nothing is registered', async () => {
    new Counter({ name: 'sluice_stage_held', help: 'Another.', registers: [registry] });
    expect(() => prometheus(of(snapshotOf()), { registry })).toThrow(wrong('prefix'));
    expect(Object.keys(await scrape())).toEqual(['sluice_stage_held']);
  });

  test('a registry that was cleared takes them anew; the end of one of before leaves those alone', async () => {
    const before = prometheus(of(snapshotOf()), { registry });
    registry.clear();
    prometheus(of(snapshotOf(stageSnapshot())), { registry });
    before.unsubscribe();
    expect((await scrape())['sluice_stage_held']).toEqual({ 'stage="email"': 2 });
  });
});

test('the default registry is that of prom-client, and resetting it does no harm', async () => {
  prometheus(of(snapshotOf(stageSnapshot())));
  register.resetMetrics();
  expect((await scrape(register))['sluice_stage_in_total']).toEqual({ 'stage="email"': 12 });
});

describe('a real monitor', () => {
  test('what is scraped is what its snapshot says, while values flow', async () => {
    const { scheduler } = new VirtualTime();
    const monitor = createMonitor({ scheduler });
    prometheus(monitor, { registry });
    const source = new ManualSource<number>();
    const results = new Subject<string>();
    const consumer = new ManualConsumer(
      source.pipe(
        boundedBuffer({ capacity: 2, overflow: 'drop-newest', name: 'inbox', monitor, scheduler }),
        pool(() => results, { concurrency: 1, waiting: 0, name: 'send', monitor, scheduler }),
      ),
    );
    consumer.request(1);
    for (let value = 0; value < 5; value++) source.send(value);
    const metrics = await scrape();
    expect(metrics['sluice_stage_in_total']).toEqual({ 'stage="inbox"': 5, 'stage="send"': 1 });
    expect(metrics['sluice_stage_held']).toEqual({ 'stage="inbox"': 2, 'stage="send"': 1 });
    expect(metrics['sluice_stage_dropped_total']).toMatchObject({ 'reason="overflow",stage="inbox"': 2 });
    expect(metrics['sluice_pool_running']).toEqual({ 'stage="send"': 1 });
    for (const { stage, capacity, requested } of monitor.snapshot().stages) {
      const label = `stage="${stage}"`;
      expect(metrics['sluice_stage_capacity']![label]).toBe(capacity);
      expect(metrics['sluice_stage_requested']![label]).toBe(requested);
    }
    consumer.unsubscribe();
  });

  test('counters only rise, over subscriptions that come and go', async () => {
    const time = new VirtualTime();
    const { scheduler } = time;
    const monitor = createMonitor({ scheduler });
    prometheus(monitor, { registry });
    const counters = async (): Promise<[string, number][]> =>
      parse(await registry.metrics())
        .filter(({ type }) => type === 'counter')
        .flatMap(({ name, series }) => [...series].map(([key, value]): [string, number] => [name + key, value]));

    let before = new Map<string, number>();
    const look = async (): Promise<void> => {
      const now = new Map(await counters());
      for (const [name, value] of before) expect(now.get(name), name).toBeGreaterThanOrEqual(value);
      before = now;
    };
    for (const outcome of ['complete', 'error', 'unsubscribe'] as const) {
      const source = new ManualSource<number>();
      const buffer = boundedBuffer<number>({ capacity: 8, name: 'inbox', monitor, scheduler });
      const consumer = new ManualConsumer(source.pipe(buffer));
      for (let value = 0; value < 4; value++) source.send(value);
      time.advanceBy(1_000);
      await look();
      consumer.request(2);
      await look();
      if (outcome === 'unsubscribe') consumer.unsubscribe();
      else if (outcome === 'error') source.error(new Error('over'));
      else source.complete();
      consumer.request(9);
      await look();
    }
    expect(before.get('sluice_stage_in_totalstage="inbox"')).toBe(12);
    expect(before.get('sluice_stage_dropped_totalreason="cancelled",stage="inbox"')).toBe(2);
  });

  test('one that has seen nothing yet is no trouble', async () => {
    const { scheduler } = new VirtualTime();
    const monitor = createMonitor({ scheduler });
    prometheus(monitor, { registry });
    await lastValueFrom(EMPTY.pipe(boundedBuffer({ capacity: 1, monitor, scheduler })), { defaultValue: undefined });
    expect((await scrape())['sluice_stage_in_total']).toEqual({ 'stage="boundedBuffer"': 0 });
    await lastValueFrom(pull([1]).pipe(boundedBuffer({ capacity: 1, monitor, scheduler })));
    expect((await scrape())['sluice_stage_in_total']).toEqual({ 'stage="boundedBuffer"': 1 });
  });
});

describe('wrong options', () => {
  test.each([
    [undefined, {}, 'monitor'],
    [{ add: () => undefined }, {}, 'monitor'],
    [of(snapshotOf()), { registry: {} }, 'registry'],
    [of(snapshotOf()), { prefix: '1_' }, 'prefix'],
    [of(snapshotOf()), { prefix: 'a.b' }, 'prefix'],
    [of(snapshotOf()), { labels: { stage: 'x' } }, 'labels'],
    [of(snapshotOf()), { labels: { 'a-b': 'x' } }, 'labels'],
    [of(snapshotOf()), { labels: { __a: 'x' } }, 'labels'],
    [of(snapshotOf()), { labels: { a: 1 } }, 'labels'],
    [of(snapshotOf()), { register: registry }, 'register'],
  ])('%o %o throws at the call, for `%s`', async (monitor, options, option) => {
    expect(() => prometheus(monitor as never, options as never)).toThrow(wrong(option));
    expect(await register.metrics()).toBe('\n');
  });
});
