/** Sources, errors and stores that do not behave: nobody else is to suffer for it. */
import { config, NEVER, Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { demandOf, handle } from '../../src/index.js';
import {
  queue,
  StoreError,
  type DeadLetters,
  type Store,
  type StoreGroup,
  type StoreTopic,
} from '../../src/queue/index.js';
import { memoryStore } from '../../src/stores/memory/index.js';
import { sqliteStore } from '../../src/stores/sqlite/index.js';
import { ManualConsumer } from '../../src/testing/index.js';
import { rig, settled, watch } from './rig.js';

/** A memory store of which some is changed. */
function changed(
  topicOf: (topic: StoreTopic) => Partial<StoreTopic>,
  groupOf: (group: StoreGroup) => Partial<StoreGroup> = () => ({}),
): Store {
  const store = memoryStore();
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
            take: (want, signal) => group.take(want, signal),
            settle: (outcomes) => group.settle(outcomes),
            ...groupOf(group),
          };
        },
        ...topicOf(topic),
      };
    },
  };
}

const errorOf = (trouble: 'full' | 'closed' | 'unavailable'): StoreError => new StoreError('test', trouble, trouble);

/** What was thrown where nobody could catch it. */
let thrown: unknown[] = [];
beforeEach(() => {
  thrown = [];
  config.onUnhandledError = (error) => thrown.push(error);
});
afterEach(() => void (config.onUnhandledError = null));
const reported = (text: string): Promise<void> => vi.waitFor(() => expect(String(thrown)).toContain(text));

describe('a source of publishFrom that throws', () => {
  const closing = (first: boolean): Observable<number> =>
    new Observable<number>((subscriber) => {
      if (first) subscriber.next(1);
      return () => {
        throw new Error('teardown');
      };
    });

  test('when it is unsubscribed, for the store has failed', async () => {
    let broken = true;
    const store = changed((topic) => ({
      put: (messages, whole) => (broken ? Promise.reject(errorOf('full')) : topic.put(messages, whole)),
    }));
    const numbers = queue<number>(store, 'numbers');
    const from = watch(numbers.publishFrom(closing(true)));
    const other = watch(numbers.publish(2));
    await settled();
    broken = false;
    const later = watch(numbers.publish(3));
    await settled();
    expect([from.state, other.state, later.state]).toEqual(['failed', 'failed', 'done']);
    expect(from.error).toMatchObject({ trouble: 'full' });
    await reported('teardown');
  });

  test('when it is unsubscribed by a signal that others have too', async () => {
    const numbers = queue<number>(memoryStore(), 'numbers');
    const abort = new AbortController();
    const one = watch(numbers.publishFrom(closing(false), { signal: abort.signal }));
    const two = watch(numbers.publishFrom(NEVER, { signal: abort.signal }));
    await settled();
    abort.abort(new Error('stop'));
    await settled();
    expect([one, two].map(({ state, error }) => [state, String(error)])).toEqual([
      ['failed', 'Error: stop'],
      ['failed', 'Error: stop'],
    ]);
    await reported('teardown');
  });

  test('when more is asked of it: it ends with that error', async () => {
    const numbers = queue<number>(memoryStore(), 'numbers');
    let next = 0;
    const source = new Observable<number>((subscriber) => {
      const demand = demandOf(subscriber);
      const emit = (): void => {
        if (next === 2) throw new Error('no more');
        while (demand.requested > 0 && next < 2) subscriber.next(next++);
      };
      subscriber.add(demand.onRequest(emit));
      emit();
    });
    const from = watch(numbers.publishFrom(source, { window: 2 }));
    const other = watch(numbers.publish(7));
    await settled();
    expect([from.state, String(from.error), other.state]).toEqual(['failed', 'Error: no more', 'done']);
    await numbers.publish(8);
    expect(await numbers.stats()).toMatchObject({ ready: 4, waiting: 0 });
  });
});

describe('a store that throws at the call', () => {
  test('of `room`: who waits for room is refused', async () => {
    const store = changed(() => ({
      room: () => {
        throw errorOf('unavailable');
      },
    }));
    const numbers = queue<number>(store, 'numbers', { capacity: 1 });
    const published = [numbers.publish(1), numbers.publish(2)].map(watch);
    await settled();
    expect(published.map(({ state }) => state)).toEqual(['done', 'failed']);
  });

  test.each(['closed', 'unavailable'] as const)('of `take`, with `%s`: the stream ends', async (trouble) => {
    const store = changed(
      () => ({}),
      () => ({
        take: () => {
          throw errorOf(trouble);
        },
      }),
    );
    let end = '';
    queue(store, 'numbers')
      .deliveries()
      .subscribe({ complete: () => (end = 'complete'), error: (error: StoreError) => (end = error.trouble) });
    await settled();
    expect(end).toBe(trouble === 'closed' ? 'complete' : trouble);
  });
});

describe('what a handler throws', () => {
  const odd: Record<string, unknown> = {
    'an error whose stack is a number': Object.assign(new Error('x'), { stack: 5 }),
    'an error whose stack is an array': Object.assign(new Error('x'), { stack: ['a', 'b'] }),
    'an error whose stack can not be read': Object.defineProperty(new Error('x'), 'stack', {
      get() {
        throw new Error('stack');
      },
    }),
    'an error that can not be read at all': Object.defineProperties(new Error('x'), {
      stack: { value: undefined },
      message: {
        get() {
          throw new Error('message');
        },
      },
    }),
    'an object that is no text': Object.create(null) as object,
    'a symbol': Symbol('s'),
    undefined: undefined,
    null: null,
  };

  test.each(Object.keys(odd))('%s: the message is a dead letter all the same', async (name) => {
    for (const store of [memoryStore(), sqliteStore({ path: ':memory:' })]) {
      const numbers = queue<number>(store, 'numbers', { maxAttempts: 1 });
      await numbers.publish(1);
      const outcome = await new Promise((resolve, reject) => {
        numbers
          .deliveries()
          .pipe(
            handle(
              () => {
                throw odd[name];
              },
              { concurrency: 1 },
            ),
          )
          .subscribe({ next: ({ outcome: kind }) => resolve(kind), error: reject });
      });
      expect(outcome).toBe('dead');
      await store.close();
    }
  });
});

describe.each([
  ['memory', () => memoryStore()],
  ['sqlite', () => sqliteStore({ path: ':memory:' })],
])('a %s store that is closed', (_, open) => {
  test('at once after what was asked for: that is carried out', async () => {
    const store = open();
    const numbers = queue<number>(store, 'numbers');
    await numbers.publishMany([1, 2, 3]);
    const c = new ManualConsumer(numbers.deliveries());
    c.request(3);
    while (c.values.length < 3) await new Promise((resolve) => setImmediate(resolve));
    const [one, two] = c.values;
    const asked = [
      one!.ack(),
      numbers.publish(4).then(() => 'published'),
      numbers.publishMany([5, 6]).then(() => 'published'),
    ];
    const acked = (async () => {
      await asked[0];
      return two!.ack(); // while it closes
    })();
    const closed = store.close();
    expect(await Promise.all([...asked, acked])).toEqual(['settled', 'published', 'published', 'settled']);
    await closed;
    await expect(c.values[2]!.ack()).rejects.toMatchObject({ trouble: 'closed' });
    await expect(numbers.publish(7)).rejects.toMatchObject({ trouble: 'closed' });
  });

  test('closes while the timers of a test stand still', async () => {
    const store = open();
    queue<number>(store, 'numbers');
    vi.useFakeTimers();
    try {
      await store.close();
    } finally {
      vi.useRealTimers();
    }
  });

  test('while publishers go on for ever, is closed all the same', async () => {
    const store = open();
    const numbers = queue<number>(store, 'numbers');
    let published = 0;
    const publishing = (async () => {
      for (;;) published += (await numbers.publish(1)).duplicate ? 0 : 1;
    })();
    const refused = expect(publishing).rejects.toMatchObject({ trouble: 'closed' });
    await numbers.publish(2);
    await store.close();
    await refused;
    expect(published).toBeGreaterThan(0);
  });
});

describe('options that are none', () => {
  const letters = (): DeadLetters<number> => queue<number>(memoryStore(), 'numbers').deadLetters;

  test.each([[['a']], [new Map([['ids', ['a']]])], [{ ids: undefined }], [{ ids: 'a' }], [{ ids: [1] }], ['a']])(
    'purge deletes nothing with %o',
    async (options) => {
      await expect(letters().purge(options as never)).rejects.toMatchObject({ code: 'SLUICE_OPTION' });
    },
  );

  test('a string is no list of values', async () => {
    await expect(queue<string>(memoryStore(), 'texts').publishMany('abc')).rejects.toThrow('no string');
  });
});

test('a delay of more than a hundred years is one of a hundred years', async () => {
  const r = rig({ backoff: () => 1e15 });
  await r.orders.publishMany([1, 2, 3]);
  const errors: unknown[] = [];
  const subscription = r.orders
    .deliveries()
    .pipe(
      handle(
        (value, { retry, delivery }) => {
          if (value === 1) return retry(4e12);
          if (value === 2) void delivery.nack({ delay: Number.MAX_VALUE });
          else throw new Error('by the backoff');
          return undefined;
        },
        { concurrency: 1, scheduler: r.time.scheduler },
      ),
    )
    .subscribe({ error: (error) => errors.push(error) });
  await settled();
  expect(errors).toEqual([]);
  expect(await r.orders.stats()).toMatchObject({ delayed: 3, inFlight: 0 });
  subscription.unsubscribe();
});
