import type { SchedulerLike } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { handle, type Delivery } from '../../src/index.js';
import { queue, type Store, type StoreGroup } from '../../src/queue/index.js';
import { memoryStore } from '../../src/stores/memory/index.js';
import { leakCheck, VirtualTime } from '../../src/testing/index.js';
import { rig, settled } from './rig.js';

/** Has each group of a store do `extend` in its place. */
const extendingBy =
  (extend: (group: StoreGroup, messages: Parameters<NonNullable<StoreGroup['extend']>>[0]) => never) =>
  (store: Store): Store => ({
    kind: store.kind,
    features: store.features,
    close: () => store.close(),
    topic: (name, terms) => {
      const topic = store.topic(name, terms);
      const group = topic.group.bind(topic);
      topic.group = (...args) => {
        const made = group(...args);
        made.extend = (messages) => extend(made, messages);
        return made;
      };
      return topic;
    },
  });

describe('a handler that stands still for longer than the visibility timeout', () => {
  test.each([1, 2, 4])('has its message settled, not given to itself again: concurrency %d', async (concurrency) => {
    const time = new VirtualTime();
    let stood = 0;
    const scheduler: SchedulerLike = {
      now: () => time.now + stood,
      schedule: (work, delay = 0, state?) => time.scheduler.schedule(work, delay, state as never),
    };
    const orders = queue<number>(memoryStore({ scheduler }), 'orders', {
      scheduler,
      visibilityTimeout: 100,
      maxAttempts: 2,
    });
    const seen: number[] = [];
    const answers: unknown[] = [];
    const work = (value: number): void => {
      seen.push(value);
      stood += 500;
    };
    const subscription = orders
      .deliveries()
      .pipe(handle(work, { concurrency }))
      .subscribe(({ outcome, settled: answer }) => answers.push([outcome, answer]));
    await orders.publishMany([1, 2, 3, 4, 5]);
    await settled();
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(answers).toEqual(Array.from({ length: 5 }, () => ['ack', 'settled']));
    expect(await orders.stats()).toMatchObject({ ready: 0, inFlight: 0, dead: 0 });
    subscription.unsubscribe();
    await settled();
    expect(time.pending).toBe(0);
  });
});

describe('the timer', () => {
  test('runs for nothing that was forgotten once the subscription has ended', async () => {
    const leaks = leakCheck();
    const store = memoryStore();
    const orders = queue<number>(store, 'orders');
    const subscription = orders.deliveries().subscribe();
    await orders.publish(1);
    await settled();
    expect(await orders.stats()).toMatchObject({ inFlight: 1 });
    subscription.unsubscribe();
    await settled();
    await leaks.check();
    await store.close();
  });

  test('runs for nothing once the store is closed', async () => {
    const leaks = leakCheck();
    const store = memoryStore();
    const orders = queue<number>(store, 'orders');
    let done = false;
    orders.deliveries().subscribe({ complete: () => (done = true) });
    await orders.publish(1);
    await settled();
    await store.close();
    await settled();
    await leaks.check();
    expect(done).toBe(true);
  });

  test('runs for what is worked on after the end of the subscription, also from then on only', async () => {
    const r = rig({ visibilityTimeout: 100 });
    await r.orders.publish(1);
    const c = r.consumer();
    c.request(1);
    await settled();
    c.unsubscribe();
    await settled();
    expect(r.time.pending).toBe(0);
    const { lease } = c.values[0] as unknown as { lease: { keep(): void; letGo(): void } };
    lease.keep();
    await r.pass(500, 25);
    expect(await c.values[0]!.ack()).toBe('settled');
    await settled();
    expect(r.time.pending).toBe(0);
  });
});

test('an `extend` that throws is one that failed: the lease is lost when it has ended', async () => {
  let calls = 0;
  const wrap = extendingBy(() => {
    calls++;
    throw new Error('broken');
  });
  const r = rig({ visibilityTimeout: 100 }, wrap);
  let aborted = 0;
  const subscription = r.orders
    .deliveries()
    .pipe(
      handle(
        (_, { signal }) =>
          new Promise<void>((resolve) => signal.addEventListener('abort', () => (aborted++, resolve()))),
        { concurrency: 1 },
      ),
    )
    .subscribe();
  await r.orders.publish(1);
  await r.pass(150, 25);
  expect(calls).toBeGreaterThan(1);
  expect(aborted).toBeGreaterThan(0);
  subscription.unsubscribe();
  await r.store.close();
});

test('a settle that comes when the store is closed completes the stream', async () => {
  const time = new VirtualTime();
  const store = memoryStore({ scheduler: time.scheduler });
  const orders = queue<number>(store, 'orders', { scheduler: time.scheduler });
  const told: unknown[] = [];
  let late: Delivery<number> | undefined;
  orders.deliveries({ maxInFlight: 1 }).subscribe({
    next: (delivery) => (late = delivery),
    error: (error: unknown) => told.push(error),
    complete: () => told.push('complete'),
  });
  await orders.publish(1);
  await settled();
  await store.close();
  await expect(late!.ack()).rejects.toThrow('closed');
  await settled();
  expect(told).toEqual(['complete']);
  expect(time.pending).toBe(0);
});
