import { expect, test } from 'vitest';
import { mapDelivery, OptionError, pull, type Delivery } from '../../src/index.js';
import { ManualConsumer, ManualSource } from '../../src/testing/index.js';
import { Messages } from './messages.js';

test('the value is changed, and what is settled is the message', () => {
  const messages = new Messages();
  const one = messages.make(1, { key: 'k', attempt: 2 });
  const consumer = new ManualConsumer(pull([one]).pipe(mapDelivery((n, delivery) => `${n} ${delivery === one}`)));
  consumer.request(2);
  const [mapped] = consumer.values;
  expect([mapped!.value, mapped!.id, mapped!.key, mapped!.attempt]).toEqual(['1 true', '1', 'k', 2]);
  expect(messages.of(1)).toBeUndefined();
  void mapped!.nack({ delay: 5 });
  expect([messages.of(1), one.settled, consumer.end]).toEqual(['nack 5', true, 'complete']);
});

test('it asks for what it is asked for', () => {
  const source = new ManualSource<Delivery<number>>();
  const consumer = new ManualConsumer(source.pipe(mapDelivery((n) => n)));
  expect(source.requested).toBe(0);
  consumer.request(3);
  expect(source.requested).toBe(3);
});

test('what is thrown ends the stream, the delivery being nacked; the source is let go', () => {
  const messages = new Messages();
  const source = new ManualSource<Delivery<number>>();
  const consumer = new ManualConsumer(
    source.pipe(
      mapDelivery((n) => {
        if (n === 2) throw new Error('wrong');
        return n;
      }),
    ),
  );
  consumer.request(9);
  source.send(messages.make(1));
  source.send(messages.make(2));
  expect(messages.all).toEqual([undefined, 'nack']);
  expect(messages.outcomes.get('2')).toEqual([{ kind: 'nack', error: new Error('wrong') }]);
  expect([consumer.end, source.open]).toEqual([{ error: new Error('wrong') }, 0]);
});

test('what `project` has settled before it throws stays so: what can not be parsed is a dead letter', () => {
  const messages = new Messages();
  const parse = (text: string, delivery: Delivery<string>): number => {
    void delivery.deadLetter('no number');
    throw new Error(text);
  };
  const consumer = new ManualConsumer(pull([messages.make('x')]).pipe(mapDelivery(parse)));
  consumer.request(1);
  expect([messages.of('x'), consumer.end]).toEqual(['dead no number', { error: new Error('x') }]);
});

test('one that is settled goes on, settled', () => {
  const messages = new Messages();
  const one = messages.make(1);
  void one.ack();
  const consumer = new ManualConsumer(pull([one]).pipe(mapDelivery((n) => n + 1)));
  consumer.request(1);
  expect(consumer.values.map(({ value, settled }) => [value, settled])).toEqual([[2, true]]);
});

test('wrong input', () => {
  expect(() => mapDelivery(5 as never)).toThrow(OptionError);
  expect(() => mapDelivery(undefined as never)).toThrow('`project`');
});
