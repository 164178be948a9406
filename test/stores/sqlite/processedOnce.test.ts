import { describe, expect, test } from 'vitest';
import { createDelivery, mergeDeliveries, OptionError, type Delivery } from '../../../src/index.js';
import { ReturnError } from '../../../src/errors.js';
import { processedOnce, type ProcessedOptions } from '../../../src/stores/sqlite/index.js';
import { VirtualTime } from '../../../src/testing/index.js';
import { connect } from './helpers.js';

type Database = ReturnType<typeof connect>;

const IN: ProcessedOptions = { scope: 'orders' };

function setUp(): Database {
  const database = connect(':memory:');
  database.exec('CREATE TABLE sent (name)');
  return database;
}

function send(database: Database, name = 'a'): () => void {
  return () => void database.prepare('INSERT INTO sent VALUES (?)').run(name);
}

function count(database: Database, table = 'sent'): number {
  return (database.prepare(`SELECT count(*) AS count FROM ${table}`).get() as { count: number }).count;
}

test('runs the work once for each message and scope', () => {
  const database = setUp();
  const once = (delivery: string | { id: string }, scope = 'orders'): boolean =>
    processedOnce(database, delivery, send(database), { scope });
  expect([once('1'), once({ id: '1' }), once('2'), once('1', 'bills'), once('1', 'bills')]).toEqual([
    true,
    false,
    true,
    true,
    false,
  ]);
  expect(count(database)).toBe(3);
});

test('odd ids and scopes are told apart', () => {
  const database = setUp();
  const odd = ['', 'a', 'a\0', 'a\0b', '\uD800', '\uFFFD', '\uDC00', "'; DROP TABLE sent; --"];
  const all = odd.flatMap((scope) => odd.slice(1).map((id) => processedOnce(database, id, send(database), { scope })));
  expect(all).not.toContain(false);
  expect(count(database)).toBe(56);
});

describe('work that fails', () => {
  test('is undone, and run again', () => {
    const database = setUp();
    const fails = (): void => {
      send(database)();
      throw new Error('no');
    };
    expect(() => processedOnce(database, '1', fails, IN)).toThrow('no');
    expect(count(database)).toBe(0);
    expect(processedOnce(database, '1', send(database), IN)).toBe(true);
  });

  test('a promise is refused: what was written until then is undone', () => {
    const database = setUp();
    const slow = async (): Promise<void> => {
      send(database)();
      await Promise.resolve();
      throw new Error('nobody hears that');
    };
    expect(() => processedOnce(database, '1', slow, IN)).toThrow(ReturnError);
    expect(count(database)).toBe(0);
    expect(processedOnce(database, '1', send(database), IN)).toBe(true);
  });
});

describe('a delivery of several messages', () => {
  const message = (id: string): Delivery<string> => createDelivery(id, { info: { id }, settle: () => 'settled' });

  test('is refused: it comes again with others', () => {
    const database = setUp();
    const batch = mergeDeliveries([message('a'), message('b')]);
    const call = (): unknown => processedOnce(database, batch, send(database), IN);
    expect(call).toThrow(/each of its `ids`, in one transaction/);
    expect(call).toThrow(expect.objectContaining({ code: 'SLUICE_OPTION', option: 'delivery' }) as Error);
    const [part] = batch.split(batch.value);
    expect(() => processedOnce(database, part!, send(database), IN)).toThrow(OptionError);
    expect(count(database)).toBe(0);
    expect(processedOnce(database, mergeDeliveries([message('a')]), send(database), IN)).toBe(true);
    expect(processedOnce(database, message('a'), send(database), IN)).toBe(false);
  });

  test('each of its messages is done once, in batches that differ', () => {
    const database = setUp();
    const write = ({ ids, value }: Delivery<string[]>): void => {
      database.exec('BEGIN');
      ids.forEach((id, i) => processedOnce(database, id, send(database, value[i]), IN));
      database.exec('COMMIT');
    };
    write(mergeDeliveries(['a', 'b'].map(message)));
    write(mergeDeliveries(['b', 'c', 'a', 'd'].map(message)));
    const rows = database.prepare('SELECT name FROM sent ORDER BY name').all() as { name: string }[];
    expect(rows.map(({ name }) => name).join('')).toBe('abcd');
  });

  test('each part of one message is done once', () => {
    const database = setUp();
    const write = (): boolean[] =>
      message('a')
        .split(['x', 'y'])
        .map((part) => processedOnce(database, part, send(database, part.value), IN));
    expect([write(), write(), count(database)]).toEqual([[true, true], [false, false], 2]);
  });
});

test('takes part in a transaction that is open', () => {
  const database = setUp();
  database.exec('BEGIN');
  send(database, 'before')();
  expect(processedOnce(database, '1', send(database), IN)).toBe(true);
  const fails = (): never => {
    send(database, 'undone')();
    throw new Error('no');
  };
  expect(() => processedOnce(database, '2', fails, IN)).toThrow('no');
  expect(count(database)).toBe(2);
  database.exec('ROLLBACK');
  expect(count(database)).toBe(0);
  expect(processedOnce(database, '1', send(database), IN)).toBe(true);
});

test('remembers for as long as it is told to, and no more than that', () => {
  const database = setUp();
  const time = new VirtualTime();
  const options = { ...IN, keepFor: 1_000, scheduler: time.scheduler };
  const once = (id: string): boolean => processedOnce(database, id, send(database), options);
  for (let id = 0; id < 25; id++) once(String(id));
  time.advanceBy(999);
  expect(once('7')).toBe(false);
  time.advanceBy(1);
  expect(once('7')).toBe(true);
  for (let id = 0; id < 5; id++) once('8');
  expect(count(database, 'sluice_processed')).toBe(2);
});

test.each<[string, unknown[]]>([
  ['scope', ['1', () => 1, {}]],
  ['keepFor', ['1', () => 1, { ...IN, keepFor: -1 }]],
  ['keepFor', ['1', () => 1, { ...IN, keepFor: NaN }]],
  ['scheduler', ['1', () => 1, { ...IN, scheduler: 1 }]],
  ['delivery', [{}, () => 1, IN]],
  ['delivery', [undefined, () => 1, IN]],
  ['delivery', [null, () => 1, IN]],
  ['delivery', ['', () => 1, IN]],
  ['delivery', [{ id: '' }, () => 1, IN]],
  ['work', ['1', undefined, IN]],
])('wrong %s is refused, before anything is done', (option, [delivery, work, options]) => {
  const database = setUp();
  const call = (): unknown =>
    processedOnce(database, delivery as string, work as () => void, options as ProcessedOptions);
  expect(call).toThrow(expect.objectContaining({ code: 'SLUICE_OPTION', option }) as Error);
  expect(() => count(database, 'sluice_processed')).toThrow();
});

test.each([[undefined], [null], [{}], ['a.db'], [{ exec: () => 1 }]])('%j is no database', (database) => {
  const call = (): unknown => processedOnce(database as never, '1', () => 1, IN);
  expect(call).toThrow(expect.objectContaining({ code: 'SLUICE_OPTION', option: 'database' }) as Error);
});
