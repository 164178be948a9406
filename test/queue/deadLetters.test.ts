import { describe, expect, test } from 'vitest';
import { OptionError } from '../../src/index.js';
import { all, rig, settled, watch, type Rig } from './rig.js';

/** Has `count` messages die, 0, 1, …, each a millisecond after the one before. */
async function withDead(count: number): Promise<Rig<number>> {
  const r = rig({ maxAttempts: 1 });
  for (let i = 0; i < count; i++) await r.orders.publish(i, { key: `k${i}`, headers: i === 0 ? {} : { n: `${i}` } });
  const c = r.consumer(Infinity);
  c.request(count);
  await settled();
  for (const delivery of c.values) {
    await delivery.deadLetter(`reason ${delivery.value}`, delivery.value === 0 ? undefined : new TypeError('bad'));
    await r.pass(1);
  }
  c.unsubscribe();
  return r;
}

test('browse: what died, why, and when, the oldest first, in pages', async () => {
  const { orders, time } = await withDead(5);
  const [first, second] = await all(orders.deadLetters.browse({ limit: 2 }));
  expect(first).toMatchObject({ value: 0, key: 'k0', headers: {}, attempts: 1, reason: 'reason 0', error: undefined });
  expect(second).toMatchObject({ value: 1, body: '1', headers: { n: '1' }, reason: 'reason 1' });
  expect(second!.error).toContain('TypeError: bad');
  expect(second!.diedAt - first!.diedAt).toBe(1);
  expect(second!.diedAt).toBeLessThan(time.scheduler.now());
  const rest = await all(orders.deadLetters.browse({ after: second!.id }));
  expect(rest.map(({ value }) => value)).toEqual([2, 3, 4]);
  expect(await all(orders.deadLetters.browse({ after: rest.at(-1)!.id }))).toEqual([]);
});

test('browse: what is given may be taken away at once, over several pages', async () => {
  const { orders } = await withDead(250);
  const seen: number[] = [];
  for await (const { id, value } of orders.deadLetters.browse()) {
    seen.push(value!);
    if (value! % 3 > 0) await orders.deadLetters.purge({ ids: [id] });
  }
  expect(seen).toEqual(Array.from({ length: 250 }, (_, i) => i));
  const rest = await all(orders.deadLetters.browse({ limit: 70 }));
  expect(rest.map(({ value }) => value)).toEqual(Array.from({ length: 70 }, (_, i) => 3 * i));
});

describe('redrive', () => {
  test('a signal that has aborted before is told, also where nothing is dead', async () => {
    const { orders } = rig();
    await expect(orders.deadLetters.redrive({ signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
  });

  test('all: as new, with no attempts', async () => {
    const r = await withDead(3);
    expect(await r.orders.deadLetters.redrive()).toBe(3);
    expect(await r.orders.stats()).toMatchObject({ ready: 3, dead: 0 });
    const c = r.consumer();
    c.request(3);
    await settled();
    expect(c.values.map(({ value, attempt }) => [value, attempt])).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
    ]);
    for (const delivery of c.values) void delivery.ack();
    c.unsubscribe();
    await settled();
  });

  test('some: by ids, and so many of the oldest', async () => {
    const { orders } = await withDead(5);
    const letters = await all(orders.deadLetters.browse());
    expect(await orders.deadLetters.redrive({ ids: [letters[3]!.id, 'no such id'] })).toBe(1);
    expect(await orders.deadLetters.redrive({ limit: 2 })).toBe(2);
    expect((await all(orders.deadLetters.browse())).map(({ value }) => value)).toEqual([2, 4]);
    expect(await orders.deadLetters.redrive({ ids: letters.map(({ id }) => id), limit: 3 })).toBe(1);
    expect((await all(orders.deadLetters.browse())).map(({ value }) => value)).toEqual([4]);
  });

  test('more than one call of the store can have; those that die again meanwhile are not redriven again', async () => {
    const r = await withDead(3);
    const c = r.consumer();
    c.request(100);
    const answer = watch(r.orders.deadLetters.redrive({ rate: 10 }));
    await settled();
    for (let step = 0; step < 40; step++) {
      for (const delivery of c.values) if (!delivery.settled) void delivery.nack();
      await r.pass(10);
    }
    expect([answer.value, c.values.length]).toEqual([3, 3]);
    expect((await r.orders.stats()).dead).toBe(3);
    c.unsubscribe();
  });

  test('at a rate', async () => {
    const { orders, pass } = await withDead(30);
    const answer = watch(orders.deadLetters.redrive({ rate: 10 }));
    await settled();
    const early = (await orders.stats()).ready;
    await pass(1_000, 50);
    const later = (await orders.stats()).ready;
    expect(early).toBeLessThanOrEqual(1);
    expect(later).toBeGreaterThanOrEqual(10);
    expect(later).toBeLessThanOrEqual(11);
    await pass(3_000, 50);
    expect([answer.value, (await orders.stats()).ready]).toEqual([30, 30]);
  });

  test('its signal stops it', async () => {
    const { orders, pass } = await withDead(30);
    const control = new AbortController();
    const answer = watch(orders.deadLetters.redrive({ rate: 10, signal: control.signal }));
    await pass(500, 50);
    control.abort(new Error('enough'));
    await settled();
    const { ready, dead } = await orders.stats();
    expect([answer.error, ready + dead]).toEqual([new Error('enough'), 30]);
    await pass(1_000, 50);
    expect((await orders.stats()).ready).toBe(ready);
    await expect(orders.deadLetters.redrive({ signal: control.signal })).rejects.toThrow('enough');
  });
});

test('purge: some, or all', async () => {
  const { orders } = await withDead(4);
  const letters = await all(orders.deadLetters.browse());
  expect(await orders.deadLetters.purge({ ids: [letters[1]!.id, 'no such id'] })).toBe(1);
  expect((await all(orders.deadLetters.browse())).map(({ value }) => value)).toEqual([0, 2, 3]);
  expect(await orders.deadLetters.purge()).toBe(3);
  expect((await orders.stats()).dead).toBe(0);
});

test('retention', async () => {
  const r = rig({ retention: 100 });
  await r.orders.publish(1);
  const c = r.consumer();
  c.request(1);
  await settled();
  await c.values[0]!.deadLetter('bad');
  c.unsubscribe();
  expect((await r.orders.stats()).dead).toBe(1);
  await r.pass(101);
  expect(await all(r.orders.deadLetters.browse())).toEqual([]);
});

test.each<[string, 'browse' | 'redrive' | 'purge', object]>([
  ['limit', 'browse', { limit: 0 }],
  ['after', 'browse', { after: 5 }],
  ['ids', 'redrive', { ids: [5] }],
  ['ids', 'redrive', { ids: 'a' }],
  ['limit', 'redrive', { limit: 1.5 }],
  ['rate', 'redrive', { rate: 0 }],
  ['signal', 'redrive', { signal: 1 }],
  ['ids', 'purge', { ids: [undefined] }],
  ['all', 'purge', { all: true }],
])('%s: %s of %j is refused', async (option, method, options) => {
  const { deadLetters } = rig().orders;
  const refused: Promise<unknown> =
    method === 'browse' ? all(deadLetters.browse(options)) : deadLetters[method](options);
  await expect(refused).rejects.toBeInstanceOf(OptionError);
  await expect(refused).rejects.toMatchObject({ option });
});
