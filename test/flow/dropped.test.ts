/** Whatever a stage, a source or a sink drops, for whatever reason: a delivery among it is handed back, once. */
import fc from 'fast-check';
import { concat, map, NEVER, of, timer, type OperatorFunction } from 'rxjs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  batch,
  batchDeliveries,
  boundedBuffer,
  broadcast,
  fixed,
  handle,
  mergePriority,
  pool,
  pull,
  rateLimit,
  shed,
  shedByDelay,
  Sink,
  Stage,
  splitDelivery,
  toAsyncIterable,
  toReadableStream,
  valve,
  type Delivery,
  type Drop,
} from '../../src/index.js';
import { toReadable } from '../../src/node/index.js';
import { tellDropped } from '../../src/flow/dropped.js';
import { LawRun, STEPS, type LawSetup, type Step } from '../../src/testing/lawRun.js';
import { ManualConsumer, ManualSource } from '../../src/testing/index.js';
import { Messages, settled } from '../delivery/messages.js';

// The limiters have small bursts on purpose.
beforeAll(() => void vi.spyOn(console, 'warn').mockReturnValue());
afterAll(() => void vi.restoreAllMocks());

const runs = Number(process.env['SLUICE_RUNS'] ?? 300);

type Given = Delivery<number> | readonly Delivery<number>[];
type Operator = OperatorFunction<Delivery<number>, Given>;
type Make = (setup: LawSetup) => Operator;

const worker =
  ({ work }: LawSetup) =>
  (delivery: Delivery<number>) =>
    work(delivery.value).pipe(map(() => delivery));
const deadline = ({ value }: Delivery<number>): number => 20 + (value % 4) * 20;
const priority = ({ value }: Delivery<number>): number => value % 3;
const shared =
  (slow: 'block' | 'drop-oldest' | 'latest' | 'evict', overflow: 'error' | 'drop-oldest' | 'drop-newest'): Make =>
  (setup) =>
  (source) =>
    broadcast(source, { capacity: 3, overflow, ...setup }).with(
      slow === 'evict' ? { slow, maxLag: 2, maxAge: 30 } : { slow },
    );

/** Without `work`, which only some have. */
const common = ({ scheduler, monitor, onDrop }: LawSetup) => ({ scheduler, monitor, onDrop });

const operators: Record<string, Make> = {
  boundedBuffer: (setup) => boundedBuffer({ capacity: 3, ...common(setup) }),
  'boundedBuffer, drop-oldest': (setup) => boundedBuffer({ capacity: 3, overflow: 'drop-oldest', ...common(setup) }),
  'boundedBuffer, drop-newest': (setup) => boundedBuffer({ capacity: 3, overflow: 'drop-newest', ...common(setup) }),
  'boundedBuffer, maxAge': (setup) => boundedBuffer({ capacity: 3, maxAge: 15, ...common(setup) }),
  'boundedBuffer, deadline': (setup) => boundedBuffer({ capacity: 3, deadline, ...common(setup) }),
  valve: (setup) =>
    valve(concat(of(true), timer(5, 20, setup.scheduler).pipe(map((i) => i % 3 !== 1)), NEVER), {
      ...{ capacity: 2, overflow: 'drop-oldest' },
      ...common(setup),
    }),
  shed: (setup) => shed({ capacity: 3, priority, ...common(setup) }),
  'shed, deadline': (setup) => shed({ capacity: 3, priority, deadline, maxAge: 40, ...common(setup) }),
  shedByDelay: (setup) => shedByDelay({ capacity: 3, target: 5, interval: 20, ...common(setup) }),
  batch: (setup) => batch({ size: 3, within: 25, ...common(setup) }),
  'batch by cost': (setup) => batch({ cost: priority, maxCost: 4, ...common(setup) }),
  rateLimit: (setup) => rateLimit({ rate: 1_000, burst: 2, ...common(setup) }),
  'rateLimit, drop': (setup) => rateLimit({ rate: 1_000, burst: 2, excess: 'drop', ...common(setup) }),
  'rateLimit, maxWait': (setup) => rateLimit({ rate: 100, burst: 1, maxWait: 5, ...common(setup) }),
  mergePriority: (setup) => (source) =>
    mergePriority([{ source, priority: 1 }], { prefetch: 2, overflow: 'drop-oldest', ...common(setup) }),
  pool: (setup) => pool(worker(setup), { concurrency: 2, ...common(setup) }),
  'pool, in source order': (setup) =>
    pool(worker(setup), { concurrency: 3, order: 'source', window: 5, ...common(setup) }),
  'pool, by key': (setup) => pool(worker(setup), { concurrency: 2, key: priority, ...common(setup) }),
  'pool, deadline': (setup) => pool(worker(setup), { concurrency: 1, waiting: 3, deadline, ...common(setup) }),
  'pool, timeout and retry': (setup) =>
    pool(worker(setup), {
      ...{ concurrency: 2, timeout: 20, deadline, retry: { attempts: 2, backoff: fixed(10) } },
      ...common(setup),
    }),
  broadcast: (setup) => shared('block', 'error')(common(setup) as LawSetup),
  'broadcast, drop-oldest': (setup) => shared('block', 'drop-oldest')(common(setup) as LawSetup),
  'broadcast, drop-newest': (setup) => shared('block', 'drop-newest')(common(setup) as LawSetup),
  'broadcast, slow drop-oldest': (setup) => shared('drop-oldest', 'error')(common(setup) as LawSetup),
  'broadcast, slow latest': (setup) => shared('latest', 'error')(common(setup) as LawSetup),
  'broadcast, slow evict': (setup) => shared('evict', 'error')(common(setup) as LawSetup),
};

const script = fc.array(
  fc.tuple(
    fc.constantFrom(
      ...STEPS.flatMap((kind) =>
        ['complete', 'error', 'unsubscribe'].includes(kind) ? [kind] : (Array(4).fill(kind) as (typeof kind)[]),
      ),
    ),
    fc.nat(7),
  ),
  { maxLength: 40, size: 'max' },
);

/** Runs `steps`, numbers from the source being made deliveries first; at the end it unsubscribes. */
function play(make: Make, steps: readonly Step[], onDrop?: (delivery: Delivery<number>) => void, callbacks = Infinity) {
  const messages = new Messages();
  const got: number[] = [];
  const create = (setup: LawSetup): OperatorFunction<number, number | readonly number[]> => {
    const drop = (drop: Drop): void => {
      setup.onDrop(drop);
      onDrop?.(drop.value as Delivery<number>);
    };
    const operator = make({ ...setup, onDrop: drop });
    return (source) =>
      source.pipe(
        map((value) => messages.make(value)),
        operator,
        map((given) => {
          const values = [given].flat().map(({ value }: Delivery<number>) => value);
          got.push(...values);
          return values;
        }),
      );
  };
  const run = new LawRun(
    { name: '', create, bound: Infinity },
    {
      onCallback: (run) => {
        if (--callbacks === 0) run.unsubscribe();
      },
    },
  );
  for (const step of steps) run.do(step);
  run.unsubscribe();
  return { messages, got, drops: run.drops as Drop<Delivery<number>>[] };
}

describe.each(Object.entries(operators))('%s', (_name, make) => {
  test('what it drops is released, or a dead letter where it has expired; what it gives on is not touched', () => {
    fc.assert(
      fc.property(script, (steps) => {
        const { messages, got, drops } = play(make, steps);
        const expired = new Set(drops.filter(({ reason }) => reason === 'expired').map(({ value }) => value.id));
        for (const id of messages.outcomes.keys()) {
          const expected = expired.has(id) ? 'dead expired' : 'release';
          expect([id, messages.of(id)]).toEqual([id, got.includes(Number(id)) ? undefined : expected]);
        }
      }),
      { numRuns: runs },
    );
  });

  test('also when it is unsubscribed from inside a callback', () => {
    fc.assert(
      fc.property(script, fc.integer({ min: 1, max: 12 }), (steps, callbacks) => {
        const { messages, got } = play(make, steps, undefined, callbacks);
        for (const id of messages.outcomes.keys()) {
          if (!got.includes(Number(id)))
            expect([id, messages.of(id)]).toEqual([id, expect.stringMatching(/^(release|dead expired)$/)]);
        }
      }),
      { numRuns: runs },
    );
  });

  test('`onDrop` may settle it first', () => {
    fc.assert(
      fc.property(script, (steps) => {
        const nack = (delivery: Delivery<number>): void => void delivery.nack();
        const { messages, got } = play(make, steps, nack);
        for (const id of messages.outcomes.keys()) {
          expect([id, messages.of(id)]).toEqual([id, got.includes(Number(id)) ? undefined : 'nack']);
        }
      }),
      { numRuns: runs / 3 },
    );
  });
});

describe('operators for deliveries', () => {
  const only: Record<string, Make> = {
    splitDelivery: (setup) => splitDelivery((value) => [value, value], common(setup)),
    batchDeliveries: (setup) => (source) =>
      source.pipe(
        batchDeliveries({ size: 3, within: 25, ...common(setup) }),
        // Looked at as several again, which are settled as one.
        map((many) => many.value.map((value) => many.map(() => value))),
      ),
  };

  test.each(Object.entries(only))('%s gives back all that has not gone on', async (name, make) => {
    const property = fc.asyncProperty(script, async (steps) => {
      const { messages, got } = play(make, steps);
      await Promise.resolve();
      for (const id of messages.outcomes.keys()) {
        // Of a message that was split, the parts that went on are not settled: then it is not, either.
        const expected = got.includes(Number(id)) ? undefined : 'release';
        expect([name, id, messages.of(id)]).toEqual([name, id, expected]);
      }
    });
    await fc.assert(property, { numRuns: runs });
  });

  test('splitDelivery releases the parts that are left, and the message when those that went on are done', () => {
    const messages = new Messages();
    const parts: Delivery<string>[] = [];
    const sink = Sink.on(pull([messages.make('abc')]).pipe(splitDelivery((text) => text)), {
      ...{ next: (part) => void parts.push(part), error: () => undefined, complete: () => undefined },
    });
    sink.request(1);
    sink.unsubscribe();
    expect([parts.map(({ value }) => value), messages.of('abc')]).toEqual([['a'], undefined]);
    void parts[0]!.ack();
    expect(messages.of('abc')).toBe('release');
  });

  test('handle settles each once: what it has not handled it releases', async () => {
    const handlers = (setup: LawSetup): Operator => {
      const work = worker(setup);
      const handler = (value: number, { delivery }: { delivery: Delivery<number> }): unknown =>
        new Promise((resolve, reject) =>
          work(delivery).subscribe({ next: () => (value % 3 === 0 ? reject(new Error('no')) : resolve(value)) }),
        );
      const options = { concurrency: 2, ...common(setup), timeout: 50, maxAttempts: 1 };
      return (source) =>
        source.pipe(
          handle(handler, options),
          map(({ delivery }) => delivery),
        );
    };
    const property = fc.asyncProperty(script, async (steps) => {
      const { messages } = play(handlers, steps);
      await settled();
      for (const id of messages.outcomes.keys()) {
        expect([id, messages.of(id)]).toEqual([id, expect.stringMatching(/^(ack|release|dead attempts)$/)]);
      }
    });
    await fc.assert(property, { numRuns: runs });
  });
});

describe('broadcast', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ send: fc.nat(2) }) },
    { weight: 2, arbitrary: fc.record({ join: fc.constantFrom('block', 'drop-oldest', 'latest', 'evict') }) },
    { weight: 6, arbitrary: fc.record({ request: fc.nat(4), values: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ leave: fc.nat(4) }) },
  );

  test('a message is acked when all who were there when it came have acked it, and released when one could not', () => {
    const setup = fc.record({
      replay: fc.nat(2),
      overflow: fc.constantFrom('drop-oldest' as const, 'drop-newest' as const),
    });
    fc.assert(
      fc.property(setup, fc.array(step, { maxLength: 40, size: 'max' }), ({ replay, overflow }, steps) => {
        const messages = new Messages();
        const source = new ManualSource<Delivery<number>>();
        const dropped = new Set<string>();
        const onDrop = ({ value }: Drop<Delivery<number>>): void => {
          if (!value.settled) dropped.add(value.id); // not by one to whom it was only replayed
        };
        const ring = broadcast(source, { capacity: 3, replay, overflow, resetOnRefCountZero: false, onDrop });
        const consumers: ManualConsumer<Delivery<number>>[] = [];
        /** Those who were there, and who took it. */
        const all = new Map<string, number>();
        const owed = new Map<string, number>();
        let next = 0;
        let present = 0;
        const join = (slow: string): void => {
          let left = false;
          const leave = (): void => {
            if (!left) present--;
            left = true;
          };
          const values = ring.with({ slow: slow as 'block', ...(slow === 'evict' && { maxLag: 2 }) });
          const consumer = new ManualConsumer(values, (delivery) => {
            const late = delivery.settled;
            expect(delivery.ack() === false).toBe(late);
            if (!late) owed.set(delivery.id, owed.get(delivery.id)! - 1);
          });
          present++;
          consumer.subscription.add(leave);
          consumers.push(consumer);
        };
        for (const each of steps) {
          if ('join' in each) join(each.join);
          else if ('request' in each) consumers[each.request % consumers.length]?.request(each.values);
          else if ('leave' in each) consumers[each.leave % consumers.length]?.unsubscribe();
          else {
            for (let i = 0; i <= each.send && source.open > 0; i++) {
              all.set(String(next), present);
              owed.set(String(next), present);
              source.send(messages.make(next++));
            }
          }
        }
        for (const consumer of consumers) consumer.unsubscribe();
        for (const [id, missing] of owed) {
          const wanted = all.get(id)! > 0 && missing === 0 && !dropped.has(id);
          expect([id, messages.of(id)]).toEqual([id, wanted ? 'ack' : 'release']);
        }
      }),
      { numRuns: 2 * runs },
    );
  });

  test('each of several has to ack', () => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<string>>();
    const all = broadcast(source, { capacity: 3 });
    const [one, other] = [new ManualConsumer(all), new ManualConsumer(all)];
    one.request(9);
    other.request(9);
    source.send(messages.make('a'));
    void one.values[0]!.ack();
    expect(messages.of('a')).toBeUndefined();
    void other.values[0]!.ack();
    expect(messages.of('a')).toBe('ack');
    one.unsubscribe();
    other.unsubscribe();
  });

  test('one that leaves releases its part, `onDrop` first', () => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<string>>();
    const onDrop = ({ value }: Drop<Delivery<string>>): void => void value.nack({ delay: 5 });
    const all = broadcast(source, { capacity: 3, onDrop });
    const [one, other] = [new ManualConsumer(all), new ManualConsumer(all)];
    source.send(messages.make('a'));
    one.request(1);
    void one.values[0]!.ack();
    other.unsubscribe();
    expect(messages.of('a')).toBe('nack 5');
    one.unsubscribe();
  });

  test('what comes when nobody is there is released; one to whom it is replayed can not settle it', () => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<string>>();
    const all = broadcast(source, { capacity: 3, replay: 2, resetOnRefCountZero: false });
    const first = new ManualConsumer(all);
    first.request(1);
    source.send(messages.make('a'));
    first.unsubscribe();
    source.send(messages.make('b'));
    expect(messages.of('b')).toBe('release');
    const late = new ManualConsumer(all);
    late.request(2);
    expect(late.values.map((delivery) => [delivery.value, delivery.settled, delivery.ack()])).toEqual([
      ['a', true, false],
      ['b', true, false],
    ]);
    void first.values[0]!.ack();
    expect(messages.of('a')).toBe('ack');
    late.unsubscribe();
  });

  test('an `onDrop` that throws keeps nobody else from giving back a part', () => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<number>>();
    const onDrop = (): never => {
      throw new Error('wrong');
    };
    const all = broadcast(source, { capacity: 1, onDrop });
    const slow = all.with({ slow: 'drop-oldest' });
    const consumers = [new ManualConsumer(slow), new ManualConsumer(slow)];
    vi.useFakeTimers(); // what is thrown when a stream has ended is thrown anew by a timer
    source.send(messages.make(1));
    source.send(messages.make(2));
    vi.clearAllTimers();
    vi.useRealTimers();
    expect(messages.all).toEqual(['release', 'release']);
    expect(consumers[0]!.end).toMatchObject({ error: { message: 'wrong' } });
  });
});

describe('a result that a pool holds is handed back', () => {
  test.each(['completion', 'source'] as const)('in the order of %s', async (order) => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<string>>();
    const one = (text: Delivery<string>): Promise<Delivery<string>> => Promise.resolve(text.split('x')[0]!);
    const consumer = new ManualConsumer(source.pipe(pool(one, { concurrency: 2, order })));
    for (const text of ['a', 'b']) source.send(messages.make(text));
    await settled();
    expect(messages.all).toEqual([undefined, undefined]);
    consumer.unsubscribe();
    expect(messages.all).toEqual(['release', 'release']);
  });

  test('also when it comes after the end', async () => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<string>>();
    const one = (text: Delivery<string>): Promise<Delivery<string>> => Promise.resolve(text.split('x')[0]!);
    const consumer = new ManualConsumer(source.pipe(pool(one, { concurrency: 2 })));
    source.send(messages.make('a'));
    consumer.unsubscribe();
    await settled();
    expect(messages.of('a')).toBe('release');
  });
});

describe('sources and sinks', () => {
  const three = (messages: Messages): Delivery<number>[] => [1, 2, 3].map((value) => messages.make(value));
  async function* slowly(deliveries: readonly Delivery<number>[]): AsyncGenerator<Delivery<number>> {
    for (const delivery of deliveries) yield await Promise.resolve(delivery);
  }

  test('pull: what was read and had no room, and what comes after the end', async () => {
    const messages = new Messages();
    const [one, two] = three(messages);
    let answer: (result: IteratorResult<Delivery<number>>) => void = () => undefined;
    const input = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<Delivery<number>>>((resolve) => (answer = resolve)),
      }),
    };
    const room = { free: true };
    class Narrow extends Stage<Delivery<number>> {
      get requested(): number {
        return room.free ? 1 : 0;
      }
      get held(): number {
        return 0;
      }
      protected accept(): void {
        throw new Error('nothing has room');
      }
      protected work(): void {
        // nothing is held
      }
      protected clear(): void {
        // nothing is held
      }
    }
    const narrow = () =>
      new Sink<Delivery<number>>({ next: () => undefined, error: () => undefined, complete: () => undefined });
    const held = new Narrow(narrow(), { name: 'narrow' });
    pull(input).subscribe(held);
    room.free = false;
    answer({ done: false, value: one! });
    await settled();
    expect(messages.of(1)).toBeUndefined();
    held.unsubscribe();
    expect(messages.of(1)).toBe('release');

    const late = Sink.on(pull(input), { next: () => undefined, error: () => undefined, complete: () => undefined });
    late.request(1);
    late.unsubscribe();
    answer({ done: false, value: two! });
    await settled();
    expect(messages.of(2)).toBe('release');
  });

  test('pull: what an iterator gives while it unsubscribes its reader', () => {
    const messages = new Messages();
    const sink = new Sink<Delivery<number>>({
      next: () => undefined,
      error: () => undefined,
      complete: () => undefined,
    });
    function* leaving(): Generator<Delivery<number>> {
      sink.unsubscribe();
      yield messages.make(1);
    }
    pull(leaving()).subscribe(sink);
    sink.request(1);
    expect(messages.of(1)).toBe('release');
  });

  test('Sink: what it had not asked for', () => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<number>>();
    Sink.on(source, { next: () => undefined, error: () => undefined, complete: () => undefined });
    source.send(messages.make(1));
    expect(messages.of(1)).toBe('release');
  });

  test('toAsyncIterable: what it holds when the loop is left, and what overruns it', async () => {
    const messages = new Messages();
    for await (const delivery of toAsyncIterable(pull(three(messages)))) {
      void delivery.ack();
      break;
    }
    expect(messages.all).toEqual(['ack', 'release', 'release']);

    const source = new ManualSource<Delivery<number>>();
    const iterator = toAsyncIterable(source, { capacity: 1 })[Symbol.asyncIterator]();
    const first = iterator.next();
    const others = new Messages();
    for (const delivery of three(others)) source.send(delivery);
    void ((await first) as IteratorYieldResult<Delivery<number>>).value.ack();
    expect(others.all).toEqual(['ack', undefined, 'release']);
    await iterator.return?.();
    expect(others.of(2)).toBe('release');
  });

  test('toReadableStream: what it holds, and what the stream holds, when it is cancelled', async () => {
    const messages = new Messages();
    const reader = toReadableStream(pull(slowly(three(messages)))).getReader();
    void (await reader.read()).value!.ack();
    await settled();
    await reader.cancel();
    await settled();
    expect(messages.all).toEqual(['ack', 'release', 'release']);
  });

  test('toReadableStream without a queue of its own: what was read is not taken back', async () => {
    const messages = new Messages();
    const strategy = { highWaterMark: 0 };
    const reader = toReadableStream(pull(three(messages)), { strategy }).getReader();
    const { value } = await reader.read();
    await reader.cancel();
    expect(messages.all).toEqual([undefined, 'release', 'release']);
    void value!.ack();
    expect(messages.of(1)).toBe('ack');
  });

  test('toReadable: what it holds, and what the Readable holds, when that is destroyed', async () => {
    const messages = new Messages();
    const readable = toReadable(pull(three(messages)), { highWaterMark: 1, capacity: 1 });
    const [first] = (await new Promise<unknown[]>((resolve) =>
      readable.once('readable', () => resolve([readable.read()])),
    )) as [Delivery<number>];
    void first.ack();
    await settled();
    readable.destroy();
    await settled();
    expect(messages.all).toEqual(['ack', ...messages.all.slice(1).map((outcome) => outcome && 'release')]);
    expect(messages.of(2)).toBe('release');
  });
});

describe('tellDropped', () => {
  test('tells each of an array, and nobody else', () => {
    const messages = new Messages();
    tellDropped([messages.make(1), [messages.make(2)], 3, null, undefined, {}], 'evicted');
    expect(messages.all).toEqual(['release', 'release']);
    expect(() => tellDropped(null, 'rate')).not.toThrow();
  });

  test('what one throws is reported, and keeps nobody else from being told', () => {
    const messages = new Messages();
    vi.useFakeTimers();
    const wrong = {
      'sluice.dropped': () => {
        throw new Error('wrong');
      },
    };
    tellDropped([wrong, messages.make(1)], 'evicted');
    expect(() => vi.runAllTimers()).toThrow('wrong');
    vi.useRealTimers();
    expect(messages.of(1)).toBe('release');
  });

  test('an `onDrop` that throws does not keep the value from being told', () => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<number>>();
    const onDrop = (): never => {
      throw new Error('wrong');
    };
    const consumer = new ManualConsumer(source.pipe(boundedBuffer({ capacity: 1, overflow: 'drop-newest', onDrop })));
    vi.useFakeTimers();
    for (const value of [1, 2]) source.send(messages.make(value));
    vi.clearAllTimers();
    vi.useRealTimers();
    expect(consumer.end).toMatchObject({ error: { message: 'wrong' } });
    expect(messages.all).toEqual(['release', 'release']);
  });

  test('`merged` is not told: the merge function has it', () => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<number>>();
    const merge = (held: Delivery<number>): Delivery<number> => held;
    const consumer = new ManualConsumer(source.pipe(boundedBuffer({ capacity: 1, overflow: { merge } })));
    for (const value of [1, 2]) source.send(messages.make(value));
    expect(messages.all).toEqual([undefined, undefined]);
    consumer.unsubscribe();
  });
});
