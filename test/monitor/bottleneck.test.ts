/** What limits: in snapshots made by hand, and in random pipelines of which one part is the slowest by construction. */
import fc from 'fast-check';
import { identity, map, of, timer, type MonoTypeOperatorFunction, type Observable, type SchedulerLike } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { boundedBuffer, pool, pull, rateLimit, shed, Sink } from 'sluice';
import { createMonitor, type Bottleneck, type Monitor } from 'sluice/monitor';
import { VirtualTime } from 'sluice/testing';
import { bottleneckOf } from '../../src/monitor/bottleneck.js';
import type { StageSnapshot } from '../../src/monitor/snapshot.js';
import { snapshotOf, stageSnapshot } from './snapshots.js';

describe('a snapshot', () => {
  const all = { concurrency: 8, running: 8, waiting: 0, utilisation: 0.999 };
  /** A stage that is up to itself, to those before, and after it for so many milliseconds of a second. */
  const stage = (
    name: string,
    [itself, before, after]: readonly [number, number, number],
    rest: Partial<StageSnapshot> = {},
  ): StageSnapshot => stageSnapshot({ stage: name, limits: { itself, before, after }, pool: all, ...rest });
  const blocked = (ms: number): Partial<StageSnapshot> => ({
    perSecond: { busy: 0, blocked: ms, starved: 1_000 - ms },
    pool: undefined,
    waitsFor: undefined,
  });

  test('of a stage that limits: its workers, and who waits for it', () => {
    const stages = [
      stage('a', [0, 10, 990], { feeds: 'c', ...blocked(600) }),
      stage('b', [0, 10, 990], { feeds: 'c', ...blocked(874) }),
      stage('c', [996, 4, 0]),
    ];
    expect(bottleneckOf(snapshotOf(...stages))).toEqual({
      kind: 'stage',
      stage: 'c',
      share: 0.996,
      sentence: '`c` limits: 8 of 8 workers busy 100 %, `b` blocked 87 %; raise its concurrency or shed before it',
    });
  });

  test.each<[string, Partial<StageSnapshot>, string]>([
    [
      'a hot key',
      { waitsFor: 'values of the same keys', pool: { ...all, utilisation: 0.125 } },
      'it waited for values of the same keys 90 % of the time, 1 of 8 workers busy; more workers do not help: take finer keys, or make calls shorter',
    ],
    [
      'a slow call in source order',
      { waitsFor: 'the result of the oldest value', pool: { ...all, utilisation: 0.25 } },
      'it waited for the result of the oldest value 90 % of the time, 2 of 8 workers busy; more workers do not help: raise its window, or make calls shorter',
    ],
    [
      'a pool that does not say',
      { waitsFor: undefined },
      '8 of 8 workers busy 90 %; raise its concurrency or shed before it',
    ],
    [
      'tokens',
      { waitsFor: 'tokens', pool: undefined },
      'it waited for tokens 90 % of the time; raise its rate or shed before it',
    ],
    [
      'a valve',
      { waitsFor: '`open$` to be true', pool: undefined },
      'it waited for `open$` to be true 90 % of the time',
    ],
    ['a stage that does not say', { waitsFor: undefined, pool: undefined }, 'it was busy 90 % of the time'],
  ])('of %s', (_, rest, reason) => {
    // Somebody who is hardly blocked is not worth a word.
    const stages = [stage('in', [0, 100, 0], { feeds: 'work', ...blocked(4) }), stage('work', [900, 0, 0], rest)];
    expect(bottleneckOf(snapshotOf(...stages)).sentence).toBe(`\`work\` limits: ${reason}`);
  });

  test('of a source, and of a consumer', () => {
    const first = stage('a', [0, 800, 10], { feeds: 'b' });
    expect(bottleneckOf(snapshotOf(first, stage('b', [100, 900, 700])))).toEqual({
      kind: 'source',
      stage: 'a',
      share: 0.8,
      sentence: 'the source limits: `a` could have taken more 80 % of the time',
    });
    expect(bottleneckOf(snapshotOf(first, stage('b', [100, 0, 850])))).toEqual({
      kind: 'consumer',
      stage: 'b',
      share: 0.85,
      sentence:
        'what comes after `b` limits: `b` was asked for nothing 85 % of the time; make that faster, or shed before it',
    });
  });

  test('of an event loop that is held up, whatever else there is', () => {
    const snapshot = { ...snapshotOf(stage('a', [1_000, 0, 0])), loopBusy: 810 };
    const found = {
      kind: 'event-loop',
      stage: undefined,
      share: 0.81,
      sentence: 'the event loop limits: it was busy 81 % of the time; move what computes into threads',
    };
    expect(bottleneckOf(snapshot)).toEqual(found);
    expect(bottleneckOf(snapshot, 'a')).toEqual(found);
    expect(bottleneckOf({ ...snapshot, loopBusy: 700 })).toMatchObject({ kind: 'stage', stage: 'a' });
  });

  test('of nothing, of stages that have ended, of those that have just begun', () => {
    const idle = {
      kind: 'nothing',
      stage: undefined,
      share: 0,
      sentence: 'nothing limits: no stage is at work',
    };
    expect(bottleneckOf(snapshotOf())).toEqual(idle);
    expect(bottleneckOf(snapshotOf(stage('a', [900, 0, 0], { active: false })))).toEqual(idle);
    const early = { ...idle, sentence: 'nothing limits: it is too early to tell' };
    expect(bottleneckOf(snapshotOf(stage('a', [0, 0, 0])))).toEqual(early);
  });

  test('of several pipelines: the worst, or that of the stage that is named', () => {
    const stages = [
      stage('a', [0, 0, 500], { feeds: 'c' }),
      stage('b', [0, 0, 500], { feeds: 'c' }),
      stage('c', [400, 0, 0], { feeds: 'd' }),
      stage('d', [100, 0, 0]),
      stage('x', [0, 0, 900], { feeds: 'y' }),
      stage('y', [950, 0, 0]),
    ];
    const snapshot = snapshotOf(...stages);
    expect(bottleneckOf(snapshot).stage).toBe('y');
    for (const of of ['a', 'b', 'c', 'd']) expect(bottleneckOf(snapshot, of).stage).toBe('c');
    for (const of of ['x', 'y']) expect(bottleneckOf(snapshot, of).stage).toBe('y');
    expect(bottleneckOf(snapshot, 'z')).toMatchObject({
      kind: 'nothing',
      sentence: 'nothing limits: there is no stage `z`',
    });
  });

  test('of a queue whose consumer has ended', () => {
    const stages = [stage('q', [0, 0, 1_000], { feeds: 'a' }), stage('a', [0, 0, 0], { active: false })];
    expect(bottleneckOf(snapshotOf(...stages))).toMatchObject({ kind: 'consumer', stage: 'q' });
  });
});

interface Part {
  readonly kind: 'pool' | 'rateLimit' | 'boundedBuffer' | 'shed';
  /** How many workers, or how much is held. */
  readonly size: number;
  /** In source order, or by keys. */
  readonly ordered: boolean;
  /** How many times as fast as the slowest. */
  readonly faster: number;
}

interface Pipeline {
  readonly parts: readonly Part[];
  /** Where the slowest is: -1 is the source, `parts.length` the consumer. */
  readonly slowest: number;
  /** Values that the slowest lets through in a second. */
  readonly rate: number;
  /** What calls take differs by this part of it. */
  readonly spread: number;
  readonly seed: number;
}

const part = fc.record<Part>({
  kind: fc.constantFrom('pool', 'pool', 'rateLimit', 'boundedBuffer', 'shed'),
  size: fc.integer({ min: 1, max: 8 }),
  ordered: fc.boolean(),
  faster: fc.double({ min: 1.5, max: 6, noNaN: true }),
});

const pipelines = fc
  .record({
    parts: fc.array(part, { minLength: 3, maxLength: 7 }),
    slowest: fc.integer({ min: -1, max: 7 }),
    rate: fc.integer({ min: 20, max: 200 }),
    spread: fc.constantFrom(0, 0.3),
    seed: fc.integer(),
  })
  .map(({ parts, slowest, ...rest }): Pipeline => {
    const at = Math.min(slowest, parts.length);
    const limits = (one: Part): Part =>
      one.kind === 'pool' || one.kind === 'rateLimit' ? one : { ...one, kind: 'pool' };
    return { ...rest, slowest: at, parts: parts.map((one, i) => (i === at ? { ...limits(one), faster: 1 } : one)) };
  });

test('names the slowest part of each of 1,000 random pipelines', () => {
  fc.assert(
    fc.property(pipelines, (pipeline) => {
      const { kind, stage, sentence } = run(pipeline);
      const { slowest, parts } = pipeline;
      const last = parts.length - 1;
      if (slowest < 0) expect({ kind, stage }, sentence).toEqual({ kind: 'source', stage: 'stage 0' });
      else if (slowest > last) expect({ kind, stage }, sentence).toEqual({ kind: 'consumer', stage: `stage ${last}` });
      else expect({ kind, stage }, sentence).toEqual({ kind: 'stage', stage: `stage ${slowest}` });
    }),
    { numRuns: 1_000 },
  );
}, 120_000);

/** Lets values flow until what is between the stages is full, and then for a window. */
function run({ parts, slowest, rate, seed, spread }: Pipeline): Bottleneck {
  const time = new VirtualTime();
  const { scheduler } = time;
  const interval = 1_000 / rate;
  const window = 200 * interval;
  const monitor = createMonitor({ scheduler, window });
  const random = randomFrom(seed);
  const stages = parts.map((one, i) =>
    stageOf(one, { name: `stage ${i}`, rate: rate * one.faster, monitor, scheduler, spread, random }),
  );
  const source =
    slowest < 0 ? rateLimit<number>({ rate, burst: 1, mode: 'paced', scheduler }) : identity<Observable<number>>;
  const values = stages.reduce((before, stage) => before.pipe(stage), source(pull(numbers())));
  const sink = Sink.on(values, {
    next: () => undefined,
    error: (error) => expect.fail(String(error)),
    complete: () => undefined,
  });
  const asking = slowest < parts.length ? of(Infinity) : timer(0, interval, scheduler).pipe(map(() => 1));
  const subscription = asking.subscribe((n) => sink.request(n));
  time.advanceBy(160 * interval + window);
  const bottleneck = monitor.bottleneck();
  expect(monitor.snapshot().stages.map(({ stage }) => stage)).toEqual(parts.map((_, i) => `stage ${i}`));
  sink.unsubscribe();
  subscription.unsubscribe();
  return bottleneck;
}

interface Setup {
  readonly name: string;
  readonly rate: number;
  readonly monitor: Monitor;
  readonly scheduler: SchedulerLike;
  readonly spread: number;
  readonly random: () => number;
}

function stageOf(
  { kind, size, ordered }: Part,
  { rate, spread, random, ...options }: Setup,
): MonoTypeOperatorFunction<number> {
  if (kind === 'boundedBuffer') return boundedBuffer({ capacity: size, ...options });
  if (kind === 'shed') return shed({ capacity: size, priority: (value) => value % 3, ...options });
  if (kind === 'rateLimit') return rateLimit({ rate, burst: size, mode: 'paced', ...options });
  const service = (size * 1_000) / rate;
  const work = (value: number): Observable<number> =>
    timer(service * (1 + spread * (2 * random() - 1)), options.scheduler).pipe(map(() => value));
  const order = ordered ? 'source' : 'completion';
  return pool(work, { concurrency: size, order, window: 2 * size, ...options });
}

function* numbers(): Generator<number> {
  for (let i = 0; ; i++) yield i;
}

/** Numbers from 0 to 1 that are the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}
