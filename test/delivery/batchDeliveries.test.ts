import fc from 'fast-check';
import { tap } from 'rxjs';
import { describe, expect, test } from 'vitest';
import {
  batchDeliveries,
  drain,
  handle,
  OptionError,
  pull,
  type BatchDeliveriesOptions,
  type Delivery,
  type Handler,
} from '../../src/index.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../src/testing/index.js';
import { rig } from '../queue/rig.js';
import { Messages, settled } from './messages.js';

function setUp(options: Partial<BatchDeliveriesOptions<number>>, request = 100) {
  const time = new VirtualTime();
  const messages = new Messages();
  const source = new ManualSource<Delivery<number>>();
  const gather = batchDeliveries<number>({ within: 1_000, scheduler: time.scheduler, ...options });
  const consumer = new ManualConsumer(source.pipe(gather));
  consumer.request(request);
  const send = (...values: number[]): void => {
    for (const value of values) source.send(messages.make(value));
  };
  return { time, messages, source, consumer, send, got: () => consumer.values.map(({ value }) => value) };
}

describe('outcomes', () => {
  test('what becomes of the batch becomes of all that are in it', () => {
    const { send, messages, consumer, got } = setUp({ size: 3 });
    send(1, 2, 3, 4);
    expect([got(), messages.all]).toEqual([[[1, 2, 3]], [undefined, undefined, undefined, undefined]]);
    void consumer.values[0]!.nack({ delay: 7 });
    expect(messages.all).toEqual(['nack 7', 'nack 7', 'nack 7', undefined]);
  });

  test('one that is settled, before or while it waits, has no say', () => {
    const { source, messages, consumer, got } = setUp({ size: 3 });
    const [one, two, three] = [1, 2, 3].map((n) => messages.make(n));
    void one!.release();
    source.send(one!);
    source.send(two!);
    void two!.deadLetter('bad');
    source.send(three!);
    expect(got()).toEqual([[1, 2, 3]]);
    void consumer.values[0]!.ack();
    expect(messages.all).toEqual(['release', 'dead bad', 'ack']);
  });

  test('a failure has all of them come again; a batch has a key where all in it have', async () => {
    const messages = new Messages();
    const keys: unknown[] = [];
    const failing = (values: number[], { key }: { key: string | undefined }): void => {
      keys.push(key);
      if (values.includes(2)) throw new Error('no');
    };
    pull([1, 2, 3, 4].map((n) => messages.make(n, { key: n < 3 ? 'a' : `${n}` })))
      .pipe(batchDeliveries({ size: 2, within: 1_000 }), handle(failing, { concurrency: 1, retry: () => 9 }))
      .subscribe();
    await settled();
    expect([keys, messages.all]).toEqual([
      ['a', undefined],
      ['nack 9', 'nack 9', 'ack', 'ack'],
    ]);
  });

  test('at random: each message is settled once, as the batch that it was in, or released', () => {
    const step = fc.oneof(
      fc.constant('send' as const),
      fc.constant('tick' as const),
      fc.constant('ask' as const),
      fc.constantFrom('ack' as const, 'nack' as const),
    );
    const property = fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step), (size, steps) => {
      const { time, send, messages, source, consumer } = setUp({ size, within: 10 }, 0);
      const expected = new Map<number, string>();
      let sent = 0;
      let done = 0;
      for (const each of steps) {
        if (each === 'send' && source.requested > 0) send(sent++);
        else if (each === 'tick') time.advanceBy(6);
        else if (each === 'ask') consumer.request(1);
        else if (each === 'ack' || each === 'nack') {
          const batch = consumer.values[done];
          if (batch === undefined) continue;
          done++;
          void batch[each]();
          for (const value of batch.value) expected.set(value, each);
        }
      }
      const given = new Set(consumer.values.slice(done).flatMap(({ value }) => value));
      consumer.unsubscribe();
      expect(messages.all).toEqual(
        Array.from({ length: sent }, (_, i) => expected.get(i) ?? (given.has(i) ? undefined : 'release')),
      );
      expect(time.pending).toBe(0);
    });
    fc.assert(property, { numRuns: 500 });
  });
});

describe('time', () => {
  test('a batch that is not full goes when its time is over', () => {
    const { time, send, got } = setUp({ size: 3, within: 50 });
    send(1);
    time.advanceBy(30);
    send(2);
    time.advanceBy(19);
    expect(got()).toEqual([]);
    time.advanceBy(1);
    expect(got()).toEqual([[1, 2]]);
    send(3);
    time.advanceBy(49);
    expect(got()).toEqual([[1, 2]]);
    time.advanceBy(1);
    expect([got(), time.pending]).toEqual([[[1, 2], [3]], 0]);
  });
});

describe('the end', () => {
  test('unsubscribing releases what is in the batch, and leaves no timer', () => {
    const { time, send, messages, consumer } = setUp({ size: 3, within: 50 });
    send(1, 2, 3, 4, 5);
    consumer.unsubscribe();
    expect(messages.all).toEqual([undefined, undefined, undefined, 'release', 'release']);
    expect(time.pending).toBe(0);
  });

  test('a batch that nobody asks for is released one by one', () => {
    const { send, messages, consumer } = setUp({ size: 2 }, 0);
    send(1, 2, 3);
    consumer.unsubscribe();
    expect(messages.all).toEqual(['release', 'release', 'release']);
  });

  test('the last batch goes when the source completes, or fails, or is drained', async () => {
    const completed = setUp({ size: 3 });
    completed.send(1);
    completed.source.complete();
    expect([completed.got(), completed.consumer.end]).toEqual([[[1]], 'complete']);
    const failed = setUp({ size: 3 });
    failed.send(1);
    failed.source.error(new Error('gone'));
    expect([failed.got(), failed.consumer.end]).toEqual([[[1]], { error: new Error('gone') }]);
    const drained = setUp({ size: 3 });
    drained.send(1);
    expect(await drain(drained.consumer.subscription, { within: Infinity })).toMatchObject({ ended: 'complete' });
    expect([drained.got(), drained.messages.all]).toEqual([[[1]], [undefined]]);
  });

  test('a `cost` that throws ends the stream: its delivery is nacked, the others are released', () => {
    const cost = ({ value }: Delivery<number>): number => {
      if (value === 2) throw new Error('no cost');
      return 1;
    };
    const { send, messages, consumer } = setUp({ maxCost: 9, cost });
    send(1, 2);
    expect([messages.all, consumer.end]).toEqual([['release', 'nack'], { error: new Error('no cost') }]);
  });
});

test('a `cost` that is none has its delivery nacked', () => {
  const { send, messages, consumer } = setUp({ maxCost: 9, cost: () => NaN });
  send(1);
  expect(messages.all).toEqual(['nack']);
  expect(consumer.end).toMatchObject({ error: { code: 'SLUICE_RETURN', stage: 'batchDeliveries' } });
});

test('what is no delivery ends the stream; those in the batch are released', () => {
  const messages = new Messages();
  const consumer = new ManualConsumer(
    pull([messages.make(1), 5 as never, messages.make(2)]).pipe(batchDeliveries({ size: 3, within: 1_000 })),
  );
  consumer.request(1);
  expect(messages.all).toEqual(['release', 'release']);
  expect(consumer.end).toMatchObject({ error: { code: 'SLUICE_SOURCE' } });
});

test('wrong input', () => {
  expect(() => batchDeliveries({ within: 1 })).toThrow(OptionError);
  expect(() => batchDeliveries({ size: 0, within: 1 })).toThrow('`size`');
});

test('`within` is required: in a batch that does not fill its messages would wait for ever', () => {
  expect(() => batchDeliveries({ size: 3 } as never)).toThrow('(batchDeliveries)');
});

test('what waits in a batch is kept, and handled once, however long that is', async () => {
  const { orders, time, pass } = rig({ visibilityTimeout: 100, maxAttempts: 2 });
  const { scheduler } = time;
  const handled: number[][] = [];
  const subscription = orders
    .deliveries()
    .pipe(
      batchDeliveries({ size: 3, within: 1_000, scheduler }),
      handle((values) => void handled.push(values), { concurrency: 1, scheduler }),
    )
    .subscribe();
  await orders.publish(1);
  await pass(500, 20);
  await orders.publish(2);
  await pass(499, 20);
  expect([handled, (await orders.stats()).inFlight]).toEqual([[], 2]);
  await pass(20);
  expect([handled, (await orders.stats()).inFlight]).toEqual([[[1, 2]], 0]);
  subscription.unsubscribe();
});

test('what waits in a batch is kept no more when it was given on and forgotten', async () => {
  const { orders, time, pass } = rig({ visibilityTimeout: 100 });
  const attempts: number[] = [];
  const subscription = orders
    .deliveries()
    .pipe(batchDeliveries({ size: 1, within: 1_000, scheduler: time.scheduler }))
    .subscribe(({ attempt }) => attempts.push(attempt));
  await orders.publish(1);
  await pass(250, 10);
  expect(attempts).toEqual([1, 2, 3]);
  subscription.unsubscribe();
});

test.each<[string, Handler<number[]>]>([
  ['asks for another attempt', (_values, { retry }) => retry(60_000)],
  ['asks for another attempt, and says why', (_values, { retry }) => retry(60_000, 'closed')],
  [
    'throws',
    () => {
      throw new Error('no');
    },
  ],
])('where one has had its attempts and the handler %s, the others wait as they were told', async (_, handler) => {
  const messages = new Messages();
  pull([messages.make(1, { attempt: 3 }), messages.make(2, { attempt: 1 })])
    .pipe(
      batchDeliveries({ size: 2, within: 100 }),
      handle(handler, { concurrency: 1, maxAttempts: 3, retry: () => 60_000 }),
    )
    .subscribe();
  await settled();
  expect(messages.all).toEqual(['dead attempts', 'nack 60000']);
});

test('one that others are made of while it waits is kept no more when the batch is dropped', async () => {
  const { orders, time, pass, consumer } = rig({ visibilityTimeout: 100 });
  await orders.publish(1);
  const taken: Delivery<number>[] = [];
  const subscription = orders
    .deliveries()
    .pipe(
      tap((delivery) => taken.push(delivery)),
      batchDeliveries({ size: 5, within: 60_000, scheduler: time.scheduler }),
    )
    .subscribe();
  await pass(10);
  taken[0]!.split(['a', 'b']); // and they are forgotten
  subscription.unsubscribe();
  const c = consumer();
  c.request(1);
  await pass(300, 20);
  expect(c.values.map(({ attempt }) => attempt)).toEqual([2]);
  c.unsubscribe();
});
