import { concat, EMPTY, map, NEVER, of, timer } from 'rxjs';
import { afterAll, beforeAll, describe, test, vi } from 'vitest';
import {
  batch,
  boundedBuffer,
  type BatchOptions,
  broadcast,
  mergePriority,
  pool,
  type BoundedBufferOptions,
  type BroadcastOptions,
  type MergePriorityOptions,
  type MonitoredStage,
  type PoolOptions,
  rateLimit,
  type RateLimitOptions,
  shed,
  shedByDelay,
  type ShedByDelayOptions,
  type ShedOptions,
  valve,
  type ValveOptions,
  type SubscriberOptions,
  workers as workersWithALife,
} from '../src/index.js';
import { operatorLaws, type LawSubject } from '../src/testing/index.js';

// The limiters of the laws have small bursts on purpose.
beforeAll(() => void vi.spyOn(console, 'warn').mockReturnValue());
afterAll(() => void vi.restoreAllMocks());

const runs = Number(process.env['SLUICE_RUNS'] ?? 1_000);

const buffer = (name: string, options: BoundedBufferOptions<number>, facts: Partial<LawSubject> = {}): LawSubject => ({
  name: `boundedBuffer, ${name}`,
  create: ({ scheduler, monitor, onDrop }) => boundedBuffer<number>({ ...options, scheduler, monitor, onDrop }),
  bound: options.capacity,
  ...facts,
});

const workers = (
  name: string,
  options: PoolOptions<number> & { readonly concurrency: number },
  facts: Partial<LawSubject> = {},
): LawSubject => ({
  name: `pool, ${name}`,
  create: ({ scheduler, monitor, onDrop, work }) => pool(work, { ...options, scheduler, monitor, onDrop }),
  bound: options.window ?? 2 * options.concurrency,
  concurrency: options.concurrency,
  ordered: options.order === 'source' ? true : (options.key ?? false),
  ...facts,
});

const limit = (name: string, options: RateLimitOptions<number>, facts: Partial<LawSubject> = {}): LawSubject => ({
  name: `rateLimit, ${name}`,
  create: ({ scheduler, monitor, onDrop }) =>
    rateLimit<number>({ rate: 1_000, burst: 3, ...options, scheduler, monitor, onDrop }),
  bound: 1,
  ...facts,
});

const lanes = (name: string, options: Partial<ShedOptions<number>>, facts: Partial<LawSubject> = {}): LawSubject => ({
  name: `shed, ${name}`,
  create: ({ scheduler, monitor, onDrop }) =>
    shed<number>({ capacity: 4, priority: (value) => value % 3, ...options, scheduler, monitor, onDrop }),
  bound: options.capacity ?? 4,
  ordered: options.priority ?? ((value) => value % 3),
  drops: ['overflow', 'evicted'],
  ...facts,
});

const byDelay = (name: string, options: ShedByDelayOptions, facts: Partial<LawSubject> = {}): LawSubject => ({
  name: `shedByDelay, ${name}`,
  create: ({ scheduler, monitor, onDrop }) => shedByDelay<number>({ ...options, scheduler, monitor, onDrop }),
  bound: options.capacity,
  drops: ['overflow', 'expired'],
  ...facts,
});

const batches = (name: string, options: BatchOptions<number>, most: number): LawSubject => ({
  name: `batch, ${name}`,
  create: ({ scheduler, monitor, onDrop }) => batch<number>({ ...options, scheduler, monitor, onDrop }),
  bound: most,
  holdsBack: most - 1,
});

/** One that is closed for a while every now and then, unless it is to be open from the start. */
const gate = (
  name: string,
  options: ValveOptions<number>,
  facts: Partial<LawSubject> = {},
  open = false,
): LawSubject => ({
  name: `valve, ${name}`,
  create: ({ scheduler, monitor, onDrop }) =>
    valve<number>(open ? concat(of(true), NEVER) : timer(5, 20, scheduler).pipe(map((i) => i % 3 !== 1)), {
      ...options,
      scheduler,
      monitor,
      onDrop,
    }),
  bound: options.capacity ?? 1,
  ...facts,
});

const shared = (
  name: string,
  options: Partial<BroadcastOptions<number>>,
  policy: SubscriberOptions,
  facts: Partial<LawSubject> = {},
): LawSubject => ({
  name: `broadcast, ${name}`,
  create:
    ({ scheduler, monitor, onDrop }) =>
    (source) => {
      const parts: MonitoredStage[] = [];
      const add = (part: MonitoredStage): void => {
        if (parts.push(part) === 2) monitor.add(inOne(parts[0]!, parts[1]!));
      };
      return broadcast(source, { capacity: 3, ...options, scheduler, onDrop, monitor: { add } }).with(policy);
    },
  bound: options.capacity ?? 3,
  ...facts,
});

/** The other source is the first to be subscribed, and is over then. */
const prioritised = (
  name: string,
  options: MergePriorityOptions<number>,
  facts: Partial<LawSubject> = {},
): LawSubject => ({
  name: `mergePriority, ${name}`,
  create: ({ scheduler, monitor, onDrop }) => {
    const most = { source: EMPTY, priority: 1 };
    return (source) => mergePriority([{ source }, most], { ...options, scheduler, monitor, onDrop });
  },
  bound: options.prefetch ?? 1,
  ...facts,
});

/** A broadcast and its only subscriber, seen as one stage: one counts what was refused, the other what was given up. */
const inOne = (ring: MonitoredStage, subscriber: MonitoredStage): MonitoredStage => ({
  name: ring.name,
  get requested() {
    return ring.requested;
  },
  get held() {
    return ring.held;
  },
  get ledger() {
    const [{ in: arrived, dropped, reasons }, taken] = [ring.ledger, subscriber.ledger];
    const lost = dropped + taken.dropped;
    const held = arrived - taken.out - lost;
    return {
      stage: ring.name,
      in: arrived,
      out: taken.out,
      dropped: lost,
      reasons: { ...reasons, ...taken.reasons },
      held,
    };
  },
});

const subjects: LawSubject[] = [
  buffer('error', { capacity: 3 }),
  buffer('capacity 1', { capacity: 1 }),
  buffer('drop-oldest', { capacity: 3, overflow: 'drop-oldest' }, { drops: ['evicted'] }),
  buffer('drop-newest', { capacity: 3, overflow: 'drop-newest' }),
  buffer('cost', { capacity: 4, cost: (value) => value % 3 }),
  buffer('maxAge', { capacity: 3, maxAge: 25 }, { drops: ['overflow', 'expired'] }),
  buffer(
    'deadline',
    { capacity: 3, overflow: 'drop-oldest', deadline: (value) => (value % 2 === 0 ? Infinity : 40) },
    { drops: ['evicted', 'expired'] },
  ),
  buffer(
    'deadline and cost',
    { capacity: 3, cost: (value) => value % 3, maxAge: 60, deadline: (value) => 30 + (value % 4) * 20 },
    { drops: ['overflow', 'expired'] },
  ),
  batches('by number', { size: 3 }, 3),
  batches('of 1', { size: 1 }, 1),
  batches('by number and time', { size: 4, within: 25 }, 4),
  batches('by cost', { cost: (value) => value % 3, maxCost: 4 }, 4),
  batches('by number, cost and time', { size: 3, within: 30, cost: (value) => 1 + (value % 4), maxCost: 4 }, 3),
  gate('open', {}, {}, true),
  gate('open and closed', {}),
  gate('room for 3', { capacity: 3 }),
  gate('drop-oldest', { capacity: 3, overflow: 'drop-oldest' }, { drops: ['evicted'] }),
  gate('drop-newest', { capacity: 2, overflow: 'drop-newest' }),
  gate('maxAge', { capacity: 3, maxAge: 10 }, { drops: ['overflow', 'expired'] }),
  lanes('one lane', { priority: () => 7 }, { ordered: true, drops: ['overflow'] }),
  lanes('three lanes', {}),
  lanes('capacity 1', { capacity: 1 }),
  lanes('maxAge', { maxAge: 25 }, { drops: ['overflow', 'evicted', 'expired'] }),
  lanes('deadline', { deadline: (value) => 20 + (value % 4) * 20 }, { drops: ['overflow', 'evicted', 'expired'] }),
  prioritised('prefetch 1', {}),
  prioritised('prefetch 3', { prefetch: 3 }),
  prioritised('drop-oldest', { prefetch: 3, overflow: 'drop-oldest' }, { drops: ['evicted'] }),
  shared('blocking', {}, {}),
  shared('blocking, with replay', { replay: 2 }, {}),
  shared('blocking, capacity 1', { capacity: 1 }, {}),
  shared('blocking, drop-oldest', { overflow: 'drop-oldest' }, {}, { drops: ['evicted'] }),
  shared('blocking, drop-newest', { overflow: 'drop-newest' }, {}),
  byDelay('in order', { capacity: 4, target: 5, interval: 20 }),
  byDelay('lifo', { capacity: 4, target: 5, interval: 20, lifo: true }, { ordered: false }),
  {
    name: 'boundedBuffer, merge',
    create:
      ({ scheduler, monitor, onDrop }) =>
      (source) =>
        source.pipe(
          map((value) => [value]),
          boundedBuffer({ capacity: 2, overflow: { merge: (a, b) => [...a, ...b] }, scheduler, monitor, onDrop }),
        ),
    bound: 2,
    drops: ['merged'],
  },
  limit('waiting', {}),
  limit('waiting for each value', { burst: 1, mode: 'paced' }),
  limit('cost', { burst: 4, cost: (value) => value % 3 }),
  limit('by key', { key: (value) => value % 2 }),
  limit('drop', { excess: 'drop' }, { drops: ['rate', 'overflow'] }),
  limit('maxWait', { burst: 1, mode: 'paced', maxWait: 2 }, { drops: ['rate', 'overflow'] }),
  workers('by completion', { concurrency: 3 }),
  workers('one at a time', { concurrency: 1, waiting: 0 }, { bound: 1, ordered: true }),
  workers('in source order', { concurrency: 3, order: 'source', window: 6 }),
  workers('narrow window', { concurrency: 3, order: 'source', window: 2 }),
  workers('by key', { concurrency: 3, key: (value) => value % 2 }),
  workers('by key, in source order', {
    concurrency: 2,
    waiting: 4,
    key: (value) => value % 3,
    order: 'source',
    window: 6,
  }),
  workers('timeout', { concurrency: 2, timeout: 1_000_000 }),
  {
    ...workers('workers with a life', { concurrency: 3 }),
    create: ({ scheduler, monitor, onDrop, work }) => {
      let made = 0;
      const life = workersWithALife({
        create: () => ++made,
        run: (_worker, value: number) => work(value),
      });
      return pool(life, { concurrency: 3, scheduler, monitor, onDrop });
    },
  },
];

/** Without a subscriber that blocks, a broadcast slows no source: it asks for values that it may drop. */
const unslowed: LawSubject[] = [
  shared('slow drop-oldest', {}, { slow: 'drop-oldest' }, { drops: ['evicted'] }),
  shared('slow drop-oldest, maxLag', {}, { slow: 'drop-oldest', maxLag: 2 }, { drops: ['evicted'] }),
  shared('slow latest', {}, { slow: 'latest' }, { drops: ['evicted'] }),
];

describe.each(unslowed)('$name', (subject) => {
  test.each(operatorLaws.filter(({ name }) => name !== 'takes what it asked for'))('$semantics: $name', (law) => {
    law.check(subject, { runs });
  });
});

describe.each(subjects)('$name', (subject) => {
  test.each(operatorLaws)('$semantics: $name', (law) => {
    law.check(subject, { runs });
  });
});
