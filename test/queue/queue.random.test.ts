/** Random scripts of publishers and consumers: nothing is lost, and nobody gets more than was asked for, or than may be in flight. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Delivery } from '../../src/delivery/delivery.js';
import { fixed, handle } from '../../src/index.js';
import { queue, type Store } from '../../src/queue/index.js';
import { memoryStore } from '../../src/stores/memory/index.js';
import type { ManualConsumer } from '../../src/testing/index.js';
import { all, rig, settled } from './rig.js';

const runs = Number(process.env['SLUICE_RUNS'] ?? 300);

const KINDS = ['ack', 'nack', 'release', 'dead', 'forget', 'keep'] as const;

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('publish' as const), n: fc.integer({ min: 1, max: 5 }), key: fc.nat(2) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('request' as const), who: fc.nat(2), n: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(9), how: fc.constantFrom(...KINDS) }),
  },
  fc.record({ do: fc.constant('unsubscribe' as const), who: fc.nat(2) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(5, 30, 60, 150) }),
  fc.record({ do: fc.constant('turn' as const) }),
);

test('whatever happens, each message is acked, dead, or still there; demand and maxInFlight hold', async () => {
  const property = fc.asyncProperty(
    fc.constantFrom('none' as const, 'queue' as const, 'key' as const),
    fc.integer({ min: 1, max: 3 }),
    fc.array(step, { maxLength: 60 }),
    async (order, maxInFlight, steps) => {
      const r = rig({ order, visibilityTimeout: 100, maxAttempts: 3, backoff: fixed(20) });
      const consumers: ManualConsumer<Delivery<number>>[] = [0, 1, 2].map(() => r.consumer(maxInFlight));
      const acked = new Set<number>();
      const open: Delivery<number>[] = [];
      const seen = new Set<Delivery<number>>();
      let published = 0;
      const look = (): void => {
        for (const c of consumers) {
          expect(c.end).toBeUndefined(); // a value that was not asked for would have ended it
          for (const delivery of c.values) {
            if (seen.has(delivery)) continue;
            seen.add(delivery);
            open.push(delivery);
          }
        }
      };
      for (const s of steps) {
        if (s.do === 'publish') {
          const values = Array.from({ length: s.n }, () => published++);
          await r.orders.publishMany(values, () => (order === 'key' ? { key: `${s.key}` } : {}));
        } else if (s.do === 'request') {
          consumers[s.who]!.request(s.n);
        } else if (s.do === 'settle') {
          const [delivery] = open.splice(s.which % Math.max(1, open.length), 1);
          if (delivery === undefined) continue;
          if (s.how === 'ack') {
            void (delivery.ack() as Promise<string>).then((what) => what === 'settled' && acked.add(delivery.value));
          } else if (s.how === 'nack') void delivery.nack();
          else if (s.how === 'release') void delivery.release();
          else if (s.how === 'dead') void delivery.deadLetter('bad');
          else if (s.how === 'keep') (delivery as unknown as { lease: { keep(): void } }).lease.keep();
        } else if (s.do === 'unsubscribe') {
          consumers[s.who]!.unsubscribe();
          consumers[s.who] = r.consumer(maxInFlight);
        } else if (s.do === 'pass') {
          await r.pass(s.ms, 5);
        } else {
          await settled();
        }
        look();
      }
      await settled();
      look();
      for (const c of consumers) c.unsubscribe();
      for (const delivery of seen) if (!delivery.settled) void delivery.release();
      await r.pass(400, 10);
      const { ready, delayed, blocked, inFlight, dead } = await r.orders.stats();
      expect(inFlight).toBe(0);
      const left = new Set((await all(r.orders.deadLetters.browse({ limit: 1_000 }))).map(({ value }) => value!));
      expect(left.size).toBe(dead);
      const last = r.consumer(Infinity);
      last.request(Infinity);
      for (let i = 0, count = 0; i < 2 * published + 5; i++) {
        await r.pass(25, 25);
        for (; count < last.values.length; count++) {
          left.add(last.values[count]!.value);
          void last.values[count]!.ack();
        }
      }
      expect(last.end).toBeUndefined();
      expect(ready + delayed + blocked + dead + acked.size).toBe(published);
      for (const { value } of await all(r.orders.deadLetters.browse({ limit: 1_000 }))) left.add(value!);
      for (let value = 0; value < published; value++)
        expect([value, acked.has(value) || left.has(value)]).toEqual([value, true]);
      last.unsubscribe();
      await settled();
      expect(r.time.pending).toBe(0);
    },
  );
  await fc.assert(property, { numRuns: runs });
});

/** Tells how many more messages were given out and not answered for. */
function counted(store: Store, onChange: (n: number) => void): Store {
  return {
    kind: store.kind,
    features: store.features,
    close: () => store.close(),
    topic: (name, terms) => {
      const topic = store.topic(name, terms);
      return {
        put: (messages, whole) => topic.put(messages, whole),
        room: (signal) => topic.room!(signal),
        group: (groupName, groupTerms) => {
          const group = topic.group(groupName, groupTerms);
          return {
            take: async (want, signal) => {
              const messages = await group.take(want, signal);
              expect(messages.length).toBeLessThanOrEqual(want);
              onChange(messages.length);
              return messages;
            },
            settle: async (outcomes) => {
              const answers = await group.settle(outcomes);
              onChange(-outcomes.length);
              return answers;
            },
            extend: (messages) => group.extend!(messages),
            count: () => group.count!(),
            browse: (after, limit) => group.browse!(after, limit),
          };
        },
      };
    },
  };
}

test('maxInFlight: taken and not answered for never pass it', async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 5 }),
    fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(9), fc.boolean()), { maxLength: 30 }),
    async (maxInFlight, steps) => {
      let given = 0;
      let most = 0;
      const r = rig({}, (store) =>
        counted(store, (n) => {
          given += n;
          most = Math.max(most, given);
        }),
      );
      await r.orders.publishMany(Array.from({ length: 100 }, (_, i) => i));
      const c = r.consumer(maxInFlight);
      for (const [n, which, turn] of steps) {
        c.request(n);
        if (turn) await settled();
        const open = c.values.filter((delivery) => !delivery.settled);
        void open[which % Math.max(1, open.length)]?.ack();
      }
      await settled();
      expect(most).toBeLessThanOrEqual(maxInFlight);
      c.unsubscribe();
      for (const delivery of c.values) void delivery.ack();
      await settled();
    },
  );
  await fc.assert(property, { numRuns: runs });
});

test('publish, handle with failures, capacity, several consumers: each value is done at least once', async () => {
  const store = memoryStore();
  const orders = queue<number>(store, 'orders', {
    capacity: 20,
    backoff: fixed(1),
    maxAttempts: Infinity,
    order: 'key',
  });
  const done = new Set<number>();
  const last = new Map<string, number>();
  const all = new Promise<void>((resolve) => {
    const work = async (value: number): Promise<void> => {
      await settled();
      if (Math.random() < 0.2) throw new Error('now and then');
      const key = `${value % 7}`;
      expect(last.get(key) ?? -1).toBeLessThan(value);
      last.set(key, value);
      done.add(value);
      if (done.size === 700) resolve();
    };
    for (let i = 0; i < 3; i++)
      orders
        .deliveries({ maxInFlight: 8 })
        .pipe(handle(work, { concurrency: 4 }))
        .subscribe();
  });
  await orders.publishMany(
    Array.from({ length: 700 }, (_, i) => i),
    (value) => ({ key: `${value % 7}` }),
  );
  await all;
  await settled();
  expect(await orders.stats()).toMatchObject({ ready: 0, blocked: 0, inFlight: 0, delayed: 0, dead: 0 });
  await store.close();
});
