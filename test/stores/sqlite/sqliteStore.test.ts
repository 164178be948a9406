import { asyncScheduler, firstValueFrom, take, toArray } from 'rxjs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { handle } from '../../../src/delivery/handle.js';
import { OptionError } from '../../../src/errors.js';
import { queue } from '../../../src/queue/index.js';
import type { NewMessage } from '../../../src/queue/store.js';
import { prepare } from '../../../src/stores/sqlite/driver.js';
import { sqliteStore, type SqliteStoreOptions } from '../../../src/stores/sqlite/index.js';
import { VirtualTime } from '../../../src/testing/index.js';
import { bodies, builtIn, connect, folder, FOREVER, message, open, outcome, queueOf, takeNow } from './helpers.js';

describe('options', () => {
  test.each<[string, SqliteStoreOptions]>([
    ['path', {}],
    ['path', { path: '' }],
    ['database', { path: 'a', database: {} as never }],
    ['database', { database: {} as never }],
    ['durability', { path: ':memory:', durability: 'some' as never }],
    ['scheduler', { path: ':memory:', scheduler: {} as never }],
    ['pth', { pth: 'a' } as never],
  ])('%s: %o is refused', (option, options) => {
    expect(() => sqliteStore(options)).toThrow(expect.objectContaining({ code: 'SLUICE_OPTION', option }) as Error);
  });

  test('a topic keeps the order that it was made with', () => {
    const store = open({ path: ':memory:' });
    queueOf(store, 'a', { order: 'key' });
    expect(() => queueOf(store, 'a')).toThrow("Expected `order` to be 'key'");
  });

  test('in memory it is not durable', () => {
    expect(open({ path: ':memory:' }).features.durable).toBe(false);
    expect(open({ path: `${folder()}/a.db` }).features.durable).toBe(true);
  });
});

describe('what was put', () => {
  test('is there after the store was closed, with all that it carries', async () => {
    const path = `${folder()}/a.db`;
    const odd = 'it\'s "odd"\0/;--\uD800 \u{1F600}';
    const rest = { key: odd, headers: { [odd]: odd }, priority: -7, publishedAt: 5.5, deadline: 17, dedupeId: odd };
    const first = sqliteStore({ path });
    const bytes = new Uint8Array([0, 255, 0]);
    const [put] = await queueOf(first, odd, { order: 'key' }).topic.put([message(odd, rest), message(bytes)], false);
    await first.close();

    const { topic, group } = queueOf(open({ path }), odd, { order: 'key' });
    expect(await topic.put([message('again', rest)], false)).toEqual([{ ...(put as object), duplicate: true }]);
    const [plain, taken] = await group.take(9, FOREVER);
    const { dedupeId, ...carried } = rest;
    expect(dedupeId).toBe(odd);
    expect({ ...taken }).toEqual({ id: (put as { id: string }).id, body: odd, attempt: 1, ...carried });
    expect(plain!.body).toEqual(bytes);
    expect(plain!.body).not.toBeInstanceOf(Buffer);
  });

  test.each(['1', '-9007199254740991', '9007199254740991'])('keeps the priority %s', async (priority) => {
    const { topic, group } = queueOf(open({ path: ':memory:' }));
    await topic.put([message('a', { priority: 0 }), message('b', { priority: Number(priority) })], false);
    const taken = await group.take(9, FOREVER);
    expect(bodies(taken)).toEqual(Number(priority) > 0 ? ['b', 'a'] : ['a', 'b']);
    expect(taken.find(({ body }) => body === 'b')!.priority).toBe(Number(priority));
  });

  test('never has the id of another, also when that is gone, or in another file', async () => {
    const path = `${folder()}/a.db`;
    const ids = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const store = sqliteStore({ path });
      const { topic, group } = queueOf(store);
      for (const answer of await topic.put([message('a'), message('b')], false)) ids.add((answer as { id: string }).id);
      await group.settle((await group.take(9, FOREVER)).map((taken) => outcome(taken)));
      await store.close();
    }
    const [other] = await queueOf(open({ path: ':memory:' })).topic.put([message('a')], false);
    expect(ids.add((other as { id: string }).id).size).toBe(7);
  });

  test('that is too large fails alone', async () => {
    const database = connect(':memory:');
    const { topic, group } = queueOf(open({ database }));
    database.exec(
      "CREATE TRIGGER large BEFORE INSERT ON sluice_message WHEN length(NEW.body) > 9 BEGIN SELECT RAISE(ABORT, 'too large'); END",
    );
    const puts = [message('a'), message('far too large'), message('b')].map((one) => topic.put([one], false));
    const [first, second, third] = await Promise.allSettled(puts);
    expect([first!.status, second!.status, third!.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((second as PromiseRejectedResult).reason).toMatchObject({ code: 'SLUICE_STORE', cause: {} });
    expect(bodies(await group.take(9, FOREVER))).toEqual(['a', 'b']);
  });

  test('in one turn shares a transaction', async () => {
    const path = `${folder()}/a.db`;
    const { topic, group } = queueOf(open({ path }));
    const other = connect(path);
    const version = (): number => prepare<{ data_version: number }>(other, 'PRAGMA data_version').get()!.data_version;
    const before = version();
    const seen = new Set<number>();
    const publishers = Array.from({ length: 64 }, async () => {
      for (let round = 0; round < 3; round++) {
        await topic.put([message('a')], false);
        seen.add(version());
      }
    });
    await Promise.all(publishers);
    expect(seen.has(before)).toBe(false);
    expect(seen.size).toBe(3);
    expect((await group.count!()).ready).toBe(192);
  });
});

describe('a take', () => {
  test('of large messages gets fewer of them, one at least', async () => {
    const { topic, group } = queueOf(open({ path: ':memory:' }));
    const large = new Uint8Array(9 * 1024 * 1024);
    await topic.put(
      Array.from({ length: 20 }, () => message(large.subarray(0, 1_000_000))),
      false,
    );
    await topic.put([message(large)], false);
    const sizes: number[] = [];
    for (let left = 21; left > 0; left -= sizes.at(-1)!) sizes.push((await group.take(left, FOREVER)).length);
    expect(sizes).toEqual([8, 8, 5]);
    expect((await group.count!()).inFlight).toBe(21);
  });

  test('of small ones gets what it wants, in their order', async () => {
    const { topic, group } = queueOf(open({ path: ':memory:' }));
    const all = Array.from({ length: 1_500 }, (_, nr) => `${nr}`);
    for (const part of [all.slice(0, 700), all.slice(700, 701), all.slice(701)]) {
      await topic.put(
        part.map((body) => message(body)),
        false,
      );
    }
    expect(bodies(await group.take(1_000, FOREVER))).toEqual(all.slice(0, 1_000));
    expect(await group.count!()).toMatchObject({ ready: 500, inFlight: 1_000 });
    expect(bodies(await group.take(1_000, FOREVER))).toEqual(all.slice(1_000));
  });
});

describe('two stores on one file', () => {
  test('compete for messages, wake each other, and settle only what they gave out themselves', async () => {
    const path = `${folder()}/a.db`;
    const [one, two] = [queueOf(open({ path })), queueOf(open({ path }))];
    const waits = two.group.take(9, FOREVER);
    await one.topic.put([message('a')], false);
    const [taken] = await waits;
    expect(taken!.body).toBe('a');
    expect(await takeNow(one.group)).toEqual([]);
    await expect(one.group.settle([outcome(taken!)])).rejects.toThrow(OptionError);
    expect(await two.group.settle([outcome(taken!)])).toEqual(['settled']);
    expect(await one.group.count!()).toMatchObject({ inFlight: 0, ready: 0 });
  });

  test('bound what waits together, and tell each other that there is room', async () => {
    const path = `${folder()}/a.db`;
    const terms = { capacity: 2 };
    const [one, two] = [queueOf(open({ path }), 'a', terms), queueOf(open({ path }), 'a', terms)];
    await one.topic.put([message('a')], false);
    expect(await two.topic.put([message('b'), message('c')], true)).toEqual(['full', 'full']);
    expect(await two.topic.put([message('b'), message('c')], false)).toEqual([expect.anything(), 'full']);
    const room = two.topic.room!(FOREVER);
    await one.group.settle([outcome((await one.group.take(1, FOREVER))[0]!)]);
    await room;
    expect(await two.topic.put([message('c')], false)).toEqual([expect.objectContaining({ duplicate: false })]);
  });

  test('may both make what is new', () => {
    const path = `${folder()}/a.db`;
    const stores = Array.from({ length: 4 }, () => open({ path }));
    for (const store of stores) expect(() => queueOf(store)).not.toThrow();
  });
});

describe('time', () => {
  const timed = (
    visibilityTimeout = 1_000,
    database?: ReturnType<typeof connect>,
  ): ReturnType<typeof queueOf> & { time: VirtualTime; clock: { offset: number } } => {
    const time = new VirtualTime();
    const clock = { offset: 1e12 };
    const scheduler = {
      now: () => time.now + clock.offset,
      schedule: (...args: Parameters<typeof time.scheduler.schedule>) => time.scheduler.schedule(...args),
    };
    const store = open({ ...(database === undefined ? { path: ':memory:' } : { database }), scheduler });
    return { ...queueOf(store, 'a', { visibilityTimeout, order: 'key' }), time, clock };
  };

  test('a take that waits gets what becomes due', async () => {
    const { topic, group, time } = timed();
    await topic.put([message('a', { notBefore: 1e12 + 500 })], false);
    const waits = group.take(1, FOREVER);
    await group.count!(); // the take has looked
    time.advanceBy(499);
    expect(await group.count!()).toMatchObject({ delayed: 1 });
    time.advanceBy(1);
    expect(bodies(await waits)).toEqual(['a']);
  });

  test('a lease that ran out can be settled until somebody else has the message', async () => {
    const { topic, group, time } = timed();
    await topic.put([message('a'), message('b', { key: 'k' })], false);
    const [a, b] = await group.take(2, FOREVER);
    time.advanceBy(1_000);
    expect(await group.count!()).toMatchObject({ ready: 2, inFlight: 0 });
    expect(await group.settle([outcome(a!)])).toEqual(['settled']);
    expect(await group.extend!([a!, b!])).toEqual(['lease-lost', 'settled']);
    time.advanceBy(1_000);
    const [again] = await group.take(2, FOREVER);
    expect(again).toMatchObject({ body: 'b', attempt: 2 });
    expect(await group.settle([outcome(b!), outcome(again!), outcome(again!)])).toEqual([
      'lease-lost',
      'settled',
      'lease-lost',
    ]);
  });

  test('and is not given out in the turn in which that is asked for, nor where it is to be extended', async () => {
    const { topic, group, time } = timed();
    await topic.put([message('a'), message('b', { key: 'k' })], false);
    const [a, b] = await group.take(2, FOREVER);
    time.advanceBy(1_000);
    const stop = new AbortController();
    const again = group.take(2, stop.signal);
    const [acked, extended] = await Promise.all([group.settle([outcome(a!)]), group.extend!([b!])]);
    stop.abort();
    expect([acked, extended, await again]).toEqual([['settled'], ['settled'], []]);
    expect(await group.settle([outcome(b!)])).toEqual(['settled']);
  });

  test('a handler that blocks for longer than the lease lasts acks what nobody else took', async () => {
    const clock = { offset: 0 };
    const scheduler = {
      now: () => asyncScheduler.now() + clock.offset,
      schedule: asyncScheduler.schedule.bind(asyncScheduler),
    };
    const orders = queue<number>(open({ path: ':memory:', scheduler }), 'orders', { visibilityTimeout: 60_000 });
    await orders.publishMany([1, 2, 3]);
    const handled: number[] = [];
    const blocking = handle<number>((value) => void (handled.push(value), (clock.offset += 120_000)), {
      concurrency: 1,
    });
    const results = orders.deliveries().pipe(blocking, take(3), toArray());
    expect((await firstValueFrom(results)).map(({ settled }) => settled)).toEqual(['settled', 'settled', 'settled']);
    expect(handled).toEqual([1, 2, 3]);
  });

  test('room that a settle makes is there for a put of the same turn', async () => {
    const { topic, group } = queueOf(open({ path: ':memory:' }), 'a', { capacity: 1 });
    await topic.put([message('a')], false);
    const [a] = await group.take(1, FOREVER);
    const put = topic.put([message('b')], false);
    expect(await group.settle([outcome(a!)])).toEqual(['settled']);
    expect(await put).toMatchObject([{ duplicate: false }]);
  });

  test('a clock that is set back makes no lease longer than it can be', async () => {
    const { topic, group, time, clock } = timed();
    await topic.put([message('a')], false);
    await group.take(1, FOREVER);
    clock.offset -= 1e9;
    expect(await group.count!()).toMatchObject({ inFlight: 1 });
    time.advanceBy(1_000);
    expect(await group.count!()).toMatchObject({ inFlight: 0, ready: 1 });
  });

  test('nor when that is seen in a transaction that is rolled back', async () => {
    const database = connect(':memory:');
    const { topic, group, time, clock } = timed(1_000, database);
    database.exec(
      "CREATE TRIGGER large BEFORE INSERT ON sluice_message WHEN length(NEW.body) > 9 BEGIN SELECT RAISE(ABORT, 'too large'); END",
    );
    await topic.put([message('a')], false);
    await group.take(1, FOREVER);
    clock.offset -= 1e9;
    const counts = group.count!();
    await expect(topic.put([message('far too large')], false)).rejects.toThrow('too large');
    expect(await counts).toMatchObject({ inFlight: 1 });
    time.advanceBy(1_000);
    expect(await group.count!()).toMatchObject({ inFlight: 0, ready: 1 });
  });

  test('nor a retry that began while it was ahead', async () => {
    const { topic, group, time, clock } = timed();
    await topic.put([message('a')], false);
    const [a] = await group.take(1, FOREVER);
    clock.offset += 1e9;
    await group.settle([outcome(a!, 'nack', 500)]);
    clock.offset -= 1e9;
    expect(await group.count!()).toMatchObject({ delayed: 1 });
    time.advanceBy(500);
    expect(await group.count!()).toMatchObject({ delayed: 0, ready: 1 });
  });

  test('what one take got may be extended, and run out, in parts', async () => {
    const { topic, group, time } = timed();
    await topic.put(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((body) => message(body)),
      false,
    );
    const all = await group.take(6, FOREVER);
    const [a, b, c, d, e, f] = all;
    time.advanceBy(400);
    expect(await group.extend!([d!, b!, e!])).toEqual(['settled', 'settled', 'settled']);
    expect(await group.settle([outcome(e!), outcome(a!)])).toEqual(['settled', 'settled']);
    expect(await group.count!()).toMatchObject({ inFlight: 4, ready: 0 });
    time.advanceBy(600);
    expect(await group.count!()).toMatchObject({ inFlight: 2, ready: 2 });
    const again = await group.take(9, FOREVER);
    expect(again.map(({ body, attempt }) => [body, attempt])).toEqual([
      ['c', 2],
      ['f', 2],
    ]);
    expect(await group.extend!([b!, c!, a!])).toEqual(['settled', 'lease-lost', 'lease-lost']);
    const late = await group.settle([b!, c!, d!, f!, b!].map((one) => outcome(one)));
    expect(late).toEqual(['settled', 'lease-lost', 'settled', 'lease-lost', 'lease-lost']);
    expect(await group.settle(again.map((one) => outcome(one)))).toEqual(['settled', 'settled']);
    expect(await group.count!()).toMatchObject({ inFlight: 0, ready: 0, oldest: undefined });
  });

  test('of leases that run out at once, more than a transaction moves come again', async () => {
    const { topic, group, time } = timed();
    await topic.put(
      Array.from({ length: 2_500 }, (_, nr) => message(`${nr}`)),
      false,
    );
    await group.take(2_500, FOREVER);
    time.advanceBy(1_000);
    expect(await group.count!()).toMatchObject({ inFlight: 0, ready: 2_500 });
    expect(bodies(await group.take(2_500, FOREVER))).toEqual(Array.from({ length: 2_500 }, (_, nr) => `${nr}`));
  });

  test('a scheduled message takes its place in its line when it is due, unless the first is out', async () => {
    const { topic, group, time } = timed(60_000);
    const soon = { key: 'k', notBefore: 1e12 + 500 };
    await topic.put([message('a', soon), message('b', { key: 'k' }), message('c', { key: 'k' })], false);
    const [b] = await takeNow(group);
    expect(b!.body).toBe('b');
    time.advanceBy(500);
    expect(await group.count!()).toMatchObject({ blocked: 2, ready: 0 });
    await group.settle([outcome(b!, 'release')]);
    expect(bodies(await takeNow(group))).toEqual(['a']);
  });
});

describe('dead letters', () => {
  test('are browsed in pages, also when those before are gone', async () => {
    const { topic, group } = queueOf(open({ path: ':memory:' }));
    await topic.put(
      ['a', 'b', 'c', 'd'].map((body) => message(body)),
      false,
    );
    await group.settle((await group.take(4, FOREVER)).map((taken) => outcome(taken, 'dead')));
    const page = await group.browse!(undefined, 2);
    expect(bodies(page)).toEqual(['a', 'b']);
    expect(await group.purge!([page[1]!.id, 'none', '17'])).toBe(1);
    expect(bodies(await group.browse!(page[1]!.id, 9))).toEqual(['c', 'd']);
    expect(await group.redrive!([page[0]!.id, page[0]!.id])).toBe(1);
    expect(await takeNow(group)).toMatchObject([{ id: page[0]!.id, body: 'a', attempt: 1 }]);
    expect(await group.purge!('all')).toBe(2);
  });

  test('more than a transaction takes are redriven, as many as there is room for', async () => {
    const { topic, group } = queueOf(open({ path: ':memory:' }), 'a', { capacity: 2_500 });
    for (let round = 0; round < 2; round++) {
      await topic.put(
        Array.from({ length: 1_500 }, () => message('a')),
        false,
      );
      await group.settle((await group.take(1_500, FOREVER)).map((taken) => outcome(taken, 'dead')));
    }
    expect(await group.redrive!(Infinity)).toBe(2_500);
    expect(await group.count!()).toMatchObject({ ready: 2_500, dead: 500 });
  });
});

describe('close', () => {
  test('carries out what was asked for, frees who waits, and refuses what comes later', async () => {
    const path = `${folder()}/a.db`;
    const store = sqliteStore({ path });
    const { topic, group } = queueOf(store, 'a', { capacity: 100 });
    const waits = group.take(1, FOREVER);
    await topic.put([message('a')], false);
    const [taken] = await waits;
    const still = group.take(1, FOREVER);
    const room = topic.room!(FOREVER);
    await topic.put(
      Array.from({ length: 50 }, () => message('b', { notBefore: 1e15 })),
      false,
    );
    const puts = Array.from({ length: 20 }, () => topic.put([message('c', { notBefore: 1e15 })], false));
    const settled = group.settle([outcome(taken!)]);
    await Promise.all([store.close(), store.close()]);
    expect(await settled).toEqual(['settled']);
    expect((await Promise.all(puts)).flat()).not.toContain('full');
    expect(await still).toEqual([]);
    await room;
    for (const late of [() => topic.put([message('d')], false), () => group.take(1, FOREVER), () => group.count!()]) {
      await expect(late()).rejects.toMatchObject({ code: 'SLUICE_STORE', trouble: 'closed' });
    }
    expect(() => store.topic('b', topic as never)).toThrow('it is closed');
    expect(await queueOf(open({ path }), 'a').group.count!()).toMatchObject({ delayed: 70 });
  });

  test('leaves a connection of the application open', async () => {
    const database = connect(`${folder()}/a.db`);
    const store = sqliteStore({ database });
    await queueOf(store).topic.put([message('a')], false);
    await store.close();
    expect(prepare(database, 'SELECT count(*) AS count FROM sluice_message').get()).toMatchObject({ count: 1 });
  });
});

describe('a message in a transaction of the application', () => {
  const setUp = (): { database: ReturnType<typeof connect> } & ReturnType<typeof queueOf> => {
    const path = `${folder()}/a.db`;
    const ends = queueOf(open({ path }), 'a', { capacity: 3 });
    const database = connect(path);
    database.exec('CREATE TABLE orders (name TEXT)');
    return { ...ends, database };
  };

  test('is there when it commits, and wakes who waits', async () => {
    const { topic, group, database } = setUp();
    const waits = group.take(1, FOREVER);
    database.exec("BEGIN; INSERT INTO orders VALUES ('a')");
    const [answer] = topic.putIn!(database, [message('a')]);
    await new Promise((resolve) => setImmediate(resolve)); // the application takes its time
    database.exec('COMMIT');
    expect(await waits).toMatchObject(
      [{ ...(answer as { id: string }), duplicate: undefined, body: 'a' }].map(({ id, body }) => ({ id, body })),
    );
  });

  test('is not there when it is rolled back, nor does it count', async () => {
    const { topic, group, database } = setUp();
    database.exec('BEGIN');
    expect(topic.putIn!(database, [message('a'), message('b'), message('c'), message('d')])[3]).toBe('full');
    database.exec('ROLLBACK');
    expect(await group.count!()).toMatchObject({ ready: 0, oldest: undefined });
    const all = [message('e'), message('f'), message('g')];
    expect(await topic.put(all, true)).not.toContain('full');
  });

  test('on the connection of the store itself', async () => {
    const database = connect(':memory:');
    const { topic, group } = queueOf(open({ database }));
    const waits = group.take(1, FOREVER);
    await group.count!();
    database.exec('BEGIN');
    topic.putIn!(database, [message('a')]);
    const later = topic.put([message('b')], false); // waits for the transaction
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    database.exec('COMMIT');
    expect(bodies(await waits)).toEqual(['a']);
    await later;
    expect(bodies(await takeNow(group))).toEqual(['b']);
  });

  test('is refused where there is none, or in another file', () => {
    const { topic, database } = setUp();
    const put = (transaction: unknown): unknown => topic.putIn!(transaction, [message('a')]);
    expect(() => put(database)).toThrow('it has none');
    expect(() => put(undefined)).toThrow(OptionError);
    const other = connect(`${folder()}/b.db`);
    other.exec('BEGIN');
    expect(() => put(other)).toThrow('a connection to the file of the store');
    other.exec('ROLLBACK');
  });
});

describe.runIf(builtIn() !== undefined)('node:sqlite', () => {
  test('a connection of it is as good, whatever it was set to', async () => {
    const path = `${folder()}/a.db`;
    const { DatabaseSync } = builtIn()! as never as { DatabaseSync: new (path: string, options: object) => never };
    const database = new DatabaseSync(path, { readBigInts: true, returnArrays: true }) as ReturnType<typeof connect>;
    onTestFinished(() => void database.close());
    const { topic, group } = queueOf(open({ database }), 'a\0b', { order: 'key' });
    await topic.put([message('x\0y', { key: 'k\0l' }), message('z', { key: 'k\0m' })], false);
    const taken = await group.take(2, FOREVER);
    expect(taken).toMatchObject([
      { body: 'x\0y', key: 'k\0l' },
      { body: 'z', key: 'k\0m' },
    ]);
    expect(await group.settle(taken.map((one) => outcome(one)))).toEqual(['settled', 'settled']);
  });
});

describe('at any backlog', () => {
  test('each statement of put, take and settle goes by an index', async () => {
    const path = `${folder()}/a.db`;
    const seen = new Set<string>();
    const database = connect(path);
    const watched = {
      exec: (sql: string) => database.exec(sql),
      prepare: (sql: string) => {
        if (/^(SELECT|DELETE|UPDATE|INSERT)/.test(sql) && sql.includes('sluice_')) seen.add(sql);
        return database.prepare(sql);
      },
      get inTransaction() {
        return (database as { inTransaction?: boolean }).inTransaction;
      },
      get isTransaction() {
        return (database as { isTransaction?: boolean }).isTransaction;
      },
    };
    const { topic, group } = queueOf(open({ database: watched }));
    await topic.put([message('a')] as NewMessage[], false);
    await takeNow(group);
    const scans = [...seen].flatMap((sql) => {
      const blanks = Array.from(sql.matchAll(/\?/g), () => 1);
      const unnamed = sql.replaceAll(/\$\w+/g, '1');
      const plan = prepare<{ detail: string }>(database, `EXPLAIN QUERY PLAN ${unnamed}`).all(...blanks);
      const slow = plan.filter(({ detail }) => /^SCAN (sluice|[a-z]\b)|TEMP B-TREE/.test(detail));
      return slow.map(({ detail }) => `${sql}: ${detail}`);
    });
    expect(seen.size).toBeGreaterThan(40);
    expect(scans.filter((scan) => !/sluice_(schema|file|topic\b)/.test(scan))).toEqual([]);
  });

  test('dead letters are found by where they stand, or by their number, not by their age', () => {
    const seen: string[] = [];
    const database = connect(':memory:');
    const watched = {
      exec: (sql: string) => database.exec(sql),
      prepare: (sql: string) => {
        if (/^SELECT (id|\*) FROM sluice_dead/.test(sql)) seen.push(sql);
        return database.prepare(sql);
      },
    };
    open({ database: watched });
    const plans = seen.map((sql) => {
      const blanks = Array.from(sql.matchAll(/\?/g), () => 1);
      const unnamed = sql.replaceAll(/\$\w+/g, '1');
      return prepare<{ detail: string }>(database, `EXPLAIN QUERY PLAN ${unnamed}`).all(...blanks)[0]!.detail;
    });
    expect(plans).toEqual([
      'SEARCH sluice_dead USING INDEX sluice_dead_order (grp=? AND id>?)',
      expect.stringMatching(/USING (COVERING )?INDEX sluice_dead_number \(grp=\? AND number=\?\)/),
      expect.stringMatching(/USING (COVERING )?INDEX sluice_dead_order \(grp=\?\)/),
    ]);
  });
});

test('a nack with a delay, of a lease that ran out, holds nobody up where another of its key is out: it is lost', async () => {
  const time = new VirtualTime();
  const store = open({ path: ':memory:', scheduler: time.scheduler });
  const { topic, group } = queueOf(store, 'queue', { order: 'key', visibilityTimeout: 100 });
  await topic.put([message('early', { key: 'k', notBefore: time.now + 90 }), message('late', { key: 'k' })], false);
  const [late] = await takeNow(group);
  time.advanceBy(200);
  const [early] = await takeNow(group);
  expect([late!.body, early!.body]).toEqual(['late', 'early']);
  expect(await group.settle([outcome(late!, 'nack', 5_000)])).toEqual(['lease-lost']);
  expect(await group.settle([outcome(early!)])).toEqual(['settled']);
  expect(bodies(await takeNow(group))).toEqual(['late']);
});
