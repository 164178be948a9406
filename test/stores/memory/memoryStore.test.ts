import { describe, expect, test } from 'vitest';
import { OptionError, SluiceError } from '../../../src/errors.js';
import type { Message, NewMessage, Order, StoreGroup, StoreOutcome, StoreTopic } from '../../../src/queue/store.js';
import { memoryStore } from '../../../src/stores/memory/index.js';
import { VirtualTime } from '../../../src/testing/index.js';

const NEVER = new AbortController().signal;

const made = (
  order: Order = 'none',
  capacity = Infinity,
): { time: VirtualTime; topic: StoreTopic; group: StoreGroup; store: ReturnType<typeof memoryStore> } => {
  const time = new VirtualTime();
  const store = memoryStore({ scheduler: time.scheduler });
  const topic = store.topic('t', { order, capacity, dedupeWindow: 1_000 });
  return { time, store, topic, group: topic.group('g', { visibilityTimeout: 100, retention: Infinity }) };
};

const message = (body: string, facts: Partial<NewMessage> = {}): NewMessage => ({
  body,
  key: undefined,
  headers: undefined,
  priority: 0,
  publishedAt: 0,
  notBefore: 0,
  deadline: undefined,
  dedupeId: undefined,
  ...facts,
});

const outcome = (message: Message, kind: StoreOutcome['kind'], delay = 0): StoreOutcome => ({
  message,
  kind,
  delay,
  reason: undefined,
  error: undefined,
});

const bodies = (messages: readonly Message[]): unknown[] => messages.map(({ body }) => body);

describe('options', () => {
  test('a scheduler that is none is refused', () => {
    expect(() => memoryStore({ scheduler: 7 as never })).toThrow(OptionError);
  });

  test('an order that differs from that of the topic there is refused', () => {
    const { store } = made('none');
    expect(() => store.topic('t', { order: 'key', capacity: 1, dedupeWindow: 0 })).toThrow(OptionError);
  });
});

describe('taking', () => {
  test('of those who wait the first gets what comes first; one whose signal aborts is gone', async () => {
    const { topic, group, store } = made();
    const control = new AbortController();
    const gone = group.take(1, control.signal);
    const first = group.take(2, NEVER);
    const second = group.take(2, NEVER);
    control.abort();
    await topic.put([message('a'), message('b'), message('c')], false);
    expect([await gone, await first, await second].map(bodies)).toEqual([[], ['a', 'b'], ['c']]);
    await store.close();
  });

  test('one timer is set while somebody waits, and none otherwise', async () => {
    const { topic, group, store, time } = made();
    await topic.put([message('later', { notBefore: 50 }), message('much later', { notBefore: 500 })], false);
    expect(time.pending).toBe(0);
    const taken = group.take(1, NEVER);
    expect(time.pending).toBe(1);
    time.advanceBy(50);
    expect(bodies(await taken)).toEqual(['later']);
    expect(time.pending).toBe(0);
    const control = new AbortController();
    const aborted = group.take(1, control.signal);
    expect(time.pending).toBe(1);
    control.abort();
    expect(await aborted).toEqual([]);
    expect(time.pending).toBe(0);
    await store.close();
  });
});

describe('leases', () => {
  test('one that ran out comes again, its attempt counts, and the old one settles nothing', async () => {
    const { topic, group, time } = made();
    await topic.put([message('a')], false);
    const [old] = await group.take(1, NEVER);
    time.advanceBy(100);
    const [again] = await group.take(1, NEVER);
    expect([again!.id, again!.attempt]).toEqual([old!.id, 2]);
    expect(await group.settle([outcome(old!, 'ack')])).toEqual(['lease-lost']);
    expect(await group.settle([outcome(again!, 'ack'), outcome(again!, 'ack')])).toEqual(['settled', 'lease-lost']);
    expect(await group.count!()).toMatchObject({ ready: 0, inFlight: 0 });
  });

  test('one that ran out can still be settled, or extended, while nobody else has the message', async () => {
    const { topic, group, time } = made();
    await topic.put([message('a'), message('b')], false);
    const [a, b] = await group.take(2, NEVER);
    time.advanceBy(100);
    expect(await group.count!()).toMatchObject({ ready: 2, inFlight: 0 });
    expect(await group.settle([outcome(a!, 'ack')])).toEqual(['settled']);
    expect(await group.extend!([b!])).toEqual(['settled']);
    expect(await group.count!()).toMatchObject({ ready: 0, inFlight: 1 });
  });

  test('a message that this group did not give out is refused, and nothing is done', async () => {
    const { topic, group } = made();
    const other = topic.group('other', { visibilityTimeout: 100, retention: 0 });
    await topic.put([message('a')], false);
    const [mine] = await group.take(1, NEVER);
    const [its] = await other.take(1, NEVER);
    await expect(group.settle([outcome(mine!, 'ack'), outcome(its!, 'ack')])).rejects.toThrow(OptionError);
    await expect(group.extend!([{ ...mine! }])).rejects.toThrow(OptionError);
    expect(await group.count!()).toMatchObject({ inFlight: 1 });
  });
});

describe('order by key', () => {
  test('nothing of a key comes while one of it is out, or waits to be tried again', async () => {
    const { topic, group, time } = made('key');
    await topic.put(
      [
        message('a1', { key: 'a' }),
        message('a2', { key: 'a' }),
        message('b1', { key: 'b', priority: 1 }),
        message('x'),
      ],
      false,
    );
    const [b1, a1, x] = await group.take(9, NEVER);
    expect(bodies([b1!, a1!, x!])).toEqual(['b1', 'a1', 'x']);
    await group.settle([outcome(a1!, 'nack', 50), outcome(x!, 'ack'), outcome(b1!, 'ack')]);
    expect(await group.count!()).toMatchObject({ ready: 0, delayed: 1, blocked: 1 });
    time.advanceBy(50);
    const [again] = await group.take(9, NEVER);
    expect(bodies([again!])).toEqual(['a1']);
    await group.settle([outcome(again!, 'ack')]);
    expect(bodies(await group.take(9, NEVER))).toEqual(['a2']);
  });

  test('one with a delay holds nothing up, and has its old place when it is due', async () => {
    const { topic, group, time } = made('queue');
    await topic.put([message('1', { notBefore: 10 }), message('2'), message('3')], false);
    const [two] = await group.take(9, NEVER);
    expect(two!.body).toBe('2');
    time.advanceBy(10);
    await group.settle([outcome(two!, 'release')]);
    const [one] = await group.take(9, NEVER);
    expect(one!.body).toBe('1');
    await group.settle([outcome(one!, 'ack')]);
    expect(bodies(await group.take(9, NEVER))).toEqual(['2']);
  });
});

describe('capacity', () => {
  test('what has no room is not put; who waits for room is woken', async () => {
    const { topic, group } = made('none', 2);
    expect(await topic.put([message('a'), message('b'), message('c')], true)).toEqual(['full', 'full', 'full']);
    const answers = await topic.put([message('a'), message('b'), message('c')], false);
    expect(answers[2]).toBe('full');
    const room = topic.room!(NEVER);
    const [a] = await group.take(1, NEVER);
    await group.settle([outcome(a!, 'ack')]);
    await room;
    expect(await topic.put([message('c')], true)).toMatchObject([{ duplicate: false }]);
  });
});

test('a closed store refuses all, and those who wait get nothing', async () => {
  const { store, topic, group } = made('none', 1);
  const waiting = group.take(1, NEVER);
  await store.close();
  await store.close();
  expect(await waiting).toEqual([]);
  expect(() => store.topic('t', { order: 'none', capacity: 1, dedupeWindow: 0 })).toThrow(SluiceError);
  const refused = { code: 'SLUICE_STORE', trouble: 'closed' };
  await expect(topic.put([], false)).rejects.toMatchObject(refused);
  await expect(group.take(1, NEVER)).rejects.toMatchObject(refused);
  await expect(group.settle([])).rejects.toMatchObject(refused);
});
