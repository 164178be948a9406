import fc from 'fast-check';
import { of, Subject } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { OptionError, pull } from '../../src/index.js';
import {
  MessageError,
  queue,
  QueueFullError,
  StoreError,
  type PublishOptions,
  type Store,
} from '../../src/queue/index.js';
import { ManualSource } from '../../src/testing/index.js';
import { all, rig, settled, valuesOf, watch, type Rig } from './rig.js';

/** A store whose puts are noted, and answered when the test says so; or fail with what it says. */
class Slow {
  readonly sizes: number[] = [];
  failure: Error | undefined;
  failures = Infinity;
  private readonly held: (() => void)[] = [];
  open = true;

  readonly wrap = (store: Store): Store => ({
    kind: store.kind,
    features: store.features,
    close: () => store.close(),
    topic: (name, terms) => {
      const topic = store.topic(name, terms);
      return {
        room: (signal) => topic.room!(signal),
        group: (group, groupTerms) => topic.group(group, groupTerms),
        put: async (messages, whole) => {
          this.sizes.push(messages.length);
          if (!this.open) await new Promise<void>((resolve) => this.held.push(resolve));
          if (this.failure !== undefined && this.failures-- > 0) throw this.failure;
          return topic.put(messages, whole);
        },
      };
    },
  });

  answer(): void {
    this.open = true;
    for (const answer of this.held.splice(0)) answer();
  }
}

/** Takes and acks `count` messages; returns their values. */
async function consume<T>({ consumer }: Rig<T>, count: number): Promise<T[]> {
  const c = consumer();
  for (let i = 0; i < count; i++) {
    c.request(1);
    await settled();
    void c.values[i]?.ack();
    await settled();
  }
  c.unsubscribe();
  return valuesOf(c);
}

describe('batches', () => {
  test('what is published in one turn is one put', async () => {
    const slow = new Slow();
    const { orders } = rig({}, slow.wrap);
    await Promise.all([1, 2, 3].map((n) => orders.publish(n)));
    await orders.publish(4);
    expect(slow.sizes).toEqual([3, 1]);
  });

  test('what is published while a put is under way goes with the next, which does not wait further', async () => {
    const slow = new Slow();
    slow.open = false;
    const { orders } = rig({}, slow.wrap);
    const publishing = [orders.publish(1)];
    await settled();
    for (let n = 2; n < 5; n++) {
      publishing.push(orders.publish(n));
      await settled();
    }
    expect(slow.sizes).toEqual([1]);
    slow.answer();
    await Promise.all(publishing);
    expect(slow.sizes).toEqual([1, 3]);
  });

  test('64 that each wait for their own: the next round is one put as well', async () => {
    const slow = new Slow();
    const { orders } = rig({}, slow.wrap);
    const publisher = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) await orders.publish(i);
    };
    await Promise.all(Array.from({ length: 64 }, publisher));
    expect(slow.sizes).toEqual([64, 64, 64]);
  });

  test('a put that fails is told to those in it alone', async () => {
    const slow = new Slow();
    slow.open = false;
    slow.failure = new StoreError('memory', 'full', 'no space left');
    slow.failures = 1;
    const { orders } = rig({}, slow.wrap);
    const [one, two] = [watch(orders.publish(1)), watch(orders.publish(2))];
    await settled();
    const three = watch(orders.publish(3));
    slow.answer();
    await settled();
    expect([one.error, two.error]).toEqual([
      expect.objectContaining({ trouble: 'full' }),
      expect.objectContaining({ trouble: 'full' }),
    ]);
    expect(three.state).toBe('done');
  });

  test('a store that throws is as one that rejects', async () => {
    const { orders } = rig({}, (store) => ({
      kind: 'odd',
      features: store.features,
      close: () => store.close(),
      topic: (name, terms) => ({
        group: (group, groupTerms) => store.topic(name, terms).group(group, groupTerms),
        put: () => {
          throw new Error('odd');
        },
      }),
    }));
    await expect(orders.publish(1)).rejects.toThrow('odd');
    await expect(orders.publish(2)).rejects.toThrow('odd');
  });

  test('order: as published, many in one turn and later', async () => {
    const r = rig();
    const { orders } = r;
    const numbers = Array.from({ length: 3_000 }, (_, i) => i);
    await Promise.all(numbers.slice(0, 2_000).map((n) => orders.publish(n)));
    await orders.publishMany(numbers.slice(2_000));
    const c = r.consumer(Infinity);
    c.request(3_000);
    await settled();
    expect(valuesOf(c)).toEqual(numbers);
    c.unsubscribe();
    await settled();
  });
});

describe('capacity', () => {
  test('whenFull error: refused, and not put', async () => {
    const r = rig({ capacity: 2, whenFull: 'error' });
    const results = await Promise.allSettled([1, 2, 3].map((n) => r.orders.publish(n)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect((results[2] as PromiseRejectedResult).reason).toMatchObject({
      code: 'SLUICE_QUEUE_FULL',
      queue: 'orders',
      capacity: 2,
    });
    expect(await consume(r, 3)).toEqual([1, 2]);
  });

  test('wait: first come, first served', async () => {
    const r = rig({ capacity: 2 });
    const all = Array.from({ length: 6 }, (_, i) => watch(r.orders.publish(i)));
    const done = (): number => all.filter(({ state }) => state === 'done').length;
    await settled();
    expect([done(), (await r.orders.stats()).waiting]).toEqual([2, 4]);
    const c = r.consumer();
    for (let i = 0; i < 6; i++) {
      c.request(1);
      await settled();
      expect([done(), (await r.orders.stats()).ready <= 2]).toEqual([Math.min(6, i + 2), true]);
      void c.values[i]!.ack();
      await settled();
    }
    expect(valuesOf(c)).toEqual([0, 1, 2, 3, 4, 5]);
    c.unsubscribe();
  });

  test('a signal frees a publisher that waits, with its reason, and its message is not put', async () => {
    const r = rig({ capacity: 1 });
    await r.orders.publish(1);
    const control = new AbortController();
    const gone = watch(r.orders.publish(2, { signal: control.signal }));
    const stays = watch(r.orders.publish(3));
    await settled();
    control.abort(new Error('enough'));
    await settled();
    expect([gone.error, stays.state]).toEqual([new Error('enough'), 'waiting']);
    expect(watch(r.orders.publish(4, { signal: control.signal })).state).toBe('waiting');
    expect(await consume(r, 2)).toEqual([1, 3]);
    expect(await r.orders.stats()).toMatchObject({ ready: 0, waiting: 0 });
  });

  test('a signal that aborts in the turn of the call, and while the message is being put', async () => {
    const slow = new Slow();
    const r = rig({ capacity: 1 }, slow.wrap);
    const control = new AbortController();
    const gone = watch(r.orders.publish(1, { signal: control.signal }));
    control.abort(new Error('at once'));
    await settled();
    expect([gone.error, slow.sizes]).toEqual([new Error('at once'), []]);

    slow.open = false;
    const [late, full] = [new AbortController(), new AbortController()];
    const put = watch(r.orders.publish(2, { signal: late.signal }));
    const notPut = watch(r.orders.publish(3, { signal: full.signal }));
    await settled();
    late.abort(new Error('too late'));
    full.abort(new Error('no room anyway'));
    slow.answer();
    await settled();
    expect([put.state, notPut.error]).toEqual(['done', new Error('no room anyway')]);
    expect((await r.orders.stats()).waiting).toBe(0);
  });

  test('the last one that waits gives up: the next publisher finds the queue as new', async () => {
    const r = rig({ capacity: 1 });
    await r.orders.publish(1);
    const control = new AbortController();
    const gone = watch(r.orders.publish(2, { signal: control.signal }));
    await settled();
    control.abort();
    const next = watch(r.orders.publish(3));
    await settled();
    expect([gone.state, next.state]).toEqual(['failed', 'waiting']);
    expect(await consume(r, 2)).toEqual([1, 3]);
  });

  test('one that does not wait is refused while others do, and does not overtake them', async () => {
    const r = rig({ capacity: 1 });
    const { queue } = await import('../../src/queue/index.js');
    const impatient = queue<number>(r.store, 'orders', { capacity: 1, whenFull: 'error' });
    await r.orders.publish(1);
    const [waits, refused] = [watch(r.orders.publish(2)), watch(impatient.publish(3))];
    await settled();
    expect([waits.state, refused.error]).toEqual(['waiting', expect.any(QueueFullError)]);
    const later = watch(impatient.publish(4));
    await settled();
    expect(later.error).toBeInstanceOf(QueueFullError);
    expect(await consume(r, 2)).toEqual([1, 2]);
  });

  test('room is used again when a message dies', async () => {
    const r = rig({ capacity: 1, maxAttempts: 1 });
    await r.orders.publish(1);
    const waits = watch(r.orders.publish(2));
    const c = r.consumer();
    c.request(1);
    await settled();
    void c.values[0]!.nack();
    await settled();
    expect(waits.state).toBe('done');
    c.unsubscribe();
  });
});

describe('publishMany', () => {
  test('wait: in their order, as there is room; resolves when all are durable', async () => {
    const r = rig({ capacity: 2 });
    const many = watch(r.orders.publishMany([1, 2, 3, 4, 5]));
    const after = watch(r.orders.publish(6));
    await settled();
    expect(many.state).toBe('waiting');
    expect(await consume(r, 6)).toEqual([1, 2, 3, 4, 5, 6]);
    expect([many.state, many.value!.length, after.state]).toEqual(['done', 5, 'done']);
    expect(new Set(many.value!.map(({ id }) => id)).size).toBe(5);
  });

  test('more than one put takes, between others: in order; its signal takes out what waits for room', async () => {
    const r = rig({ capacity: 3_000 });
    const control = new AbortController();
    const before = r.orders.publish(-1);
    const many = watch(r.orders.publishMany(Array.from({ length: 2_500 }, (_, i) => i)));
    const aborted = watch(r.orders.publishMany(new Array<number>(900).fill(-2), { signal: control.signal }));
    const after = watch(r.orders.publish(-3));
    await settled();
    expect([many.state, many.value?.length, aborted.state, after.state]).toEqual(['done', 2_500, 'waiting', 'waiting']);
    expect(await r.orders.stats()).toMatchObject({ ready: 3_000, waiting: 402 });
    control.abort('enough');
    await settled();
    expect([aborted.state, aborted.error, (await r.orders.stats()).waiting]).toEqual(['failed', 'enough', 1]);
    const ids = [(await before).id, ...many.value!.map(({ id }) => id)];
    const c = r.consumer(Infinity);
    c.request(2_501);
    await settled();
    expect(c.values.map(({ id }) => id)).toEqual(ids);
    expect(valuesOf(c)).toEqual(Array.from({ length: 2_501 }, (_, i) => i - 1));
    for (const delivery of c.values) void delivery.ack();
    await settled();
    expect(after.state).toBe('done');
    c.unsubscribe();
    await settled();
  });

  test('error: all or none', async () => {
    const r = rig({ capacity: 3, whenFull: 'error' });
    await r.orders.publish(0);
    await expect(r.orders.publishMany([1, 2, 3])).rejects.toBeInstanceOf(QueueFullError);
    expect((await r.orders.publishMany([4, 5])).length).toBe(2);
    const never = await r.orders.publishMany([1, 2, 3, 4]).catch((error: unknown) => error);
    expect(never).toBeInstanceOf(OptionError);
    expect(String(never)).toContain('at most 3');
    expect(await consume(r, 4)).toEqual([0, 4, 5]);
  });

  test('one put', async () => {
    const slow = new Slow();
    const { orders } = rig({}, slow.wrap);
    await orders.publishMany([1, 2, 3]);
    expect(slow.sizes).toEqual([3]);
  });

  test('options for all, and for each', async () => {
    const r = rig<string>();
    await r.orders.publishMany(new Set(['a', 'b']), { key: 'k', priority: 1 });
    await r.orders.publishMany(['c', 'd'], (value, i) => ({ key: value, priority: i + 2 }));
    const c = r.consumer();
    c.request(4);
    await settled();
    expect(c.values.map(({ value, key, priority }) => [value, key, priority])).toEqual([
      ['d', 'd', 3],
      ['c', 'c', 2],
      ['a', 'k', 1],
      ['b', 'k', 1],
    ]);
    c.unsubscribe();
  });

  test('a value that is none refuses all; none at all is no put', async () => {
    const r = rig<unknown>();
    await expect(r.orders.publishMany([1, 2n])).rejects.toBeInstanceOf(MessageError);
    await expect(r.orders.publishMany([1], () => ({ delay: NaN }))).rejects.toBeInstanceOf(OptionError);
    await expect(r.orders.publishMany(5 as never)).rejects.toMatchObject({ option: 'values' });
    expect(await r.orders.publishMany([])).toEqual([]);
    expect((await r.orders.stats()).ready).toBe(0);
  });

  test('its signal gives the rest up', async () => {
    const r = rig({ capacity: 2 });
    const control = new AbortController();
    const many = watch(r.orders.publishMany([1, 2, 3, 4], { signal: control.signal }));
    await settled();
    control.abort(new Error('enough'));
    await settled();
    expect(many.error).toEqual(new Error('enough'));
    expect(await consume(r, 4)).toEqual([1, 2]);
  });
});

describe('publishFrom', () => {
  test('publishes all, and says how many', async () => {
    const r = rig();
    expect(await r.orders.publishFrom(pull([1, 2, 3]), { options: (value) => ({ priority: value }) })).toBe(3);
    expect(await consume(r, 3)).toEqual([3, 2, 1]);
    expect(await r.orders.publishFrom(pull([]))).toBe(0);
  });

  test('asks for no more than the window ahead, and waits while the queue is full, whatever whenFull is', async () => {
    for (const whenFull of ['wait', 'error'] as const) {
      const r = rig({ capacity: 3, whenFull });
      let read = 0;
      function* numbers(): Generator<number> {
        while (read < 10) yield ++read;
      }
      const publishing = watch(r.orders.publishFrom(pull(numbers()), { window: 4 }));
      await settled();
      expect(read).toBeLessThanOrEqual(7);
      expect(await consume(r, 10)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(publishing.value).toBe(10);
    }
  });

  test('a source that fails: what came before is published, then it rejects', async () => {
    const r = rig({ capacity: 1 });
    const source = new ManualSource<number>();
    const publishing = watch(r.orders.publishFrom(source, { window: 3 }));
    source.send(1);
    source.send(2);
    source.error(new Error('burst'));
    await settled();
    expect(publishing.state).toBe('waiting');
    expect(await consume(r, 2)).toEqual([1, 2]);
    expect(publishing.error).toEqual(new Error('burst'));
  });

  test('a value that can not be published ends it, and the source is let go', async () => {
    const r = rig<unknown>();
    const source = new ManualSource<unknown>();
    const publishing = watch(r.orders.publishFrom(source));
    source.send(1);
    source.send(undefined);
    await settled();
    expect([source.open, publishing.error]).toEqual([0, expect.any(MessageError)]);
    expect((await r.orders.stats()).ready).toBe(1);
  });

  test('a store that fails ends it, and the source is let go', async () => {
    const slow = new Slow();
    slow.failure = new StoreError('memory', 'read-only', 'it is read-only');
    const { orders } = rig({}, slow.wrap);
    const source = new ManualSource<number>();
    const publishing = watch(orders.publishFrom(source));
    source.send(1);
    await settled();
    expect([source.open, publishing.error]).toEqual([0, slow.failure]);
  });

  test('its signal gives up: what waits is not put', async () => {
    const r = rig({ capacity: 1 });
    const source = new Subject<number>();
    const control = new AbortController();
    const publishing = watch(r.orders.publishFrom(source, { signal: control.signal }));
    for (let n = 1; n < 5; n++) source.next(n);
    await settled();
    control.abort(new Error('enough'));
    await settled();
    expect([publishing.error, source.observed]).toEqual([new Error('enough'), false]);
    expect(await consume(r, 4)).toEqual([1]);
    await expect(r.orders.publishFrom(source, { signal: control.signal })).rejects.toThrow('enough');
  });

  test('wrong options', () => {
    const { orders } = rig();
    expect(() => orders.publishFrom([1] as never)).toThrow(OptionError);
    expect(() => orders.publishFrom(pull([1]), { window: 0 })).toThrow(OptionError);
    expect(() => orders.publishFrom(pull([1]), { window: 1, capacity: 5 } as never)).toThrow('no option `capacity`');
  });
});

describe('options of a message', () => {
  test.each<[string, object]>([
    ['delay', { delay: -1 }],
    ['delay', { delay: NaN }],
    ['delay', { delay: Infinity }],
    ['delay', { delay: '5' }],
    ['at', { at: new Date(NaN) }],
    ['at', { at: 5, delay: 5 }],
    ['priority', { priority: 1.5 }],
    ['priority', { priority: Infinity }],
    ['deadline', { deadline: NaN }],
    ['key', { key: '' }],
    ['key', { key: 5 }],
    ['key', { key: 'a\0' }],
    ['dedupeId', { dedupeId: 'x'.repeat(256) }],
    ['headers', { headers: { a: 1 } }],
    ['headers', { headers: ['a'] }],
    ['headers', { headers: 'a' }],
    ['headers', { headers: { '': 'a' } }],
    ['headers', { headers: { a: '\0' } }],
    ['signal', { signal: {} }],
    ['prority', { prority: 1 }],
    ['constructor', { constructor: 1 }],
    ['__proto__', JSON.parse('{"__proto__": 1}') as object],
    ['options', null as never],
  ])('%s: %j is refused', async (option, options) => {
    const { orders } = rig();
    await expect(orders.publish(1, options)).rejects.toMatchObject({ code: 'SLUICE_OPTION', option });
    await expect(orders.publishMany([1], options)).rejects.toMatchObject({ code: 'SLUICE_OPTION', option });
    expect((await orders.stats()).ready).toBe(0);
  });

  test('a priority where the whole queue has one order', async () => {
    const { orders } = rig({ order: 'queue' });
    await expect(orders.publish(1, { priority: 1 })).rejects.toMatchObject({ option: 'priority' });
    await orders.publish(1, { priority: 0 });
  });

  test('delay, at, deadline', async () => {
    const { orders, consumer, pass, time } = rig<string>();
    const now = time.scheduler.now();
    await orders.publish('delayed', { delay: 50 });
    await orders.publish('at', { at: new Date(now + 30) });
    await orders.publish('past', { at: now - 1_000 });
    await orders.publish('fresh', { deadline: now + 1 });
    await orders.publish('stale', { delay: 20, deadline: new Date(now + 20) });
    const c = consumer();
    c.request(9);
    await settled();
    expect(valuesOf(c)).toEqual(['past', 'fresh']);
    await pass(100, 10);
    expect(valuesOf(c)).toEqual(['past', 'fresh', 'at', 'delayed']);
    expect(await all(orders.deadLetters.browse())).toMatchObject([{ value: 'stale', reason: 'expired', attempts: 1 }]);
    c.unsubscribe();
  });

  test('dedupe: the id of the first, while it is remembered', async () => {
    const r = rig<string>({ dedupeWindow: 100 });
    const first = await r.orders.publish('a', { dedupeId: 'x' });
    expect(await r.orders.publish('b', { dedupeId: 'x' })).toEqual({ id: first.id, duplicate: true });
    await r.pass(101);
    expect(await r.orders.publish('c', { dedupeId: 'x' })).toMatchObject({ duplicate: false });
    expect(await consume(r, 2)).toEqual(['a', 'c']);
  });

  test('headers are copied, and may be called anything', async () => {
    const { orders, consumer } = rig();
    const headers = JSON.parse('{"__proto__": "a", "constructor": "b"}') as Record<string, string>;
    const publishing = orders.publish(1, { headers });
    headers['later'] = 'c';
    await publishing;
    const options: PublishOptions = { headers: {} };
    await orders.publish(2, options);
    const c = consumer();
    c.request(2);
    await settled();
    expect(Object.entries(c.values[0]!.headers)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
    expect(c.values[1]!.headers).toEqual({});
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
    c.unsubscribe();
  });
});

test('a random crowd of publishers: the capacity holds, those who wait are served in turn, none is lost or put twice', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('publish' as const), signal: fc.boolean() }),
    fc.record({ do: fc.constant('many' as const), n: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant('impatient' as const) }),
    fc.record({ do: fc.constant('abort' as const), n: fc.nat(5) }),
    fc.record({ do: fc.constant('consume' as const), n: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constant('turn' as const) }),
  );
  const { queue } = await import('../../src/queue/index.js');
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 4 }),
    fc.array(step, { maxLength: 30 }),
    async (capacity, steps) => {
      const r = rig({ capacity });
      const impatient = queue<number>(r.store, 'orders', { capacity, whenFull: 'error' });
      const c = r.consumer();
      const all: { readonly values: number[]; readonly patient: boolean; readonly watched: { state: string } }[] = [];
      const controls: AbortController[] = [];
      let next = 0;
      const look = async (): Promise<void> => {
        await settled();
        const { ready, inFlight } = await r.orders.stats();
        expect(ready + inFlight).toBeLessThanOrEqual(capacity);
      };
      for (const s of steps) {
        if (s.do === 'publish') {
          const control = s.signal ? new AbortController() : undefined;
          if (control !== undefined) controls.push(control);
          const watched = watch(r.orders.publish(next, { signal: control?.signal }));
          all.push({ values: [next++], patient: true, watched });
        } else if (s.do === 'many') {
          const values = Array.from({ length: s.n }, () => next++);
          all.push({ values, patient: true, watched: watch(r.orders.publishMany(values)) });
        } else if (s.do === 'impatient') {
          all.push({ values: [next], patient: false, watched: watch(impatient.publish(next++)) });
        } else if (s.do === 'abort') {
          controls[s.n]?.abort(new Error('enough'));
        } else if (s.do === 'consume') {
          c.request(s.n);
          await look();
          for (const delivery of c.values) void delivery.ack();
        } else {
          await look();
        }
      }
      for (let i = 0; i < next + 2; i++) {
        c.request(1);
        await look();
        for (const delivery of c.values) void delivery.ack();
        await settled();
      }
      const done = all.filter(({ watched }) => watched.state === 'done');
      expect(all.some(({ watched }) => watched.state === 'waiting')).toBe(false);
      expect(valuesOf(c)).toEqual(done.flatMap(({ values }) => values));
      c.unsubscribe();
      await settled();
    },
  );
  await fc.assert(property, { numRuns: Number(process.env['SLUICE_RUNS'] ?? 300) });
});

describe('what a caller gets wrong', () => {
  const refused = async (publishing: Promise<unknown>, option: string): Promise<void> => {
    expect(await publishing.catch((error: unknown) => error)).toMatchObject({ code: 'SLUICE_OPTION', option });
  };

  test('a promise of options, and options that are an array', async () => {
    const { orders, store } = rig();
    await refused(orders.publishMany([1], (async () => ({ key: 'a' })) as never), 'options');
    await refused(orders.publishMany([1], Promise.resolve({ key: 'a' }) as never), 'options');
    await refused(orders.publish(1, [] as never), 'options');
    expect(() => queue(store, 'other', [] as never)).toThrow('Expected `options` to be an object, got an array');
  });

  test('headers whose entries are no properties', async () => {
    const { orders } = rig();
    await refused(orders.publish(1, { headers: new Map([['a', 'b']]) as never }), 'headers');
    await refused(orders.publish(1, { headers: new Headers({ a: 'b' }) as never }), 'headers');
    await orders.publish(1, { headers: Object.assign(Object.create(null), { a: 'b' }) as Record<string, string> });
  });

  test('a time that nobody sees', async () => {
    const { orders } = rig();
    await refused(orders.publish(1, { delay: 1e300 }), 'delay');
    await refused(orders.publish(1, { at: 9e15 }), 'at');
    await orders.publish(1, { delay: 3_155_760_000_000 });
  });
});

test('bytes are those of the time of the call', async () => {
  const { orders, consumer } = rig<Uint8Array>();
  const bytes = new Uint8Array([1, 2]);
  const publishing = orders.publish(bytes);
  bytes[0] = 9;
  await publishing;
  const c = consumer();
  c.request(1);
  await settled();
  expect([...c.values[0]!.value]).toEqual([1, 2]);
  c.unsubscribe();
  await settled();
});

test('many who wait with one signal have one listener, and all give up', async () => {
  const { orders } = rig({ capacity: 1 });
  await orders.publish(0);
  const control = new AbortController();
  let listeners = 0;
  const { signal } = control;
  const add = signal.addEventListener.bind(signal) as (...args: unknown[]) => void;
  signal.addEventListener = (...args: unknown[]) => {
    listeners++;
    add(...args);
  };
  const waiting = Array.from({ length: 30 }, (_, i) => watch(orders.publish(i, { signal })));
  const from = watch(orders.publishFrom(of(1), { signal }));
  await settled();
  expect(listeners).toBe(1);
  control.abort(new Error('enough'));
  await settled();
  expect([...waiting, from].filter(({ error }) => error === signal.reason)).toHaveLength(31);
});

test('a source that ignores demand: what was asked for is published, and the error says who is full', async () => {
  const { orders } = rig();
  const publishing = orders.publishFrom(of(1, 2, 3), { window: 2 });
  await expect(publishing).rejects.toThrow(/`publishFrom` is full \(capacity 2\).*raise `window`/);
  expect((await orders.stats()).ready).toBe(2);
});
