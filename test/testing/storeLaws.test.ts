import { Subscription } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { Store, StoreGroup, StoreTopic } from '../../src/queue/store.js';
import { memoryStore } from '../../src/stores/memory/index.js';
import { storeLaws, type StoreSetting, type StoreSubject } from '../../src/testing/index.js';
import { JumpingTime, memory } from '../stores/subjects.js';

type Changed<S> = (real: S) => Partial<S>;
interface Fault {
  readonly breaks: string;
  readonly store?: Changed<Store>;
  readonly topic?: Changed<StoreTopic>;
  readonly group?: Changed<StoreGroup>;
  /** In the place of a new store, after a crash. */
  readonly reopen?: 'empty';
  readonly scheduler?: (time: JumpingTime) => JumpingTime['scheduler'];
}

/** `real` with some methods of another. */
const changed = <S extends object>(real: S, changes: Partial<S>): S =>
  new Proxy(real, {
    get: (target, name) => {
      const value: unknown = name in changes ? changes[name as keyof S] : target[name as keyof S];
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });

/** A memory store that says that it is durable: what was in it is there after a crash, for it never really ends. */
const subjectOf = (name: string, fault: Partial<Fault>): StoreSubject => {
  const wrapped = (store: Store): Store => {
    const groupOf = (real: StoreTopic): Partial<StoreTopic> => ({
      group: (...args) => {
        const group = real.group(...args);
        return changed(group, fault.group?.(group) ?? {});
      },
    });
    const topicOf = (...args: Parameters<Store['topic']>): StoreTopic => {
      const topic = store.topic(...args);
      const faulty = changed(topic, fault.topic?.(topic) ?? {});
      return changed(faulty, groupOf(faulty));
    };
    const faulty = changed(store, { topic: topicOf, ...fault.store?.(store) });
    return faulty;
  };
  const open = (alone: boolean): StoreSetting => {
    const time = new JumpingTime();
    const scheduler = fault.scheduler?.(time) ?? time.scheduler;
    const made: Store[] = [];
    const make = (): Store => {
      const store = memoryStore({ scheduler });
      made.push(store);
      return store;
    };
    const real = make();
    return {
      stores: [wrapped(real)],
      topic: 'topic',
      now: () => time.now,
      advance: (ms) => time.advanceBy(ms),
      jump: (ms) => time.jump(ms),
      ...(alone && { reopen: () => [wrapped(fault.reopen === 'empty' ? make() : real)] }),
      close: async () => {
        for (const store of made) await store.close();
      },
    };
  };
  return { name, features: { ...memory.features, durable: 'reopen' in fault }, fifo: true, open };
};

const settled = (change: (outcome: Parameters<StoreGroup['settle']>[0][number]) => object): Changed<StoreGroup> => {
  return (real) => ({ settle: (outcomes) => real.settle(outcomes.map((one) => ({ ...one, ...change(one) }))) });
};
const put = (change: object): Changed<StoreTopic> => {
  return (real) => ({
    put: (messages, whole) =>
      real.put(
        messages.map((one) => ({ ...one, ...change })),
        whole,
      ),
  });
};
const terms = (change: object): Changed<Store> => {
  return (real) => ({ topic: (name, its) => real.topic(name, { ...its, ...change }) });
};
const groupTerms = (change: object): Changed<StoreTopic> => {
  return (real) => ({ group: (name, its) => real.group(name, { ...its, ...change }) });
};

const never = new AbortController().signal;
const FOREVER = new Promise<never>(() => undefined);

/** For each law a store that breaks it. */
const faults: Record<string, Fault> = {
  'loses what is released': {
    breaks: 'what was accepted comes until it is acked, or dead',
    group: settled(({ kind }) => (kind === 'release' ? { kind: 'ack' } : {})),
  },
  'has one group only': {
    breaks: 'each group gets every message',
    topic: (real) => ({ group: (_, its) => real.group('one', its) }),
  },
  'loses what is nacked': {
    breaks: 'what was nacked comes again, and not before its delay',
    group: settled(({ kind }) => (kind === 'nack' ? { kind: 'ack' } : {})),
  },
  'gives what is nacked at once': {
    breaks: 'what was nacked comes again, and not before its delay',
    group: settled(() => ({ delay: 0 })),
  },
  'has leases that are too short': {
    breaks: 'what nobody settles comes again when its lease is over, and not before',
    topic: groupTerms({ visibilityTimeout: 3_500 }),
  },
  'has leases that never end': {
    breaks: 'what nobody settles comes again when its lease is over, and not before',
    topic: groupTerms({ visibilityTimeout: Infinity }),
  },
  'settles late': {
    breaks: 'what is taken after outcomes were handed over comes after them',
    group: (real) => ({
      settle: async (outcomes) => {
        await Promise.resolve();
        return real.settle(outcomes);
      },
    }),
  },
  'extends nothing': {
    breaks: 'what nobody settles comes again when its lease is over, and not before',
    group: () => ({ extend: async (messages) => messages.map(() => 'settled') }),
  },
  'counts what was released': {
    breaks: 'an attempt counts, unless it was released',
    group: settled(({ kind }) => (kind === 'release' ? { kind: 'nack', delay: 0 } : {})),
  },
  'is empty after a crash': { breaks: 'what was accepted comes after a crash', reopen: 'empty' },
  'is empty after it was closed': {
    breaks: 'what was accepted comes after the store was closed',
    reopen: 'empty',
    store: () => ({ close: () => Promise.resolve() }),
  },
  'forgets who has the lease': {
    breaks: 'a lease that is over settles nothing',
    group: (real) => ({ settle: async (outcomes) => (await real.settle(outcomes)).map(() => 'settled') }),
  },
  'settles twice': {
    breaks: 'a lease is settled once',
    group: (real) => ({ settle: async (outcomes) => (await real.settle(outcomes)).map(() => 'settled') }),
  },
  'takes what is of others for what is lost': {
    breaks: 'what another topic gave out is refused',
    group: (real) => ({ settle: (outcomes) => real.settle(outcomes).catch(() => outcomes.map(() => 'lease-lost')) }),
  },
  'gives a message to two': {
    breaks: 'those who compete never hold one message at once',
    topic: groupTerms({ visibilityTimeout: 0.001 }),
    scheduler: ({ scheduler }) => {
      let now = 0;
      return { now: () => now++, schedule: scheduler.schedule.bind(scheduler) };
    },
  },
  'loses what comes as somebody gives up': {
    breaks: 'an abort frees who waits, and loses nothing',
    group: (real) => ({
      take: async (want, signal) => {
        const messages = await real.take(want, signal);
        await new Promise((resolve) => setImmediate(resolve));
        return signal.aborted ? [] : messages;
      },
    }),
  },
  'does not see that somebody gives up': {
    breaks: 'an abort frees who waits, and loses nothing',
    group: (real) => ({ take: (want) => real.take(want, never) }),
  },
  'gives one too many': {
    breaks: 'takes no more than was wanted',
    group: (real) => ({ take: (want, signal) => real.take(want + 1, signal) }),
  },
  'knows no priorities': {
    breaks: 'in no order, the highest priority goes first',
    topic: (real) => ({
      put: (messages, whole) =>
        real.put(
          messages.map((one) => ({ ...one, priority: -one.priority })),
          whole,
        ),
    }),
  },
  'keeps no key back': {
    breaks: 'by key, nothing of a key comes while another of it is out',
    store: terms({ order: 'none' }),
  },
  'keeps no key back, with delays': {
    breaks: 'by key, with delays, a message joins its key when it is due',
    store: terms({ order: 'none' }),
  },
  'has no order': { breaks: 'in the order of the queue, one is out at a time', store: terms({ order: 'none' }) },
  'has no order by key': { breaks: 'by key, whatever the interleaving', store: terms({ order: 'none' }) },
  'is not a queue': { breaks: 'in the order of the queue, whatever the interleaving', store: terms({ order: 'key' }) },
  'delays nothing': { breaks: 'nothing comes before its delay', topic: put({ notBefore: 0 }) },
  'remembers no dedupeId': {
    breaks: 'a second message of a dedupeId is not put while the first is remembered',
    topic: put({ dedupeId: undefined }),
  },
  'remembers a dedupeId for ever': {
    breaks: 'a second message of a dedupeId is not put while the first is remembered',
    store: terms({ dedupeWindow: Infinity }),
  },
  'has room for one more': {
    breaks: 'never holds more than its capacity; puts all or none of a whole',
    store: (real) => ({ topic: (name, its) => real.topic(name, { ...its, capacity: its.capacity + 1 }) }),
  },
  'puts a part of a whole': {
    breaks: 'never holds more than its capacity; puts all or none of a whole',
    topic: (real) => ({ put: (messages) => real.put(messages, false) }),
  },
  'has no bound': {
    breaks: 'never holds more than its capacity, whatever the interleaving',
    store: terms({ capacity: Infinity }),
  },
  'shows dead letters the wrong way round': {
    breaks: 'dead letters are kept, browsed, redriven and purged',
    group: (real) => ({ browse: async (after, limit) => [...(await real.browse!(after, limit))].reverse() }),
  },
  'loses what is redriven': {
    breaks: 'dead letters are kept, browsed, redriven and purged',
    group: (real) => ({ redrive: (which) => real.purge!(typeof which === 'number' ? [] : which) }),
  },
  'keeps dead letters for ever': {
    breaks: 'dead letters are kept for as long as was said',
    topic: groupTerms({ retention: Infinity }),
  },
  'keeps dead letters that nobody wants': {
    breaks: 'dead letters are not kept where that was said',
    topic: groupTerms({ retention: 1 }),
  },
  'counts wrong': {
    breaks: 'counts what is there',
    group: (real) => ({
      count: async () => {
        const { ready, delayed, ...rest } = await real.count!();
        return { ready: ready + delayed, delayed: 0, ...rest };
      },
    }),
  },
  'has no timer': {
    breaks: 'wakes who waits',
    scheduler: ({ scheduler }) => ({
      now: () => scheduler.now(),
      schedule: () => Subscription.EMPTY,
    }),
  },
  'wakes nobody by an ack': {
    breaks: 'wakes who waits for the one before',
    group: (real) => ({
      take: async (want, signal) => {
        const control = new AbortController();
        const taken = real.take(want, control.signal);
        await Promise.resolve();
        control.abort();
        const messages = await taken;
        return messages.length > 0 || signal.aborted ? messages : FOREVER;
      },
    }),
  },
  'serves the last first': {
    breaks: 'of those who wait, the first gets what comes first',
    group: (real) => {
      const line: (() => void)[] = [];
      return {
        take: (want, signal) =>
          new Promise((resolve, reject) => {
            line.unshift(() => void real.take(want, signal).then(resolve, reject));
            void Promise.resolve().then(() => {
              for (const next of line.splice(0)) next();
            });
          }),
      };
    },
  },
  'wakes nobody when there is room': {
    breaks: 'wakes who waits for room',
    topic: () => ({ room: () => FOREVER }),
  },
  'loses what it has put when it is closed': {
    breaks: 'closing carries out what was asked before, and frees who waits',
    reopen: 'empty',
  },
  'does not close': {
    breaks: 'a closed store refuses what is asked later',
    store: () => ({ close: () => Promise.resolve() }),
  },
  'cuts large bodies': {
    breaks: 'large bodies come back as they were',
    topic: (real) => ({
      put: (messages, whole) =>
        real.put(
          messages.map((one) => ({ ...one, body: one.body.slice(0, 1_000_000) })),
          whole,
        ),
    }),
  },
  'makes text of bytes': {
    breaks: 'text and bytes come back as they were',
    topic: (real) => ({
      put: (messages, whole) =>
        real.put(
          messages.map((one) => ({ ...one, body: new TextDecoder().decode(Buffer.from(one.body)) })),
          whole,
        ),
    }),
  },
  'ends text at NUL': {
    breaks: 'names, keys and headers may be any text',
    topic: (real) => ({
      put: (messages, whole) =>
        real.put(
          messages.map((one) => ({ ...one, key: one.key?.split('\0')[0] })),
          whole,
        ),
    }),
  },
  'opens a topic in any order': { breaks: 'a topic is not opened with another order', store: terms({ order: 'none' }) },
  'goes by a clock that may stand still': {
    breaks: 'a clock that jumps loses nothing, and holds nothing up',
    scheduler: ({ scheduler }) => {
      let latest = 0;
      return {
        now: () => (latest = Math.max(latest, scheduler.now())),
        schedule: scheduler.schedule.bind(scheduler),
      };
    },
  },
};

describe.each(Object.entries(faults))('a store that %s', (name, { breaks, ...fault }) => {
  test(`breaks the law: ${breaks}`, async () => {
    const law = storeLaws.find((one) => one.name === breaks);
    expect(law).toBeDefined();
    await expect(law!.check({ ...subjectOf(name, fault), patience: 100 }, { runs: 300, seed: 1 })).rejects.toThrow();
  });
});

test('for each law there is a store that breaks it', () => {
  const broken = new Set(Object.values(faults).map(({ breaks }) => breaks));
  expect(storeLaws.map((law) => law.name).filter((name) => !broken.has(name))).toEqual([]);
});

describe('a store without a fault, that says that it is durable', () => {
  const keeps: Fault = { breaks: 'nothing', store: () => ({ close: () => Promise.resolve() }) };
  test.each(storeLaws.filter(({ name }) => name.startsWith('what was accepted comes after')))('$name', async (law) => {
    const subject = subjectOf('durable', keeps);
    await law.check({ ...subject, features: { ...subject.features, durable: true } }, { runs: 100 });
  });
});

test('a law that does not apply says so', async () => {
  const law = storeLaws.find(({ name }) => name === 'what was accepted comes after a crash')!;
  expect(law.applies(memory.features)).toBe(false);
  await expect(law.check(memory)).rejects.toMatchObject({ code: 'SLUICE_OPTION' });
});

test('a failure tells the seed, the path and what is wrong', async () => {
  const law = storeLaws.find(({ name }) => name === 'takes no more than was wanted')!;
  const subject = subjectOf('greedy', faults['gives one too many']!);
  await expect(law.check(subject, { runs: 100, seed: 7 })).rejects.toThrow(
    /seed: 7.*path: .*messages came, \d were wanted/s,
  );
});
