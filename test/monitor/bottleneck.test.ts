/** Random pipelines of which one part is the slowest by construction. */
import fc from 'fast-check';
import { identity, map, of, timer, type MonoTypeOperatorFunction, type Observable, type SchedulerLike } from 'rxjs';
import { expect, test } from 'vitest';
import { boundedBuffer, pool, pull, rateLimit, shed, Sink } from 'sluice';
import { createMonitor, type Bottleneck, type Monitor } from 'sluice/monitor';
import { VirtualTime } from 'sluice/testing';

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
  const source = slowest < 0 ? rateLimit<number>({ rate, burst: 1, scheduler }) : identity<Observable<number>>;
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
  if (kind === 'rateLimit') return rateLimit({ rate, burst: size, ...options });
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
