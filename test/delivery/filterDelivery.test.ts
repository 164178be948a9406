import fc from 'fast-check';
import { expect, expectTypeOf, test } from 'vitest';
import { filterDelivery, OptionError, pull, type Delivery } from '../../src/index.js';
import { ManualConsumer, ManualSource } from '../../src/testing/index.js';
import { Messages } from './messages.js';

test('what is wanted goes on as it is, what is not is acked, whatever is asked for and when', () => {
  const property = fc.property(
    fc.array(fc.boolean(), { maxLength: 30 }),
    fc.array(fc.integer({ min: 1, max: 4 })),
    (wanted, requests) => {
      const messages = new Messages();
      const all = wanted.map((_, i) => messages.make(i));
      const consumer = new ManualConsumer(pull(all).pipe(filterDelivery((i, delivery) => wanted[i] && delivery)));
      for (const n of requests) consumer.request(n);
      const asked = requests.reduce((sum, n) => sum + n, 0);
      const expected = all.filter((_, i) => wanted[i]).slice(0, asked);
      expect(consumer.values).toEqual(expected);
      consumer.request(Infinity);
      expect(consumer.values).toEqual(all.filter((_, i) => wanted[i]));
      expect(messages.all).toEqual(wanted.map((is) => (is ? undefined : 'ack')));
      expect(consumer.end).toBe('complete');
    },
  );
  fc.assert(property);
});

test('a type guard narrows', () => {
  const isText = (value: unknown): value is string => typeof value === 'string';
  const texts = pull([new Messages().make<unknown>('a')]).pipe(filterDelivery(isText));
  const consumer = new ManualConsumer(texts);
  consumer.request(1);
  expectTypeOf(consumer.values[0]!.value).toEqualTypeOf<string>();
  expect(consumer.values[0]!.value).toBe('a');
});

test('a million that are left out: on a flat stack, and for a demand of one', () => {
  let acked = 0;
  const settle = (): number => acked++;
  const one = { ack: settle, value: 1 } as unknown as Delivery<number>;
  const consumer = new ManualConsumer(pull(Array<Delivery<number>>(1e6).fill(one)).pipe(filterDelivery(() => false)));
  consumer.request(1);
  expect([acked, consumer.end]).toEqual([1e6, 'complete']);
});

test('what is thrown ends the stream, the delivery being nacked', () => {
  const messages = new Messages();
  const source = new ManualSource<Delivery<number>>();
  const consumer = new ManualConsumer(
    source.pipe(
      filterDelivery((n) => {
        if (n === 2) throw new Error('wrong');
      }),
    ),
  );
  consumer.request(9);
  source.send(messages.make(1));
  source.send(messages.make(2));
  expect(messages.all).toEqual(['ack', 'nack']);
  expect(messages.outcomes.get('2')).toEqual([{ kind: 'nack', error: new Error('wrong') }]);
  expect([consumer.end, source.open]).toEqual([{ error: new Error('wrong') }, 0]);
});

test('one that `predicate` has settled itself is as it said', () => {
  const messages = new Messages();
  const consumer = new ManualConsumer(
    pull([messages.make(1)]).pipe(filterDelivery((_, delivery) => void delivery.deadLetter('bad'))),
  );
  consumer.request(1);
  expect([messages.of(1), consumer.values]).toEqual(['dead bad', []]);
});

test('wrong input', () => {
  expect(() => filterDelivery(undefined as never)).toThrow(OptionError);
  expect(() => filterDelivery('x' as never)).toThrow('`predicate`');
});
