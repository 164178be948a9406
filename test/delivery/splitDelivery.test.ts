import fc from 'fast-check';
import { mergeMap } from 'rxjs';
import { describe, expect, test } from 'vitest';
import {
  createDelivery,
  drain,
  handle,
  OptionError,
  pull,
  Sink,
  splitDelivery,
  type Delivery,
} from '../../src/index.js';
import { ManualConsumer, ManualSource } from '../../src/testing/index.js';
import { Messages, settled } from './messages.js';

const letters = splitDelivery((text: string) => text);
const valuesOf = (consumer: ManualConsumer<Delivery<string>>): string =>
  consumer.values.map(({ value }) => value).join('');

describe('outcomes', () => {
  test('the message is settled when its parts are', async () => {
    const messages = new Messages();
    pull(['ab', '', 'cd', 'ef'].map((text) => messages.make(text)))
      .pipe(
        letters,
        handle((letter, { dead, retry }) => (letter === 'd' ? dead('bad') : letter === 'e' ? retry(5) : undefined), {
          concurrency: 3,
        }),
      )
      .subscribe();
    await settled();
    expect(messages.all).toEqual(['ack', 'ack', 'dead bad', 'nack 5']);
  });

  test('`project` is given the delivery; its iterable is read at once', () => {
    const one = new Messages().make('ab', { headers: { to: 'c' } });
    const read: string[] = [];
    const consumer = new ManualConsumer(
      pull([one]).pipe(
        splitDelivery(function* (text, { headers }) {
          for (const letter of `${text}${headers['to']}`) {
            read.push(letter);
            yield letter;
          }
        }),
      ),
    );
    consumer.request(1);
    expect([read, valuesOf(consumer)]).toEqual([['a', 'b', 'c'], 'a']);
  });

  test('one that is settled is split into parts that are', () => {
    const messages = new Messages();
    const one = messages.make('ab');
    void one.release();
    const consumer = new ManualConsumer(pull([one]).pipe(letters));
    consumer.request(9);
    expect(consumer.values.map((part) => [part.value, part.settled, part.ack()])).toEqual([
      ['a', true, false],
      ['b', true, false],
    ]);
    expect([messages.of('ab'), consumer.end]).toEqual(['release', 'complete']);
  });

  test.each<[string, (text: string) => Iterable<string>]>([
    [
      'throws',
      () => {
        throw new Error('wrong');
      },
    ],
    [
      'returns what throws while it is read',
      function* () {
        yield 'a';
        throw new Error('wrong');
      },
    ],
    ['returns what is no iterable', () => 5 as never],
  ])('`project` that %s nacks the message and ends the stream', (_name, project) => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<string>>();
    const consumer = new ManualConsumer(source.pipe(splitDelivery(project)));
    consumer.request(9);
    source.send(messages.make('ab'));
    expect([messages.of('ab'), consumer.values, source.open]).toEqual(['nack', [], 0]);
    expect(consumer.end).toEqual({ error: expect.any(Error) as Error });
    expect(messages.outcomes.get('ab')).toEqual([{ kind: 'nack', ...(consumer.end as object) }]);
  });

  test('what is no iterable is refused by a ReturnError that names the stage', () => {
    const messages = new Messages();
    const stage = splitDelivery<string, string>(() => null as never, { name: 'lines' });
    const consumer = new ManualConsumer(pull([messages.make('ab')]).pipe(stage));
    consumer.request(1);
    const { error } = consumer.end as unknown as { error: Error };
    expect(error).toMatchObject({ code: 'SLUICE_RETURN', stage: 'lines' });
    expect(error.message).toBe('`lines`: `project` returned null, expected an iterable');
  });
});

describe('demand', () => {
  test('parts go as they are asked for, the next message is taken when those of one have gone', () => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<string>>();
    const consumer = new ManualConsumer(source.pipe(letters));
    source.sendOnDemand(messages.make('abc'));
    source.sendOnDemand(messages.make('de'));
    source.sendOnDemand(messages.make('f'));
    expect([source.unsent, valuesOf(consumer)]).toEqual([3, '']);
    consumer.request(2);
    expect([source.unsent, valuesOf(consumer)]).toEqual([2, 'ab']);
    consumer.request(1);
    expect([source.unsent, valuesOf(consumer)]).toEqual([2, 'abc']);
    consumer.request(3);
    expect([source.unsent, valuesOf(consumer)]).toEqual([0, 'abcdef']);
  });

  test('at random: never more than one message that is not wholly given on, and order', () => {
    const property = fc.property(
      fc.array(fc.string({ maxLength: 4 }), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 20 }),
      (texts, requests) => {
        const messages = new Messages();
        let taken = 0;
        const source = texts.map((text, i) => messages.make({ i, text }, { id: `${i}` }));
        const counted = (function* () {
          for (const each of source) {
            taken++;
            yield each;
          }
        })();
        const consumer = new ManualConsumer(
          pull(counted).pipe(splitDelivery(({ i, text }) => Array.from(text, () => i))),
        );
        const parts = texts.flatMap((text, i) => Array.from(text, () => i));
        let asked = 0;
        for (const n of [...requests, 60]) {
          consumer.request(n);
          asked += n;
          expect(consumer.values.map(({ value }) => value)).toEqual(parts.slice(0, asked));
          const whole = new Set(parts.slice(asked));
          if (asked < parts.length) expect(taken).toBeLessThanOrEqual(parts[asked - 1]! + 1); // none ahead
          expect(source.slice(0, taken).filter((_, i) => whole.has(i)).length).toBeLessThanOrEqual(1);
        }
        for (const part of consumer.values) void part.ack();
        expect(messages.all).toEqual(texts.map(() => 'ack'));
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  test('a message of a million parts, and a million messages of one or none, on a flat stack', () => {
    let acked = 0;
    let parts = 0;
    const settle = (): number => acked++;
    const make = (n: number): Delivery<number> => createDelivery(n, { info: { id: 'x' }, settle });
    const count = (values: readonly number[]): void => {
      pull(values.map(make))
        .pipe(splitDelivery((n) => Array<number>(n).fill(n)))
        .subscribe((part) => {
          parts++;
          void part.ack();
        });
    };
    count([1e6]);
    expect([acked, parts]).toEqual([1, 1e6]);
    count(Array.from({ length: 1e5 }, (_, i) => i % 2));
    expect([acked, parts]).toEqual([1 + 1e5, 1e6 + 5e4]);
  });

  test('a consumer that asks for more from inside next, and a source that sends then: order is kept', () => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<string>>();
    const consumer: ManualConsumer<Delivery<string>> = new ManualConsumer(source.pipe(letters), ({ value }) => {
      if (value === 'a') source.sendOnDemand(messages.make('de'));
      consumer.request(1);
    });
    source.sendOnDemand(messages.make('abc'));
    consumer.request(1);
    expect(valuesOf(consumer)).toBe('abcde');
  });
});

describe('the end', () => {
  test('unsubscribing from inside next releases the parts that are left, and a message that waits', () => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<string>>();
    const consumer: ManualConsumer<Delivery<string>> = new ManualConsumer(source.pipe(letters), ({ value }) => {
      if (value === 'b') consumer.unsubscribe();
    });
    consumer.request(9);
    source.send(messages.make('abc'));
    expect([valuesOf(consumer), source.open, messages.of('abc')]).toEqual(['ab', 0, undefined]);
    for (const part of consumer.values) void part.ack();
    expect(messages.of('abc')).toBe('release');
  });

  test('an error of the source comes after the parts', () => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<string>>();
    const consumer = new ManualConsumer(source.pipe(letters));
    source.send(messages.make('ab'));
    source.error(new Error('gone'));
    expect(consumer.end).toBeUndefined();
    consumer.request(2);
    expect([valuesOf(consumer), consumer.end]).toEqual(['ab', { error: new Error('gone') }]);
  });

  test('what is sent without demand, and has no room, is released', () => {
    const messages = new Messages();
    const source = new ManualSource<Delivery<string>>();
    const consumer = new ManualConsumer(source.pipe(letters));
    source.send(messages.make('ab'));
    source.send(messages.make('cd'));
    consumer.request(2);
    expect([valuesOf(consumer), messages.all]).toEqual(['ab', [undefined, 'release']]);
    expect(consumer.end).toMatchObject({ error: { code: 'SLUICE_OVERFLOW' } });
  });

  test('drain gives the parts of what it has taken', async () => {
    const messages = new Messages();
    const sent: string[] = [];
    const subscription = Sink.on(
      pull(
        (function* () {
          for (const text of ['abc', 'def']) {
            sent.push(text);
            yield messages.make(text);
          }
        })(),
      ).pipe(letters),
      { next: (part) => void part.ack(), error: () => undefined, complete: () => undefined },
    );
    subscription.request(1);
    const draining = drain(subscription, { within: Infinity });
    subscription.request(9);
    expect(await draining).toMatchObject({ ended: 'complete', done: 1, released: 0 });
    expect([sent, messages.all]).toEqual([['abc'], ['ack']]);
  });

  test('its parts are safe in what RxJS makes of them: mergeMap, each acked when its work is done', async () => {
    const messages = new Messages();
    pull([messages.make('ab'), messages.make('c')])
      .pipe(
        letters,
        mergeMap(async (part) => part.ack(), 2),
      )
      .subscribe();
    await settled();
    expect(messages.all).toEqual(['ack', 'ack']);
  });
});

test('wrong input', () => {
  expect(() => splitDelivery(undefined as never)).toThrow(OptionError);
  expect(() => splitDelivery(() => [], { concurrency: 2 } as never)).toThrow('`concurrency`');
});
