import { merge, Observable, retry, type SchedulerLike } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { boundedBuffer, drain, fixed, handle, pool } from '../../src/index.js';
import type { Delivery } from '../../src/delivery/delivery.js';
import { queue, StoreError, type Store, type StoreGroup, type StoreOutcome } from '../../src/queue/index.js';
import { createMonitor } from '../../src/monitor/index.js';
import { memoryStore } from '../../src/stores/memory/index.js';
import { ManualConsumer, VirtualTime } from '../../src/testing/index.js';
import { all, rig, settled, valuesOf, watch } from './rig.js';

/** What `handle` does while it works. */
const leaseOf = (delivery: Delivery<unknown>): { keep(): void; letGo(): void } =>
  (delivery as unknown as { lease: { keep(): void; letGo(): void } }).lease;

/** Wraps each group of a store. */
const withGroup =
  (wrap: (group: StoreGroup) => Partial<StoreGroup>) =>
  (store: Store): Store => ({
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
            take: (want, signal) => group.take(want, signal),
            settle: (outcomes) => group.settle(outcomes),
            extend: (messages) => group.extend!(messages),
            count: () => group.count!(),
            browse: (after, limit) => group.browse!(after, limit),
            ...wrap(group),
          };
        },
      };
    },
  });

describe('demand', () => {
  test('takes what was asked for, one take at a time, and emits no more', async () => {
    const wants: number[] = [];
    let taking = 0;
    const r = rig(
      {},
      withGroup((group) => ({
        take: async (want, signal) => {
          expect(++taking).toBe(1);
          wants.push(want);
          const messages = await group.take(want, signal);
          taking--;
          return messages;
        },
      })),
    );
    await r.orders.publishMany([1, 2, 3, 4, 5]);
    const c = r.consumer();
    await settled();
    expect(wants).toEqual([]);
    c.request(2);
    await settled();
    expect([valuesOf(c), wants]).toEqual([[1, 2], [2]]);
    c.request(1);
    await settled();
    expect([valuesOf(c), wants]).toEqual([
      [1, 2, 3],
      [2, 1],
    ]);
    c.request(9);
    await settled();
    expect([valuesOf(c), wants]).toEqual([
      [1, 2, 3, 4, 5],
      [2, 1, 9, 7],
    ]);
    c.unsubscribe();
    await settled();
    expect(taking).toBe(0);
  });

  test('maxInFlight: settled ones make room, forgotten ones when their lease has ended', async () => {
    const r = rig({ visibilityTimeout: 100 });
    await r.orders.publishMany([1, 2, 3, 4, 5, 6]);
    const c = r.consumer(2);
    c.request(99);
    await settled();
    expect(valuesOf(c)).toEqual([1, 2]);
    void c.values[0]!.ack();
    await settled();
    expect(valuesOf(c)).toEqual([1, 2, 3]);
    const [, forgotten] = c.values;
    expect(forgotten!.signal.aborted).toBe(false);
    leaseOf(c.values[2]!).keep();
    await r.pass(150, 25);
    expect(forgotten!.signal.aborted).toBe(true);
    expect(c.values[2]!.signal.aborted).toBe(false);
    expect(c.values.map(({ value, attempt }) => `${value}/${attempt}`)).toEqual(['1/1', '2/1', '3/1', '2/2']);
    expect(await forgotten!.ack()).toBe('lease-lost');
    expect(await c.values[2]!.ack()).toBe('settled');
    c.unsubscribe();
    await r.pass(200, 25);
    expect(r.time.pending).toBe(0);
  });

  test('what takes the places of settled ones is asked for in the same turn, after them', async () => {
    const calls: string[] = [];
    const r = rig(
      {},
      withGroup((group) => ({
        take: (want, signal) => {
          calls.push(`take ${want}`);
          return group.take(want, signal);
        },
        settle: (outcomes) => {
          calls.push(`settle ${outcomes.length}`);
          return group.settle(outcomes);
        },
      })),
    );
    await r.orders.publishMany([1, 2, 3, 4]);
    const c = r.consumer(2);
    c.request(4);
    await settled();
    expect(calls).toEqual(['take 2']);
    for (const delivery of c.values) void delivery.ack();
    await Promise.resolve();
    expect(calls).toEqual(['take 2', 'settle 2', 'take 2']);
    await settled();
    expect(valuesOf(c)).toEqual([1, 2, 3, 4]);
    c.unsubscribe();
  });

  test('a store that does not answer is not asked for more than as many again', async () => {
    let taken = 0;
    const answers: (() => void)[] = [];
    const r = rig(
      {},
      withGroup((group) => ({
        take: async (want, signal) => {
          const messages = await group.take(want, signal);
          taken += messages.length;
          return messages;
        },
        settle: async (outcomes) => {
          await new Promise<void>((resolve) => answers.push(resolve));
          return group.settle(outcomes);
        },
      })),
    );
    await r.orders.publishMany(Array.from({ length: 20 }, (_, i) => i));
    const c = new ManualConsumer(r.orders.deliveries({ maxInFlight: 3 }), (delivery) => void delivery.ack());
    c.request(20);
    await settled();
    expect(taken).toBe(6);
    for (let answered = 0; taken < 20; answered++) {
      answers[answered]!();
      await settled();
    }
    expect(c.values).toHaveLength(20);
    c.unsubscribe();
  });

  test('a plain subscriber gets maxInFlight at once', async () => {
    const { orders, store } = rig();
    await orders.publishMany(Array.from({ length: 600 }, (_, i) => i));
    let got = 0;
    orders.deliveries().subscribe(() => got++);
    await settled();
    expect(got).toBe(256);
    const subscription = orders.deliveries({ maxInFlight: Infinity }).subscribe(() => got++);
    await settled();
    expect(got).toBe(600);
    subscription.unsubscribe();
    await store.close();
  });

  test('what comes when the room has gone to another source is held, given when asked for, released on unsubscribe', async () => {
    const time = rig<string>();
    const other = queue<string>(time.store, 'other', { scheduler: time.time.scheduler });
    await time.orders.publishMany(['a', 'b']);
    await other.publishMany(['x', 'y']);
    const both = merge(time.orders.deliveries(), other.deliveries());
    const c = new ManualConsumer(both);
    c.request(2);
    await settled();
    expect(valuesOf(c)).toEqual(['a', 'b']);
    expect((await other.stats()).inFlight).toBe(2);
    c.request(1);
    await settled();
    expect(valuesOf(c)).toEqual(['a', 'b', 'x']);
    c.unsubscribe();
    await settled();
    expect(await other.stats()).toMatchObject({ ready: 1, inFlight: 1 });
    const next = new ManualConsumer(other.deliveries());
    next.request(1);
    await settled();
    expect(next.values[0]).toMatchObject({ value: 'y', attempt: 1 });
    for (const { values } of [c, next]) for (const delivery of values) void delivery.ack();
    next.unsubscribe();
    await settled();
  });

  test('what is held too long is given to somebody else, and not given on', async () => {
    const r = rig<string>({ visibilityTimeout: 100 });
    const other = queue<string>(r.store, 'other', { scheduler: r.time.scheduler, visibilityTimeout: 100 });
    await r.orders.publish('a');
    await other.publish('x');
    const c = new ManualConsumer(merge(r.orders.deliveries(), other.deliveries()));
    c.request(1);
    await settled();
    expect(valuesOf(c)).toEqual(['a']);
    await r.pass(150, 25);
    expect(await other.stats()).toMatchObject({ ready: 1, inFlight: 0 });
    c.request(1);
    await settled();
    expect(c.values.map(({ value, attempt }) => `${value}/${attempt}`)).toContainEqual(
      expect.stringMatching(/x\/2|a\/2/),
    );
    for (const delivery of c.values) void delivery.ack();
    c.unsubscribe();
    await settled();
    await r.pass(200, 25);
  });

  test('subscriptions compete: each message goes to one', async () => {
    const { orders, consumer, store } = rig();
    const all = [consumer(), consumer(), consumer()];
    for (const c of all) c.request(100);
    await settled();
    await orders.publishMany(Array.from({ length: 90 }, (_, i) => i));
    await settled();
    const got = all.flatMap((c) => valuesOf(c));
    expect(got.sort((a, b) => a - b)).toEqual(Array.from({ length: 90 }, (_, i) => i));
    for (const c of all) c.unsubscribe();
    await store.close();
  });
});

describe('outcomes', () => {
  test('those of one turn are settled together, and those that come meanwhile with the next', async () => {
    const batches: string[][] = [];
    const r = rig(
      {},
      withGroup((group) => ({
        settle: async (outcomes) => {
          batches.push(outcomes.map(({ kind }) => kind));
          await settled();
          return group.settle(outcomes);
        },
      })),
    );
    await r.orders.publishMany([1, 2, 3, 4]);
    const c = r.consumer();
    c.request(4);
    await settled();
    const answers = [c.values[0]!.ack(), c.values[1]!.nack({ delay: 5 })];
    await Promise.resolve();
    answers.push(c.values[2]!.release(), c.values[3]!.deadLetter('bad'));
    expect(await Promise.all(answers.map(async (answer) => answer))).toEqual([
      'settled',
      'settled',
      'settled',
      'settled',
    ]);
    expect(batches).toEqual([
      ['ack', 'nack'],
      ['release', 'dead'],
    ]);
    c.unsubscribe();
  });

  test('nack: the backoff, by attempt; its own delay; dead after maxAttempts, with the error', async () => {
    const seen: unknown[] = [];
    const backoff = (attempt: number, error: unknown): number => {
      seen.push([attempt, error]);
      return attempt * 100;
    };
    const r = rig<string>({ maxAttempts: 4, backoff });
    await r.orders.publish('a');
    const c = r.consumer();
    c.request(9);
    await settled();
    void c.values[0]!.nack({ error: 'one' });
    await r.pass(99);
    expect(c.values.length).toBe(1);
    await r.pass(1);
    void c.values[1]!.nack({ error: 'two' });
    await r.pass(199);
    expect(c.values.length).toBe(2);
    await r.pass(1);
    void c.values[2]!.nack({ delay: 5 });
    await r.pass(5);
    expect(c.values.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    const failure = new Error('no such product');
    void c.values[3]!.nack({ error: failure, reason: 'validation' });
    await r.pass(10_000);
    expect(seen).toEqual([
      [1, 'one'],
      [2, 'two'],
    ]);
    const [letter] = await all(r.orders.deadLetters.browse());
    expect(letter).toMatchObject({ value: 'a', reason: 'attempts', attempts: 4 });
    expect(letter!.error).toContain('Error: no such product');
    expect(c.values.length).toBe(4);
    c.unsubscribe();
  });

  test('the default backoff: a second, twice as long each time, the upper half at random', async () => {
    const r = rig<string>({ random: () => 0 });
    await r.orders.publish('a');
    const c = r.consumer();
    c.request(9);
    await settled();
    for (const wait of [500, 1_000, 2_000]) {
      void c.values.at(-1)!.nack();
      const { length } = c.values;
      await settled();
      await r.pass(wait - 1);
      expect(c.values.length).toBe(length);
      await r.pass(1);
      expect(c.values.length).toBe(length + 1);
    }
    void c.values.at(-1)!.ack();
    c.unsubscribe();
    await settled();
  });

  test('a backoff that returns nonsense fails the stream, and the message comes again', async () => {
    const r = rig<string>({ backoff: () => NaN, visibilityTimeout: 100 });
    await r.orders.publish('a');
    const c = r.consumer();
    c.request(1);
    await settled();
    const answer = watch(c.values[0]!.nack() as Promise<unknown>);
    await settled();
    expect([c.end, answer.error]).toEqual([
      { error: expect.objectContaining({ code: 'SLUICE_RETURN' }) as unknown },
      expect.objectContaining({ code: 'SLUICE_RETURN' }),
    ]);
    await r.pass(100);
    expect((await r.orders.stats()).ready).toBe(1);
  });

  test('no wait is longer than the store can; a reason is the error where none was thrown', async () => {
    const shorter = (store: Store): Store => ({
      kind: store.kind,
      features: { ...store.features, delay: 50 },
      topic: (name, terms) => store.topic(name, terms),
      close: () => store.close(),
    });
    const r = rig<string>({ backoff: fixed(100), maxAttempts: 3 }, shorter);
    await r.orders.publish('a');
    const c = r.consumer();
    c.request(9);
    await settled();
    void c.values[0]!.nack();
    await r.pass(50);
    void c.values[1]!.nack({ delay: 1_000 });
    await r.pass(50);
    void c.values[2]!.nack({ reason: 'validation' });
    await settled();
    expect(await all(r.orders.deadLetters.browse())).toMatchObject([{ reason: 'attempts', error: 'validation' }]);
    c.unsubscribe();
  });

  test('release does not count as an attempt', async () => {
    const { orders, consumer } = rig<string>({ maxAttempts: 1 });
    await orders.publish('a');
    const c = consumer();
    c.request(3);
    await settled();
    void c.values[0]!.release();
    await settled();
    void c.values[1]!.release();
    await settled();
    expect(c.values.map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
    void c.values[2]!.ack();
    c.unsubscribe();
    await settled();
  });

  test('a message that nobody settles dies after maxAttempts as well, without another delivery', async () => {
    const r = rig<string>({ maxAttempts: 2, visibilityTimeout: 100 });
    await r.orders.publish('a');
    const c = r.consumer();
    c.request(9);
    await r.pass(1_000, 25);
    expect(c.values.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(await all(r.orders.deadLetters.browse())).toMatchObject([{ value: 'a', reason: 'attempts' }]);
    c.unsubscribe();
  });

  test("deadLetter: 'discard'", async () => {
    const r = rig<string>({ deadLetter: 'discard', maxAttempts: 1, visibilityTimeout: 100 });
    await r.orders.publishMany(['dead', 'nacked', 'forgotten']);
    await r.orders.publish('expired', { deadline: r.time.scheduler.now() });
    const c = r.consumer();
    c.request(9);
    await settled();
    void c.values[0]!.deadLetter('bad');
    void c.values[1]!.nack();
    await r.pass(1_000, 25);
    expect(valuesOf(c)).toEqual(['dead', 'nacked', 'forgotten']);
    expect(await r.orders.stats()).toMatchObject({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
    c.unsubscribe();
  });

  test('a message that can not be decoded is a dead letter, and does not stop the stream', async () => {
    const r = rig();
    const texts = queue<string>(r.store, 'orders', {
      scheduler: r.time.scheduler,
      codec: { encode: (text) => text, decode: String },
    });
    await texts.publish('{');
    await texts.publish('7');
    const c = r.consumer();
    c.request(1);
    await settled();
    expect(valuesOf(c)).toEqual([7]);
    const [letter] = await all(r.orders.deadLetters.browse());
    expect(letter).toMatchObject({ value: undefined, body: '{', reason: 'undecodable' });
    expect(letter!.error).toContain('JSON');
    void c.values[0]!.ack();
    c.unsubscribe();
    await settled();
  });

  test('a settle that fails: the answer rejects, and the stream; retry goes on', async () => {
    let failures = 1;
    const r = rig<string>(
      { visibilityTimeout: 100 },
      withGroup((group) => ({
        settle: (outcomes) =>
          failures-- > 0 ? Promise.reject(new StoreError('memory', 'busy', 'busy')) : group.settle(outcomes),
      })),
    );
    await r.orders.publishMany(['a', 'b']);
    const errors: unknown[] = [];
    const deliveries = r.orders.deliveries().pipe(
      retry({
        delay: (error: unknown) => {
          errors.push(error);
          return [0];
        },
      }),
    );
    const c = new ManualConsumer(deliveries);
    c.request(9);
    await settled();
    void c.values[0]!.ack(); // nobody looks at what it returns: no unhandled rejection
    const answer = watch(c.values[1]!.ack() as Promise<unknown>);
    await settled();
    expect([answer.error, errors]).toEqual([
      expect.objectContaining({ trouble: 'busy' }),
      [expect.objectContaining({ trouble: 'busy' })],
    ]);
    await r.pass(100, 25);
    expect(c.values.map(({ value, attempt }) => `${value}/${attempt}`)).toEqual(['a/1', 'b/1', 'a/2', 'b/2']);
    for (const delivery of c.values.slice(2)) void delivery.ack();
    c.unsubscribe();
    await r.pass(200, 25);
    expect(r.time.pending).toBe(0);
  });

  test('what the stream settles by itself fails the stream, and nothing else', async () => {
    const r = rig(
      {},
      withGroup(() => ({ settle: () => Promise.reject(new StoreError('memory', 'busy', 'busy')) })),
    );
    await r.orders.publish(1, { deadline: r.time.scheduler.now() });
    const c = r.consumer();
    c.request(1);
    await settled();
    expect(c.end).toEqual({ error: expect.objectContaining({ trouble: 'busy' }) as unknown });
  });

  test('a take that fails, and one that throws, fail the stream', async () => {
    for (const take of [
      () => Promise.reject(new Error('odd')),
      () => {
        throw new Error('odd');
      },
    ]) {
      const c = rig(
        {},
        withGroup(() => ({ take })),
      ).consumer();
      c.request(1);
      await settled();
      expect(c.end).toEqual({ error: new Error('odd') });
    }
  });
});

describe('leases', () => {
  test('those that are kept are extended in one batch at about half time; one timer, none when nothing is in flight', async () => {
    const extended: number[][] = [];
    const r = rig(
      { visibilityTimeout: 100 },
      withGroup((group) => ({
        extend: (messages) => {
          extended.push([r.time.now, messages.length]);
          return group.extend!(messages);
        },
      })),
    );
    expect(r.time.pending).toBe(0);
    await r.orders.publishMany([1, 2, 3]);
    const c = r.consumer();
    c.request(3);
    await settled();
    const idle = r.time.pending;
    for (const delivery of c.values) leaseOf(delivery).keep();
    await r.pass(200, 5);
    expect(extended.every(([, count]) => count === 3)).toBe(true);
    expect(extended.length).toBeGreaterThanOrEqual(3);
    expect(extended.length).toBeLessThanOrEqual(8);
    expect(r.time.pending).toBe(idle);
    leaseOf(c.values[2]!).letGo();
    await r.pass(150, 5);
    expect(c.values.map(({ signal }) => signal.aborted)).toEqual([false, false, true]);
    for (const delivery of c.values) void delivery.ack();
    c.unsubscribe();
    await settled();
    await r.pass(500, 100);
    expect(r.time.pending).toBe(0);
  });

  test('one that has just begun is not extended', async () => {
    const extended: number[] = [];
    const r = rig(
      { visibilityTimeout: 100 },
      withGroup((group) => ({
        extend: (messages) => {
          extended.push(messages.length);
          return group.extend!(messages);
        },
      })),
    );
    await r.orders.publishMany([1, 2]);
    const c = r.consumer();
    c.request(1);
    await r.pass(20);
    c.request(1);
    await settled();
    for (const delivery of c.values) leaseOf(delivery).keep();
    await r.pass(10);
    expect(extended).toEqual([1]);
    for (const delivery of c.values) void delivery.ack();
    c.unsubscribe();
    await settled();
  });

  test('after unsubscribing, what was given on is extended until it is settled', async () => {
    const r = rig<string>({ visibilityTimeout: 100 });
    await r.orders.publish('a');
    const c = r.consumer();
    c.request(1);
    await settled();
    leaseOf(c.values[0]!).keep();
    c.unsubscribe();
    await r.pass(1_000, 25);
    expect(await r.orders.stats()).toMatchObject({ ready: 0, inFlight: 1 });
    expect(await c.values[0]!.ack()).toBe('settled');
    expect(r.time.pending).toBe(0);
  });

  test('a lease that the store has lost aborts the signal', async () => {
    const r = rig<string>(
      { visibilityTimeout: 100 },
      withGroup(() => ({
        extend: (messages) => Promise.resolve(messages.map(() => 'lease-lost')),
      })),
    );
    await r.orders.publish('a');
    const c = r.consumer(1);
    c.request(1);
    await settled();
    leaseOf(c.values[0]!).keep();
    await r.pass(50, 5);
    expect(c.values[0]!.signal.aborted).toBe(true);
    c.unsubscribe();
    await r.pass(100);
  });

  describe('after the process has stood still for longer than the visibility timeout', () => {
    /** One message that somebody works on, and a clock that can jump. */
    const working = async (extend: (group: StoreGroup) => Partial<StoreGroup> = () => ({})) => {
      const time = new VirtualTime();
      let stood = 0;
      const scheduler: SchedulerLike = {
        now: () => time.scheduler.now() + stood,
        schedule: (work, delay = 0, state?) => time.scheduler.schedule(work, delay, state as never),
      };
      const store = withGroup(extend)(memoryStore({ scheduler }));
      const orders = queue<string>(store, 'orders', { scheduler, visibilityTimeout: 100 });
      await orders.publish('a');
      const c = new ManualConsumer(orders.deliveries({ maxInFlight: 1 }));
      c.request(1);
      await settled();
      const delivery = c.values[0]!;
      leaseOf(delivery).keep();
      return {
        orders,
        delivery,
        standStill: async (ms: number, meanwhile?: () => Promise<void>) => {
          stood += ms;
          await meanwhile?.();
          time.advanceBy(25);
          await settled();
        },
        end: async () => {
          void delivery.ack();
          c.unsubscribe();
          await settled();
        },
      };
    };

    test('one that nobody has taken is kept', async () => {
      const { delivery, standStill, orders } = await working();
      await standStill(500);
      expect(delivery.signal.aborted).toBe(false);
      expect(await orders.stats()).toMatchObject({ ready: 0, inFlight: 1 });
      await standStill(50);
      expect(await delivery.ack()).toBe('settled');
    });

    test('one that somebody else has taken is lost', async () => {
      const { delivery, standStill, orders, end } = await working();
      const other = new ManualConsumer(orders.deliveries({ maxInFlight: 1 }));
      await standStill(500, async () => {
        other.request(1);
        await settled();
      });
      expect([other.values[0]!.attempt, delivery.signal.aborted]).toEqual([2, true]);
      expect(await delivery.ack()).toBe('lease-lost');
      void other.values[0]!.ack();
      other.unsubscribe();
      await end();
    });

    test.each([
      ['fails', () => Promise.reject(new StoreError('memory', 'busy', 'busy'))],
      ['does not come', () => new Promise<never>(() => undefined)],
    ])('one whose extension %s is lost at the next look', async (_, extend) => {
      const { delivery, standStill, end } = await working(() => ({ extend }));
      await standStill(500);
      expect(delivery.signal.aborted).toBe(false);
      await standStill(0);
      expect(delivery.signal.aborted).toBe(true);
      await end();
    });

    test('one that can not be extended is lost', async () => {
      const { delivery, standStill, end } = await working(() => ({ extend: undefined }) as never);
      await standStill(500);
      expect(delivery.signal.aborted).toBe(true);
      await end();
    });
  });

  test('one that is settled while it is extended is not lost as well', async () => {
    let answer: (() => void) | undefined;
    const r = rig(
      { visibilityTimeout: 100 },
      withGroup(() => ({
        extend: (messages) => new Promise((resolve) => (answer = () => resolve(messages.map(() => 'lease-lost')))),
      })),
    );
    await r.orders.publishMany([1, 2, 3]);
    const c = r.consumer(1);
    c.request(3);
    await settled();
    leaseOf(c.values[0]!).keep();
    await r.pass(30);
    expect(await c.values[0]!.ack()).toBe('settled');
    answer!();
    await settled();
    expect([valuesOf(c), c.values[0]!.signal.aborted]).toEqual([[1, 2], false]);
    c.unsubscribe();
    void c.values[1]!.ack();
    await settled();
  });

  test('an extension that fails is tried again', async () => {
    let failures = 1;
    const r = rig<string>(
      { visibilityTimeout: 100 },
      withGroup((group) => ({
        extend: (messages) =>
          failures-- > 0 ? Promise.reject(new StoreError('memory', 'busy', 'busy')) : group.extend!(messages),
      })),
    );
    await r.orders.publish('a');
    const c = r.consumer(1);
    c.request(1);
    await settled();
    leaseOf(c.values[0]!).keep();
    await r.pass(300, 5);
    expect([failures, c.end, await c.values[0]!.ack()]).toEqual([expect.any(Number), undefined, 'settled']);
    expect(failures).toBeLessThan(0);
    c.unsubscribe();
    await settled();
  });

  test('one that has ended by our clock, and that the store has given to nobody, can still be settled', async () => {
    const outcomes: StoreOutcome[] = [];
    const r = rig<string>(
      { visibilityTimeout: 100 },
      withGroup((group) => ({
        settle: (batch) => {
          outcomes.push(...batch);
          return group.settle(batch);
        },
      })),
    );
    await r.orders.publish('a');
    const c = r.consumer(1);
    c.request(1);
    await settled();
    await r.pass(200);
    expect(c.values[0]!.signal.aborted).toBe(true);
    c.unsubscribe();
    const answer = await c.values[0]!.ack();
    expect(outcomes.length).toBe(1);
    expect((await r.orders.stats()).ready).toBe(answer === 'settled' ? 0 : 1);
  });
});

describe('the end', () => {
  test('unsubscribing while a take waits: what is published then is somebody else’s', async () => {
    const { orders, consumer } = rig<string>();
    const [one, two] = [consumer(), consumer()];
    one.request(1);
    await settled();
    two.request(1);
    await settled();
    one.unsubscribe();
    await orders.publish('a');
    await settled();
    expect([valuesOf(one), valuesOf(two)]).toEqual([[], ['a']]);
    void two.values[0]!.ack();
    two.unsubscribe();
    await settled();
  });

  test('what a take brings after unsubscribing is released', async () => {
    let bring!: () => void;
    const r = rig<string>(
      {},
      withGroup((group) => ({
        take: async (want) => {
          const messages = await group.take(want, new AbortController().signal); // it heeds no signal
          await new Promise<void>((resolve) => (bring = resolve));
          return messages;
        },
      })),
    );
    await r.orders.publish('a');
    const c = r.consumer();
    c.request(1);
    await settled();
    expect((await r.orders.stats()).inFlight).toBe(1);
    c.unsubscribe();
    bring();
    await settled();
    expect(await r.orders.stats()).toMatchObject({ ready: 1, inFlight: 0 });
    expect([valuesOf(c), r.time.pending]).toEqual([[], 0]);
  });

  test('unsubscribing from inside next', async () => {
    const { orders, store } = rig();
    await orders.publishMany([1, 2, 3]);
    const seen: number[] = [];
    const c = new ManualConsumer(orders.deliveries(), ({ value }) => {
      seen.push(value);
      c.unsubscribe();
    });
    c.request(3);
    await settled();
    expect([seen, await orders.stats()]).toEqual([[1], expect.objectContaining({ ready: 2, inFlight: 1 })]);
    await store.close();
  });

  test('drain: takes nothing more, gives what is held, completes', async () => {
    const r = rig<string>();
    const other = queue<string>(r.store, 'other', { scheduler: r.time.scheduler });
    await r.orders.publish('a');
    await other.publishMany(['x', 'y']);
    const c = new ManualConsumer(merge(r.orders.deliveries(), other.deliveries()));
    c.request(1);
    await settled();
    const draining = watch(drain(c.subscription, { within: 1_000, scheduler: r.time.scheduler }));
    await other.publish('z');
    await settled();
    expect([valuesOf(c), draining.state]).toEqual([['a'], 'waiting']);
    c.request(9);
    await settled();
    expect([valuesOf(c), c.end]).toEqual([['a', 'x'], 'complete']);
    expect(draining.value).toMatchObject({ ended: 'complete', released: 0 });
    expect(await other.stats()).toMatchObject({ ready: 2, inFlight: 1 });
    for (const delivery of c.values) await delivery.ack();
    await r.pass(1_000);
  });

  test('drain of an idle queue completes at once, and of a pool when its work is done', async () => {
    const { orders, consumer, time, store } = rig<string>();
    const c = consumer();
    c.request(5);
    await settled();
    await drain(c.subscription, { within: 1_000, scheduler: time.scheduler });
    expect(c.end).toBe('complete');

    await orders.publishMany(['a', 'b', 'c']);
    const done: string[] = [];
    const subscription = orders
      .deliveries()
      .pipe(
        pool(
          async (delivery: Delivery<string>) => {
            await settled();
            await delivery.ack();
            done.push(delivery.value);
          },
          { concurrency: 1 },
        ),
      )
      .subscribe();
    await settled();
    const receipt = await drain(subscription, { within: 1_000, scheduler: time.scheduler });
    const { ready } = await orders.stats();
    expect([receipt.ended, done.length + ready]).toEqual(['complete', 3]);
    await store.close();
  });

  test('one that comes while its pipeline drains takes nothing', async () => {
    const { orders, time } = rig<string>();
    const late = new Observable<Delivery<string>>((subscriber) => {
      const subscription = orders.deliveries().subscribe(subscriber);
      return () => subscription.unsubscribe();
    });
    const c = new ManualConsumer(late.pipe(boundedBuffer({ capacity: 5 })));
    c.request(1);
    await settled();
    await drain(c.subscription, { within: 100, scheduler: time.scheduler });
    await orders.publish('a');
    expect((await orders.stats()).ready).toBe(1);
  });
});

describe('order', () => {
  test("'key': one of a key at a time, also while it waits to come again", async () => {
    const r = rig<string>({ order: 'key', backoff: fixed(100) });
    await r.orders.publish('a1', { key: 'a' });
    await r.orders.publish('a2', { key: 'a' });
    await r.orders.publish('b1', { key: 'b' });
    const c = r.consumer();
    c.request(9);
    await settled();
    expect(valuesOf(c)).toEqual(['a1', 'b1']);
    void c.values[0]!.nack();
    await settled();
    expect(valuesOf(c)).toEqual(['a1', 'b1']);
    await r.pass(100);
    void c.values[2]!.ack();
    await settled();
    expect(valuesOf(c)).toEqual(['a1', 'b1', 'a1', 'a2']);
    for (const delivery of c.values) void delivery.ack();
    c.unsubscribe();
    await settled();
  });
});

describe('a monitor', () => {
  test('sees the subscription first, what it holds, and that it waits for messages', async () => {
    const r = rig<string>();
    const monitor = createMonitor({ scheduler: r.time.scheduler });
    const { scheduler } = r.time;
    const finish: (() => void)[] = [];
    const subscription = r.orders
      .deliveries({ maxInFlight: 3, monitor })
      .pipe(handle(() => new Promise<void>((done) => finish.push(done)), { concurrency: 2, scheduler, monitor }))
      .subscribe();
    await r.pass(3_000, 100);
    expect(monitor.snapshot().stages.map(({ stage }) => stage)).toEqual(['orders', 'handle', 'handle/settle']);
    expect(monitor.bottleneck()).toMatchObject({ kind: 'source', stage: 'orders' });
    expect(monitor.explain()).toBe('the source limits: `orders` waited for messages 100 % of the time');
    await r.orders.publishMany(['a', 'b', 'c', 'd']);
    await settled();
    const [orders] = monitor.snapshot().stages;
    expect(orders).toMatchObject({ stage: 'orders', in: 3, out: 3, held: 0, capacity: 3, feeds: 'handle' });
    for (const done of finish) done();
    await settled();
    for (const done of finish) done();
    await settled();
    expect(monitor.snapshot().stages[0]).toMatchObject({ in: 4, out: 4 });
    subscription.unsubscribe();
    await settled();
    expect(monitor.snapshot().stages[0]).toMatchObject({ active: false });
  });

  test('is told that maxInFlight is what limits', async () => {
    const r = rig();
    const monitor = createMonitor({ scheduler: r.time.scheduler });
    await r.orders.publishMany([1, 2, 3]);
    const c = new ManualConsumer(r.orders.deliveries({ maxInFlight: 2, name: 'mail', monitor }));
    c.request(3);
    await r.pass(3_000, 100);
    expect(monitor.explain()).toBe('`mail` limits: it waited for its messages to be settled 100 % of the time');
    for (const delivery of c.values) void delivery.ack();
    c.unsubscribe();
    await settled();
  });
});
