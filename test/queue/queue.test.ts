import { describe, expect, test } from 'vitest';
import { exponential, OptionError, pool } from '../../src/index.js';
import type { Delivery } from '../../src/delivery/delivery.js';
import { queue, type QueueOptions, type Store, type StoreFeatures, type StoreTopic } from '../../src/queue/index.js';
import { memoryStore } from '../../src/stores/memory/index.js';
import { rig, settled, valuesOf, watch } from './rig.js';

/** A memory store that declares less. */
const lacking = (features: Partial<StoreFeatures>, kind = 'poor'): Store => {
  const store = memoryStore();
  const all = { ...store.features, ...features };
  return { kind, features: all, topic: (name, terms) => store.topic(name, terms), close: () => store.close() };
};

describe('a queue', () => {
  test('publish, deliver, ack', async () => {
    const { orders, consumer } = rig<string>();
    const { id, duplicate } = await orders.publish('a', { key: 'k', headers: { h: '1' }, priority: 2 });
    expect(duplicate).toBe(false);
    const c = consumer();
    c.request(1);
    await settled();
    const [delivery] = c.values;
    expect(delivery).toMatchObject({ value: 'a', id, key: 'k', headers: { h: '1' }, priority: 2, attempt: 1 });
    await expect(delivery!.ack()).resolves.toBe('settled');
    expect(delivery!.ack()).toBe(false);
    expect(await orders.stats()).toMatchObject({ ready: 0, inFlight: 0, dead: 0, oldestAge: undefined });
    c.unsubscribe();
  });

  test('feeds a pool that acks: each message once, none left', async () => {
    const store = memoryStore();
    const orders = queue<number>(store, 'orders', { capacity: 50 });
    const seen: number[] = [];
    const all = new Promise<void>((resolve) => {
      const work = async (delivery: Delivery<number>): Promise<void> => {
        await delivery.ack();
        if (seen.push(delivery.value) === 500) resolve();
      };
      orders
        .deliveries()
        .pipe(pool(work, { concurrency: 8 }))
        .subscribe();
    });
    await orders.publishMany(Array.from({ length: 500 }, (_, i) => i));
    await all;
    expect(new Set(seen).size).toBe(500);
    await store.close();
  });

  test('stats', async () => {
    const { orders, time, consumer } = rig({ order: 'key', capacity: 5 });
    await orders.publish(1, { key: 'a' });
    await orders.publish(2, { key: 'a' });
    await orders.publish(3, { delay: 100 });
    await orders.publish(4, { key: 'b' });
    await orders.publish(5, { key: 'c' });
    const waiting = watch(orders.publish(6));
    const c = consumer();
    c.request(1);
    await settled();
    time.advanceBy(40);
    const stats = await orders.stats();
    expect(stats).toEqual({ ready: 2, delayed: 1, blocked: 1, inFlight: 1, dead: 0, oldestAge: 40, waiting: 1 });
    expect(waiting.state).toBe('waiting');
    void c.values[0]!.deadLetter('bad');
    await settled();
    expect(await orders.stats()).toMatchObject({ dead: 1, waiting: 0, ready: 4 });
    c.unsubscribe();
  });
});

describe('names', () => {
  test.each(['', 'x'.repeat(256), 'nul\0', 'half \ud800', 7, undefined])('%j is refused', (name) => {
    expect(() => queue(memoryStore(), name as string)).toThrow(OptionError);
  });

  test.each(["it's", 'a"b', 'a/b\\c', '..', '%00', '__proto__', 'constructor', ' ', '😀'.repeat(100), 'x'.repeat(255)])(
    '%j is a queue of its own',
    async (name) => {
      const store = memoryStore();
      const [one, other] = [queue<string>(store, name), queue<string>(store, 'other')];
      await one.publish('mine');
      expect([(await one.stats()).ready, (await other.stats()).ready]).toEqual([1, 0]);
      await store.close();
    },
  );
});

describe('options', () => {
  test.each<[keyof QueueOptions<number>, unknown]>([
    ['order', 'keys'],
    ['capacity', 0],
    ['capacity', 1.5],
    ['whenFull', 'drop'],
    ['visibilityTimeout', 0],
    ['visibilityTimeout', Infinity],
    ['maxAttempts', 0],
    ['backoff', 5],
    ['deadLetter', 'lose'],
    ['retention', 0],
    ['retention', NaN],
    ['dedupeWindow', -1],
    ['codec', { encode: String }],
    ['maxBytes', 0],
    ['scheduler', {}],
    ['random', 0.5],
  ])('%s: %j is refused', (option, value) => {
    expect(() => queue(memoryStore(), 'q', { [option]: value })).toThrow(
      expect.objectContaining({ code: 'SLUICE_OPTION', option }),
    );
  });

  test('one that there is not, and a store that is none', () => {
    expect(() => queue(memoryStore(), 'q', { maxAttempt: 3 } as never)).toThrow('Did you mean `maxAttempts`');
    expect(() => queue({} as never, 'q')).toThrow('Expected `store`');
    expect(() => queue(memoryStore(), 'q').deliveries({ maxInFlight: 0 })).toThrow('maxInFlight');
  });

  test('two queues of one name and the same options are one', async () => {
    const store = memoryStore();
    const options: QueueOptions<string> = { capacity: 1, order: 'queue' };
    const [one, other] = [queue<string>(store, 'q', options), queue<string>(store, 'q', { ...options })];
    await one.publish('a');
    const second = watch(one.publish('b'));
    const third = watch(other.publish('c'));
    await settled();
    expect(other.capacity).toBe(1);
    const seen: string[] = [];
    other.deliveries().subscribe((delivery) => {
      seen.push(delivery.value);
      void delivery.ack();
    });
    while (seen.length < 3) await settled();
    expect([second.state, third.state, seen]).toEqual(['done', 'done', ['a', 'b', 'c']]);
    await store.close();
  });

  test.each<[keyof QueueOptions<number>, unknown]>([
    ['order', 'key'],
    ['capacity', 7],
    ['visibilityTimeout', 5],
    ['maxAttempts', 1],
    ['deadLetter', 'discard'],
    ['retention', 5],
    ['dedupeWindow', 5],
    ['maxBytes', 5],
  ])('two queues of one name that differ in %s are refused', (option, value) => {
    const store = memoryStore();
    queue(store, 'q');
    expect(() => queue(store, 'q', { [option]: value })).toThrow(
      expect.objectContaining({ code: 'SLUICE_OPTION', option }),
    );
    queue(store, 'another', { [option]: value });
    queue(memoryStore(), 'q', { [option]: value });
  });
});

describe('what the store does not have', () => {
  test.each<[Partial<StoreFeatures>, QueueOptions<number>, string]>([
    [{ order: ['none'] }, { order: 'key' }, 'order'],
    [{ capacity: false }, { capacity: 5 }, 'capacity'],
    [{ lease: 'connection' }, { visibilityTimeout: 5 }, 'lease'],
    [{ delay: 0 }, { backoff: exponential({ base: 1 }) }, 'delay'],
    [{ dedupe: false }, { dedupeWindow: 5 }, 'dedupe'],
    [{ deadLetters: false }, {}, 'deadLetters'],
    [{ deadLetters: false }, { deadLetter: 'discard', retention: 5 }, 'deadLetters'],
  ])('%j and %j', (features, options, feature) => {
    expect(() => queue(lacking(features), 'q', options)).toThrow(
      new RegExp(`\`${feature}\`, which the poor store does not have: take memoryStore`),
    );
    queue(memoryStore(), 'q', options);
  });

  test('is refused no sooner than it is asked for', () => {
    const least: Partial<StoreFeatures> = {
      capacity: false,
      lease: 'connection',
      delay: 0,
      dedupe: false,
      priority: false,
      deadLetters: false,
    };
    queue(lacking(least), 'q', { deadLetter: 'discard' });
  });

  test.each<[Partial<StoreFeatures>, object]>([
    [{ delay: 0 }, { delay: 1 }],
    [{ delay: 0 }, { at: new Date() }],
    [{ delay: 100 }, { delay: 101 }],
    [{ publishDelay: 0 }, { delay: 1 }],
    [{ publishDelay: 100 }, { at: Date.now() + 100_000 }],
    [{ dedupe: false }, { dedupeId: 'a' }],
    [{ priority: false }, { priority: 1 }],
    [{ priority: [0, 9] }, { priority: 10 }],
  ])('publish: %j and %j', async (features, options) => {
    await expect(queue(lacking(features), 'q').publish(1, options)).rejects.toBeInstanceOf(OptionError);
  });

  test('maxBytes is what the store can hold, if that is less', async () => {
    const store = lacking({ maxBytes: 10 });
    expect(() => queue(store, 'q', { maxBytes: 11 })).toThrow('at most 10');
    await expect(queue<string>(store, 'q').publish('x'.repeat(9))).rejects.toThrow('has 11 bytes, and 10 are the most');
  });

  test('publishIn, stats, dead letters', async () => {
    const store = memoryStore();
    expect(() => queue(store, 'q').publishIn({}, 1)).toThrow('take sqliteStore');
    const bare = lacking({});
    const topic = bare.topic.bind(bare);
    const without: Store = {
      ...bare,
      topic: (name, terms): StoreTopic => {
        const group = topic(name, terms).group('g', { visibilityTimeout: 1, retention: 1 });
        return {
          put: () => Promise.resolve([]),
          group: () => ({
            take: (want, signal) => group.take(want, signal),
            settle: (outcomes) => group.settle(outcomes),
          }),
        };
      },
    };
    const q = queue(without, 'q');
    await expect(q.stats()).rejects.toThrow('count');
    await expect(q.deadLetters.browse().next()).rejects.toThrow(OptionError);
    await expect(q.deadLetters.redrive()).rejects.toThrow(OptionError);
    await expect(q.deadLetters.purge()).rejects.toThrow(OptionError);
  });
});

describe('publishIn', () => {
  const outbox = (capacity: number): { orders: ReturnType<typeof queue<number>>; store: Store; seen: unknown[] } => {
    const seen: unknown[] = [];
    const store = memoryStore();
    const withOutbox: Store = {
      kind: 'memory with an outbox',
      features: { ...store.features, outbox: true },
      close: () => store.close(),
      topic: (name, terms) => {
        const topic = store.topic(name, terms);
        return {
          put: (messages, whole) => topic.put(messages, whole),
          room: (signal) => topic.room!(signal),
          group: (group, groupTerms) => topic.group(group, groupTerms),
          putIn: (transaction, messages) => {
            seen.push(transaction, ...messages.map(({ body }) => body));
            return messages.map((_, i) => (seen.length / 2 > capacity ? 'full' : { id: `${i}`, duplicate: false }));
          },
        };
      },
    };
    return { orders: queue<number>(withOutbox, 'q', { capacity }), store, seen };
  };

  test('hands the message to the store with the transaction, at once; full is an error', () => {
    const { orders, seen } = outbox(1);
    expect(orders.publishIn('tx', 1)).toEqual({ id: '0', duplicate: false });
    expect(seen).toEqual(['tx', '1']);
    expect(() => orders.publishIn('tx', 2)).toThrow(
      expect.objectContaining({ code: 'SLUICE_QUEUE_FULL', capacity: 1 }),
    );
    expect(() => orders.publishIn('tx', 2, { delay: -1 })).toThrow(OptionError);
    expect(() => orders.publishIn('tx', undefined as never)).toThrow('undefined');
  });
});

describe('a store that is closed', () => {
  test('publish is refused, waiting publishers are, and deliveries complete', async () => {
    const { orders, store, consumer } = rig({ capacity: 1 });
    await orders.publish(1);
    const waiting = [watch(orders.publish(2)), watch(orders.publishMany([3, 4]))];
    const c = consumer();
    c.request(1);
    await settled();
    expect(valuesOf(c)).toEqual([1]);
    const idle = consumer(5);
    idle.request(5);
    await settled();
    const meanwhile = watch(orders.publish(5));
    await store.close();
    await settled();
    for (const { error } of [...waiting, meanwhile]) expect(error).toMatchObject({ trouble: 'closed' });
    expect(idle.end).toBe('complete');
    expect(c.end).toBeUndefined(); // it asks for nothing
    c.request(1);
    await settled();
    expect(c.end).toBe('complete');
    await expect(orders.publish(6)).rejects.toMatchObject({ code: 'SLUICE_STORE', trouble: 'closed' });
    const late = consumer();
    late.request(1);
    await settled();
    expect(late.end).toBe('complete');
  });

  test('close during publish: each is put, or refused', async () => {
    const { orders, store } = rig({ capacity: 3 });
    const all = Array.from({ length: 9 }, (_, i) => watch(orders.publish(i)));
    const closing = store.close();
    await closing;
    await settled();
    expect(all.map(({ state }) => state)).not.toContain('waiting');
  });
});
