import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MessageError, queue, type Codec } from '../../src/queue/index.js';
import { sqliteStore } from '../../src/stores/sqlite/index.js';
import { rig, settled } from './rig.js';

/** What comes of `value` on its way through a queue. */
async function through(value: unknown, codec?: Codec<unknown>): Promise<unknown> {
  const { orders, consumer } = rig<unknown>({ codec });
  await orders.publish(value);
  const c = consumer();
  c.request(1);
  await settled();
  c.unsubscribe();
  void c.values[0]!.ack();
  await settled();
  return c.values[0]!.value;
}

describe('JSON', () => {
  test('values come out as they went in', async () => {
    const property = fc.asyncProperty(fc.jsonValue(), async (value) => {
      expect(JSON.stringify(await through(value))).toBe(JSON.stringify(value));
    });
    await fc.assert(property, { numRuns: 200 });
  });

  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  test.each<[string, unknown, string]>([
    ['undefined', undefined, 'undefined can not be written as JSON'],
    ['a function', () => 1, 'function can not be written as JSON'],
    ['a symbol', Symbol('a'), 'symbol can not be written as JSON'],
    ['a BigInt', { id: 1n }, 'BigInt'],
    ['a cycle', cycle, 'circular'],
    ['a Map', new Map([[1, 2]]), 'Map would be written as {}'],
    ['a Set, deep down', { a: [{ tags: new Set([1]) }] }, 'Set at `a[0].tags` would be written as {}'],
    ['an Error', { error: new Error('x') }, 'Error at `error`'],
    ['a promise', [Promise.resolve()], 'Promise at `[0]`'],
    [
      'what throws',
      {
        toJSON: () => {
          throw new Error('no');
        },
      },
      'no',
    ],
  ])('%s is refused, and nothing is put', async (_name, value, message) => {
    const { orders } = rig<unknown>();
    const refused = orders.publish(value);
    await expect(refused).rejects.toBeInstanceOf(MessageError);
    await expect(refused).rejects.toMatchObject({ code: 'SLUICE_MESSAGE', queue: 'orders' });
    await expect(refused).rejects.toThrow(message);
    expect((await orders.stats()).ready).toBe(0);
  });

  test('what is written as JSON has it, and what looks like one of those', async () => {
    expect(await through({ at: new Date(0), none: undefined, odd: NaN })).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      odd: null,
    });
    expect(await through({ empty: {}, text: '{}', list: [{}] })).toEqual({ empty: {}, text: '{}', list: [{}] });
    const map = Object.assign(new Map(), { toJSON: () => ({}) });
    expect(await through({ map })).toEqual({ map: {} });
  });

  test('an own property `__proto__` comes out as one, and pollutes nothing', async () => {
    const text = '{"__proto__":{"admin":true},"a":1}';
    const value = (await through(JSON.parse(text))) as Record<string, unknown>;
    expect(JSON.stringify(value)).toBe(text);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  test('bytes pass through untouched', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const out = await through(bytes);
    expect(out).toBeInstanceOf(Uint8Array);
    expect([...(out as Uint8Array)]).toEqual([...bytes]);
  });
});

describe('size', () => {
  test.each<[string, unknown]>([
    ['text', 'x'.repeat(99)],
    ['text of two bytes a letter', 'é'.repeat(50)],
    ['bytes', new Uint8Array(101)],
  ])('%s that is too large is refused, with its size and the limit', async (_name, value) => {
    const { orders } = rig<unknown>({ maxBytes: 100 });
    await expect(orders.publish(value)).rejects.toThrow(/has 10\d bytes, and 100 are the most/);
    await expect(orders.publishMany([1, value])).rejects.toBeInstanceOf(MessageError);
    expect((await orders.stats()).ready).toBe(0);
  });

  test('what just fits; headers count', async () => {
    const { orders } = rig<unknown>({ maxBytes: 100 });
    await orders.publish('x'.repeat(98));
    await orders.publish('é'.repeat(49));
    await orders.publish(new Uint8Array(100));
    await orders.publish('x'.repeat(88), { headers: { trace: 'abcde' } });
    await expect(orders.publish('x'.repeat(89), { headers: { trace: 'abcde' } })).rejects.toThrow('has 101 bytes');
    await expect(orders.publish(new Uint8Array(99), { headers: { a: 'é' } })).rejects.toThrow('has 102 bytes');
  });

  test('the default is a mebibyte', async () => {
    const { orders } = rig<string>();
    await orders.publish('x'.repeat(1_048_574));
    await expect(orders.publish('x'.repeat(1_048_575))).rejects.toThrow('1048576 are the most');
  });
});

describe('a codec of the user’s own', () => {
  const numbers: Codec<unknown> = {
    encode: (value) => {
      if (typeof value !== 'number') throw new Error('no number');
      return Uint8Array.of(value);
    },
    decode: (body) => (body as Uint8Array)[0],
  };

  test('is used', async () => {
    expect(await through(7, numbers)).toBe(7);
  });

  test('may use its buffer again at once', async () => {
    const buffer = new Uint8Array(1);
    const reusing: Codec<number> = {
      encode: (value) => {
        buffer[0] = value;
        return buffer;
      },
      decode: (body) => (body as Uint8Array)[0]!,
    };
    const store = sqliteStore({ path: ':memory:' });
    const orders = queue(store, 'orders', { codec: reusing });
    await Promise.all([1, 2, 3].map((value) => orders.publish(value)));
    const got: number[] = [];
    await new Promise<void>((resolve) => {
      orders.deliveries().subscribe(({ value }) => got.push(value) === 3 && resolve());
    });
    expect(got).toEqual([1, 2, 3]);
    await store.close();
  });

  test('what it throws, or returns, is a MessageError', async () => {
    await expect(through('seven', numbers)).rejects.toThrow('`orders`: the value can not be encoded: no number');
    await expect(through(7, { ...numbers, encode: () => 7 as never })).rejects.toThrow('returned number');
    const odd = Object.create(null) as object;
    const throws = (): never => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- code that is not ours throws anything
      throw odd;
    };
    await expect(through(7, { ...numbers, encode: throws })).rejects.toBeInstanceOf(MessageError);
  });
});
