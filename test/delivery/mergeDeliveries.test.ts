import { describe, expect, test } from 'vitest';
import { handle, mergeDeliveries, OptionError, pull, type Delivery } from '../../src/index.js';
import { Messages, settled } from './messages.js';

describe('mergeDeliveries', () => {
  test('one outcome settles all, and those alone can not be settled any more', async () => {
    const messages = new Messages();
    const [a, b] = [messages.make('a'), messages.make('b')];
    const both = mergeDeliveries([a, b]);
    expect([a.settled, a.ack(), both.settled]).toEqual([true, false, false]);
    expect(await both.nack({ delay: 4 })).toBe('settled');
    expect(both.ack()).toBe(false);
    expect(messages.all).toEqual(['nack 4', 'nack 4']);
  });

  test('says that a lease was lost when one was; the others are settled', async () => {
    const messages = new Messages((_outcome, id) => (id === 'a' ? 'lease-lost' : 'settled'));
    expect(await mergeDeliveries([messages.make('a'), messages.make('b')]).ack()).toBe('lease-lost');
    expect(messages.all).toEqual(['ack', 'ack']);
  });

  test('those settled before have no say, and one that is there twice is settled once', async () => {
    const messages = new Messages();
    const [a, b] = [messages.make('a'), messages.make('b')];
    void a.release();
    expect(await mergeDeliveries([a, b, b.map((text) => text + text)]).ack()).toBe('settled');
    expect(messages.all).toEqual(['release', 'ack']);
  });

  test('parts of one message, which waits for the others', async () => {
    const messages = new Messages();
    const [a, b, c] = messages.make('abc').split('abc');
    expect(await mergeDeliveries([a!, b!]).ack()).toBe('settled');
    expect(messages.of('abc')).toBeUndefined();
    expect(await c!.deadLetter('bad')).toBe('settled');
    expect(messages.of('abc')).toBe('dead bad');
  });

  test('only those die that have expired, or whose attempts are over: the others come again', () => {
    const messages = new Messages();
    const make = (ids: string): Delivery<string>[] => [
      messages.make(`${ids}1`, { deadline: 5, attempt: 1 }),
      messages.make(`${ids}2`, { deadline: 9, attempt: 3 }),
      messages.make(`${ids}3`),
    ];
    mergeDeliveries(make('a'))['sluice.dropped']('expired');
    void mergeDeliveries(make('b')).deadLetter('attempts');
    void mergeDeliveries(make('c')).deadLetter('attempts', new Error('no'));
    void mergeDeliveries(make('d')).deadLetter('bad');
    expect(messages.all).toEqual([
      ...['dead expired', 'release', 'release'],
      ...['release', 'dead attempts', 'release'],
      ...['nack', 'dead attempts', 'nack'],
      ...['dead bad', 'dead bad', 'dead bad'],
    ]);
    expect(messages.outcomes.get('c1')).toEqual([{ kind: 'nack', error: new Error('no') }]);
  });

  test('also through parts of it, and batches of batches', async () => {
    const messages = new Messages();
    const [one, two, three] = [messages.make('1', { deadline: 0 }), messages.make('2'), messages.make('3')];
    const inner = mergeDeliveries([one, two]);
    pull(mergeDeliveries([inner, three]).split('ab'))
      .pipe(handle(() => undefined, { concurrency: 1 }))
      .subscribe();
    await settled();
    expect(messages.all).toEqual(['dead expired', 'release', 'release']);
  });

  test('tells what holds for all', () => {
    const messages = new Messages();
    const one = messages.make('a', {
      ...{ key: 'k', attempt: 1, publishedAt: 20, priority: 3, deadline: 9, headers: { same: 's', one: 'x' } },
    });
    const other = messages.make('b', {
      ...{ key: 'k', attempt: 4, publishedAt: 10, priority: 1, headers: { same: 's', one: 'y' } },
    });
    const third = messages.make('c', { key: 'l' });
    const { id, key, attempt, publishedAt, priority, deadline, headers, value } = mergeDeliveries([one, other]);
    expect({ id, key, attempt, publishedAt, priority, deadline, headers, value }).toEqual({
      ...{ id: 'a', key: 'k', attempt: 4, publishedAt: 10, priority: 3, deadline: 9 },
      ...{ headers: { same: 's' }, value: ['a', 'b'] },
    });
    expect(mergeDeliveries([other, third]).key).toBeUndefined();
  });

  test('its signal aborts when one lease is lost, and listens to none once it is settled', async () => {
    const messages = new Messages();
    const controllers = [new AbortController(), new AbortController()];
    const make = () => controllers.map(({ signal }, i) => messages.make(i, { signal }));
    const merged = mergeDeliveries(make());
    const { signal } = merged;
    const early = mergeDeliveries(make());
    expect(early.signal.aborted).toBe(false);
    void early.ack();
    const [part] = mergeDeliveries(make()).split('a');
    void part!.ack();
    const late = part!.signal;
    controllers[1]!.abort('gone');
    expect([signal.aborted, signal.reason, early.signal.aborted, late.aborted]).toEqual([true, 'gone', false, false]);
    expect(mergeDeliveries(make()).signal.aborted).toBe(true);
    await settled();
  });

  test.each([[[]], [undefined], [['no delivery']], ['text']])('refuses %o', (wrong) => {
    expect(() => mergeDeliveries(wrong as never)).toThrow(OptionError);
  });
});
