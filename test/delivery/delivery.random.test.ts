/** Random pipelines of what a delivery can go through, ended at random: no message is lost, and nothing is left behind. */
import fc from 'fast-check';
import { concatMap, from, map, Subscription, type Observable, type OperatorFunction } from 'rxjs';
import { expect, test } from 'vitest';
import {
  batch,
  batchDeliveries,
  boundedBuffer,
  broadcast,
  drain,
  elastic,
  filterDelivery,
  fixed,
  handle,
  mapDelivery,
  mergeDeliveries,
  pool,
  rateLimit,
  shed,
  splitDelivery,
  toAsyncIterable,
  type Delivery,
  type HandlerContext,
} from '../../src/index.js';
import { queue, type Order, type Store, type StoreOutcome } from '../../src/queue/index.js';
import { memoryStore } from '../../src/stores/memory/index.js';
import { VirtualTime } from '../../src/testing/index.js';
import { all, settled } from '../queue/rig.js';

const runs = Number(process.env['SLUICE_RUNS'] ?? 1_000);

const VISIBILITY = 100;

/** What any stage of a pipeline has as its value: a number, and what was made of it. */
type Nested = number | readonly Nested[];
type Through = OperatorFunction<Delivery<Nested>, Delivery<Nested>>;

/** What a pipeline has of the run that it is in. */
interface Surroundings {
  readonly time: VirtualTime;
  /** True once in a while: something is to go wrong here. */
  readonly mishap: () => boolean;
  /** Somebody has done, or does not want, what is in `value`: it may be acked from here on. */
  readonly note: (value: Nested) => void;
  /** True the first time that it is asked of `id`. */
  readonly once: (id: string) => boolean;
  /** Resolves when the script says so, or rejects. */
  readonly work: () => Promise<unknown>;
}

function unlucky({ mishap }: Surroundings): void {
  if (mishap()) throw new Error('a callback failed');
}

const STAGES: Record<string, (around: Surroundings) => Through> = {
  map: (around) =>
    mapDelivery((value) => {
      unlucky(around);
      return value;
    }),
  filter: (around) =>
    filterDelivery((value) => {
      unlucky(around);
      if (first(value) % 5 === 0) around.note(value);
      return first(value) % 5 !== 0;
    }),
  split: (around) =>
    splitDelivery((value) => {
      unlucky(around);
      if (first(value) % 4 === 0) around.note(value);
      return Array.from({ length: first(value) % 4 }, () => value);
    }),
  batch: ({ time }) => batchDeliveries({ size: 3, within: 15, scheduler: time.scheduler }),
  batchApart:
    ({ time }) =>
    (source) =>
      source.pipe(
        batch({ size: 2, within: 15, scheduler: time.scheduler }),
        concatMap((deliveries) => from(deliveries)),
      ),
  buffer: ({ time }) => boundedBuffer({ capacity: 2, overflow: 'drop-oldest', scheduler: time.scheduler }),
  old: ({ time }) => boundedBuffer({ capacity: 4, maxAge: 20, scheduler: time.scheduler }),
  rate: ({ time }) => rateLimit({ rate: 100, burst: 2, scheduler: time.scheduler }),
  shed: ({ time }) => shed({ capacity: 2, priority: ({ value }) => first(value) % 3, scheduler: time.scheduler }),
  pool: ({ time, work }) =>
    pool((delivery: Delivery<Nested>) => work().then(() => delivery.map((value) => value)), {
      concurrency: 2,
      scheduler: time.scheduler,
    }),
};

/** Pairs of what several give on, as one. */
const pairs: Through = (source) =>
  source.pipe(
    batch({ size: 2 }),
    map((deliveries) => mergeDeliveries(deliveries)),
  );
STAGES['pairs'] = (): Through => pairs;

function first(value: Nested): number {
  return typeof value === 'number' ? value : first(value[0]!);
}

function leavesOf(value: Nested): number[] {
  return typeof value === 'number' ? [value] : value.flatMap(leavesOf);
}

/** What handlers do, by a number. */
async function handler(around: Surroundings, value: Nested, context: HandlerContext<Nested>): Promise<unknown> {
  const how = (first(value) * 7 + context.attempt) % 9;
  if (how === 0) throw new Error('at once');
  if (how === 1 && around.once(context.id)) return context.release(); // again and again it would be for ever
  if (how === 2) return context.dead('bad');
  if (how === 3) return context.retry(10);
  if (how === 4) {
    const [one, other] = context.delivery.split([1, 2]);
    void one!.ack();
    await around.work();
    around.note(value);
    void other!.ack();
    return undefined;
  }
  if (how === 5) void context.delivery.split([1, 2])[0]!.ack(); // the other is forgotten
  if (how === 6 && context.signal.aborted) return context.retry(5); // looked at, it follows the lease
  await around.work();
  around.note(value);
  return undefined;
}

const ENDS: Record<string, (around: Surroundings, source: Observable<Delivery<Nested>>) => Subscription> = {
  handle: (around, source) =>
    source
      .pipe(
        handle((value, context) => handler(around, value, context), {
          ...{ concurrency: 2, timeout: 60, scheduler: around.time.scheduler },
          ...{ deadLetterBreaker: { run: 2, pause: 30 } },
        }),
      )
      .subscribe({ error: () => undefined }),
  handleElastic: (around, source) =>
    source
      .pipe(
        handle((value, context) => handler(around, value, context), {
          concurrency: elastic({ min: 1, max: 3 }),
          ...{ order: 'key', maxAttempts: 2, scheduler: around.time.scheduler },
        }),
      )
      .subscribe({ error: () => undefined }),
  broadcast: (around, source) => {
    const shared = broadcast(source, { capacity: 2, scheduler: around.time.scheduler });
    const one = shared.with({ slow: 'block' }).pipe(
      handle((value, context) => handler(around, value, context), {
        ...{ concurrency: 1, scheduler: around.time.scheduler },
      }),
    );
    const subscription = one.subscribe({ error: () => undefined });
    const other = shared.with({ slow: 'drop-oldest' }).pipe(
      pool(
        (delivery) =>
          around.work().then(() => {
            around.note(delivery.value);
            void delivery.ack();
          }),
        {
          concurrency: 1,
          scheduler: around.time.scheduler,
        },
      ),
    );
    subscription.add(other.subscribe({ error: () => undefined }));
    return subscription;
  },
  forget: (_around, source) => source.subscribe({ error: () => undefined }),
  iterate: (around, source) => {
    const iterator = toAsyncIterable(source, { capacity: 2 })[Symbol.asyncIterator]();
    const loop = async (): Promise<void> => {
      for await (const delivery of { [Symbol.asyncIterator]: () => iterator }) {
        await around.work();
        around.note(delivery.value);
        void delivery.ack();
        if (around.mishap()) break;
      }
    };
    loop().catch(() => undefined);
    return new Subscription(() => void iterator.return!());
  },
};

/** Sees to it that what a store is told is of a message that was given out, and told once; and that no lease but these is settled. */
function watched(
  store: Store,
  told: (outcome: StoreOutcome, answer: string) => void,
  wrong: (what: string) => void,
): Store {
  return {
    kind: store.kind,
    features: store.features,
    close: () => store.close(),
    topic: (name, terms) => {
      const topic = store.topic(name, terms);
      return Object.assign(Object.create(topic) as typeof topic, {
        put: topic.put.bind(topic),
        group: (groupName: string, groupTerms: Parameters<typeof topic.group>[1]) => {
          const group = topic.group(groupName, groupTerms);
          const open = new Map<unknown, string>();
          const current = new Map<string, unknown>();
          const settle = async (outcomes: readonly StoreOutcome[]) => {
            for (const { message } of outcomes) {
              if (!open.delete(message)) wrong(`${message.id} was settled twice, or not given out`);
            }
            // What another attempt has by now is not this one's to settle.
            const foreign = outcomes.map(({ message }) => current.get(message.id) !== message);
            const answers = await group.settle(outcomes);
            answers.forEach((answer, i) => {
              if (foreign[i] && answer !== 'lease-lost') wrong(`${outcomes[i]!.message.id}: was another’s`);
              told(outcomes[i]!, answer);
            });
            return answers;
          };
          return Object.assign(Object.create(group) as typeof group, {
            take: async (want: number, signal: AbortSignal) => {
              const messages = await group.take(want, signal);
              if (messages.length > want) wrong('more than it wanted');
              for (const message of messages) {
                open.set(message, message.id);
                current.set(message.id, message);
              }
              return messages;
            },
            settle,
            extend: group.extend?.bind(group),
            count: group.count?.bind(group),
            browse: group.browse?.bind(group),
          });
        },
      });
    },
  };
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('publish' as const), n: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(5, 20, 60, 130) }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('finish' as const), which: fc.nat(7), well: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('mishap' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unsubscribe' as const), who: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const), who: fc.nat(1) }) },
);

const pipeline = fc.record({
  stages: fc.array(fc.constantFrom(...Object.keys(STAGES)), { maxLength: 4, size: 'max' }),
  end: fc.constantFrom(...Object.keys(ENDS)),
});

test('each message is acked, dead, or ready again; nobody else’s attempt is settled; nothing is left', async () => {
  const seen = { acked: 0, dead: 0, back: 0, lost: 0 };
  const property = fc.asyncProperty(
    fc.constantFrom<Order>('none', 'queue', 'key'),
    fc.integer({ min: 1, max: 8 }),
    fc.tuple(pipeline, pipeline),
    fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }),
    async (order, maxInFlight, pipelines, steps) => {
      const time = new VirtualTime();
      const { scheduler } = time;
      const done = new Set<number>();
      let acked = 0;
      const violations: string[] = []; // what is thrown inside would only end a stream
      const store = watched(
        memoryStore({ scheduler }),
        ({ kind, message }, answer) => {
          if (answer === 'lease-lost') seen.lost++;
          else if (kind === 'ack') {
            if (!done.has(Number(message.body)))
              violations.push(`${String(message.body)}: was acked, and nobody has done it`);
            acked++;
          }
        },
        (what) => violations.push(what),
      );
      const orders = queue<Nested>(store, 'orders', {
        ...{ scheduler, order, visibilityTimeout: VISIBILITY, maxAttempts: 6, backoff: fixed(20), random: () => 0 },
      });
      const pending: { done(): void; fail(): void }[] = [];
      const released = new Set<string>();
      let mishaps = 0;
      const around: Surroundings = {
        time,
        note: (value) => leavesOf(value).forEach((n) => done.add(n)),
        once: (id) => !released.has(id) && released.add(id) !== undefined,
        mishap: () => mishaps > 0 && mishaps-- > 0,
        work: () =>
          new Promise((resolve, reject) =>
            pending.push({ done: () => resolve(undefined), fail: () => reject(new Error('work failed')) }),
          ),
      };
      const start = ({ stages, end }: (typeof pipelines)[0]): Subscription => {
        const source = stages.reduce<Observable<Delivery<Nested>>>(
          (so, name) => so.pipe(STAGES[name]!(around)),
          orders.deliveries({ maxInFlight }),
        );
        return ENDS[end]!(around, source);
      };
      const subscriptions = pipelines.map(start);
      const pass = async (ms: number): Promise<void> => {
        for (let passed = 0; passed < ms; passed += 5) {
          time.advanceBy(5);
          await settled();
        }
      };
      let published = 0;
      for (const s of steps) {
        if (s.do === 'publish') {
          const values = Array.from({ length: s.n }, () => published++);
          await orders.publishMany(values, (value) => ({
            ...(order === 'key' ? { key: `${first(value) % 3}` } : {}),
            ...(first(value) % 6 === 1 ? { deadline: time.now + 40 } : {}),
          }));
        } else if (s.do === 'pass') await pass(s.ms);
        else if (s.do === 'finish') {
          const [one] = pending.splice(s.which % Math.max(1, pending.length), 1);
          if (s.well) one?.done();
          else one?.fail();
        } else if (s.do === 'mishap') mishaps = 1;
        else if (s.do === 'unsubscribe') {
          subscriptions[s.who]!.unsubscribe();
          subscriptions[s.who] = start(pipelines[s.who]!);
        } else if (!subscriptions[s.who]!.closed && pipelines[s.who]!.end === 'handle') {
          void drain(subscriptions[s.who]!, { within: 50, scheduler });
        }
        await settled();
      }
      for (const subscription of subscriptions) subscription.unsubscribe();
      while (pending.length > 0) {
        pending.pop()!.done();
        await settled();
      }
      await pass(3 * VISIBILITY);
      const { ready, delayed, blocked, inFlight, dead } = await orders.stats();
      expect(violations).toEqual([]);
      expect([inFlight, delayed]).toEqual([0, 0]);
      const left = new Set<number>();
      for (const { value } of await all(orders.deadLetters.browse({ limit: 1_000 }))) left.add(first(value!));
      expect(left.size).toBe(dead);
      const ackedBefore = acked;
      const collector = orders.deliveries({ maxInFlight: Infinity }).subscribe((delivery) => {
        expect(left.has(first(delivery.value))).toBe(false);
        left.add(first(delivery.value));
        around.note(delivery.value);
        void delivery.ack();
      });
      for (let turn = 0; turn <= ready + blocked; turn++) await settled();
      collector.unsubscribe();
      const after = await orders.stats();
      for (const { value } of await all(orders.deadLetters.browse({ limit: 1_000 }))) left.add(first(value!));
      expect([after.ready, after.blocked, after.inFlight]).toEqual([0, 0, 0]);
      seen.dead += after.dead;
      seen.back += ready + blocked;
      seen.acked += ackedBefore;
      expect(ackedBefore + left.size).toBe(published);
      await settled();
      expect(time.pending).toBe(0);
      await store.close();
    },
  );
  await fc.assert(property, { numRuns: runs });
  for (const [what, count] of Object.entries(seen)) expect([what, count > 0]).toEqual([what, true]); // it came to all of these
});
