/** Sources, errors and stores that do not behave: nobody else is to suffer for it. */
import { Observable, NEVER } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { demandOf, handle } from '../../src/index.js';
import { queue, StoreError, type Store, type StoreGroup, type StoreTopic } from '../../src/queue/index.js';
import { memoryStore } from '../../src/stores/memory/index.js';
import { sqliteStore } from '../../src/stores/sqlite/index.js';
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

/** What is thrown where nobody can catch it. */
let thrown: unknown[] = [];
const note = (error: unknown): void => void thrown.push(error);
beforeEach(() => {
  thrown = [];
  process.on('uncaughtException', note);
});
afterEach(() => void process.off('uncaughtException', note));

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
    expect(String(thrown)).toContain('teardown');
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
    expect(String(thrown)).toContain('teardown');
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
