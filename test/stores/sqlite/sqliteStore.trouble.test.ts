/** What may be wrong with a file, and with the disk that it is on. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { StoreError } from '../../../src/queue/errors.js';
import { sqliteStore } from '../../../src/stores/sqlite/index.js';
import type { SqliteDatabase } from '../../../src/stores/sqlite/driver.js';
import { patiently } from '../../../src/stores/sqlite/open.js';
import {
  bodies,
  builtIn,
  bundle,
  connect,
  folder,
  FOREVER,
  message,
  open,
  outcome,
  queueOf,
  takeNow,
} from './helpers.js';

const trouble = (what: string): Error => expect.objectContaining({ code: 'SLUICE_STORE', trouble: what }) as Error;

/** What goes wrong with all that is done with a file. */
async function troubles(path: string): Promise<unknown[]> {
  const errors: unknown[] = [];
  const note = (error: unknown): void => void errors.push(error);
  try {
    const store = sqliteStore({ path, durability: 'normal' });
    try {
      const { topic, group } = queueOf(store, 'queue', { order: 'key', capacity: 10_000 });
      const stop = new AbortController();
      const taken = group.take(50, stop.signal).catch((error: unknown) => (note(error), []));
      await topic.put([message('a', { key: 'k1', dedupeId: 'd1' }), message('b')], false).catch(note);
      await topic.room!(AbortSignal.timeout(0));
      await group.count!().catch(note);
      stop.abort();
      await group.settle((await taken).map((one, index) => outcome(one, KINDS[index % 4]))).catch(note);
      await group.browse!(undefined, 100).catch(note);
      await group.redrive!(10).catch(note);
    } finally {
      await store.close();
    }
  } catch (error) {
    note(error);
  }
  return errors;
}

/** Some turns of the event loop, in which what is asked for is tried. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The clock of the real world, which can be moved on. */
function skippingClock(): { skip(ms: number): void } {
  const now = performance.now.bind(performance);
  let skipped = 0;
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => now() + skipped);
  onTestFinished(() => spy.mockRestore());
  return { skip: (ms) => void (skipped += ms) };
}

const KINDS = ['ack', 'nack', 'release', 'dead'] as const;

describe('a file that can not be used', () => {
  test('a folder', () => {
    expect(() => sqliteStore({ path: folder() })).toThrow(trouble('unavailable'));
  });

  test('in a folder that is not there', () => {
    expect(() => sqliteStore({ path: join(folder(), 'none', 'a.db') })).toThrow(trouble('unavailable'));
  });

  test('not a database', () => {
    const path = join(folder(), 'a.db');
    writeFileSync(path, 'This is a text, and long enough not to be taken for the beginning of a database.'.repeat(20));
    expect(() => sqliteStore({ path })).toThrow(trouble('corrupt'));
    expect(readFileSync(path, 'utf8')).toMatch(/^This is a text/);
  });

  test('damaged', async () => {
    const path = join(folder(), 'a.db');
    const store = sqliteStore({ path });
    await queueOf(store).topic.put(
      Array.from({ length: 500 }, () => message('x'.repeat(500))),
      false,
    );
    await store.close();
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 4_096); // all but the first page
    writeFileSync(path, bytes);
    expect(() => sqliteStore({ path })).toThrow(trouble('corrupt'));
  });

  test('damaged anywhere: each error says so, and where; none is thrown past those who ask', async () => {
    const dir = folder();
    const path = join(dir, 'a.db');
    const store = sqliteStore({ path, durability: 'normal' });
    const whole = queueOf(store, 'queue', { order: 'key' });
    const headers = { some: 'header' };
    for (let round = 0; round < 4; round++) {
      const keyed = Array.from({ length: 40 }, (_, index) =>
        message('x'.repeat(90), { key: `k${index % 9}`, headers }),
      );
      await whole.topic.put([...keyed, message('later', { notBefore: 9e15, dedupeId: `d${round}` })], false);
      const taken = await whole.group.take(6, FOREVER);
      await whole.group.settle(taken.map((one, index) => outcome(one, KINDS[(index + round) % 4], 5)).slice(0, 5));
    }
    await store.close();
    const bytes = readFileSync(path);
    const seen: Record<string, number> = {};
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let nr = 0; nr < 300; nr++) {
      const damaged = join(dir, `${nr}.db`);
      const copy = Buffer.from(bytes);
      const from = nr % 3 === 0 ? random(4_096) : random(copy.length);
      const step = 1 + random(5);
      for (let i = from, left = 1 + random(2_000); i < copy.length && left > 0; i += step, left--)
        copy[i] = random(256);
      writeFileSync(damaged, copy);
      for (const error of await troubles(damaged)) {
        expect(error, `file ${nr}`).toMatchObject({ code: 'SLUICE_STORE' });
        const { trouble, message } = error as StoreError;
        if (trouble === 'corrupt') expect(message).toContain(damaged);
        seen[trouble] = (seen[trouble] ?? 0) + 1;
      }
      for (const end of ['', '-wal', '-shm']) rmSync(damaged + end, { force: true });
    }
    expect(seen['corrupt']).toBeGreaterThan(100);
    // A damaged number can be that of a newer version, or be too much for SQLite before it sees that it is damaged.
    const others = Object.entries(seen).filter(([trouble]) => trouble !== 'corrupt');
    expect(others.reduce((sum, [, count]) => sum + count, 0)).toBeLessThan(15);
  }, 60_000);

  test('of a newer version, which it says', () => {
    const database = connect(join(folder(), 'a.db'));
    database.exec('CREATE TABLE sluice_schema (version INTEGER PRIMARY KEY); INSERT INTO sluice_schema VALUES (99)');
    expect(() => sqliteStore({ database })).toThrow(trouble('schema'));
    expect(() => sqliteStore({ database })).toThrow(/version 99.*newer sluice/);
  });

  test('half made: nothing of it is left', () => {
    const database = connect(join(folder(), 'a.db'));
    database.exec('CREATE TABLE sluice_group (mine)'); // the application's, or what not
    expect(() => sqliteStore({ database })).toThrow(trouble('unavailable'));
    const tables = database.prepare("SELECT count(*) AS count FROM sqlite_master WHERE type = 'table'").get();
    expect(tables).toMatchObject({ count: 1 });
  });
});

test('without better-sqlite3 it takes what Node has, or says that there is neither', () => {
  const dir = folder();
  const script = join(dir, 'open.mjs');
  const entry = JSON.stringify(bundle(dir, true));
  writeFileSync(
    script,
    `import { sqliteStore } from ${entry};
    try {
      await sqliteStore({ path: ':memory:' }).close();
      console.log('node:sqlite');
    } catch (error) {
      console.log(error.code, error.message);
    }`,
  );
  const { stdout } = spawnSync(process.execPath, [script]);
  const both = /^SLUICE_MISSING_PACKAGE `sqliteStore` needs the package `better-sqlite3`.*`node:sqlite`/;
  expect(stdout.toString()).toMatch(builtIn() === undefined ? both : /^node:sqlite/);
});

describe('a file that others hold', () => {
  test('what is asked for waits for it, and the event loop does not', async () => {
    const path = join(folder(), 'a.db');
    const { topic, group } = queueOf(open({ path }));
    const other = connect(path);
    other.exec('BEGIN IMMEDIATE');
    let done = false;
    const put = topic.put([message('a')], false).then(() => (done = true));
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(done).toBe(false);
    other.exec('COMMIT');
    await put;
    expect(await takeNow(group)).toHaveLength(1);
  });

  test('a store is closed when what was asked for is done', async () => {
    const path = join(folder(), 'a.db');
    const store = sqliteStore({ path });
    const put = queueOf(store).topic.put([message('a')], false);
    const other = connect(path);
    other.exec('BEGIN IMMEDIATE');
    await new Promise((resolve) => setImmediate(resolve));
    const closed = store.close();
    other.exec('COMMIT');
    await Promise.all([closed, put]);
    expect(await takeNow(queueOf(open({ path })).group)).toHaveLength(1);
  });

  test('a transaction of the application on the same connection is not ended by the store', async () => {
    const database = connect(join(folder(), 'a.db'));
    const { topic, group } = queueOf(open({ database }));
    database.exec('CREATE TABLE mine (a); BEGIN; INSERT INTO mine VALUES (1)');
    const put = topic.put([message('a')], false);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(() => queueOf({ topic: () => topic } as never)).not.toThrow();
    database.exec('ROLLBACK');
    await put;
    expect(database.prepare('SELECT count(*) AS count FROM mine').get()).toMatchObject({ count: 0 });
    expect(await takeNow(group)).toHaveLength(1);
  });

  test('each waits for as long as it may, whoever waited before', async () => {
    const path = join(folder(), 'a.db');
    const { topic } = queueOf(open({ path }));
    const other = connect(path);
    other.exec('BEGIN IMMEDIATE');
    const clock = skippingClock();
    const states: string[] = [];
    const put = (name: string): Promise<number> =>
      topic.put([message(name)], false).then(
        () => states.push(`${name} done`),
        (error: unknown) => states.push(`${name} ${(error as StoreError).trouble}`),
      );
    const first = put('first');
    await turns();
    clock.skip(29_900);
    const second = put('second');
    await turns();
    clock.skip(200);
    await first;
    expect(states).toEqual(['first busy']);
    other.exec('ROLLBACK');
    await second;
    expect(states).toEqual(['first busy', 'second done']);
  });

  test('the first of two outcomes wins', async () => {
    const path = join(folder(), 'a.db');
    const { topic, group } = queueOf(open({ path }));
    await topic.put([message('a')], false);
    const [taken] = await group.take(1, FOREVER);
    const other = connect(path);
    other.exec('BEGIN IMMEDIATE');
    const first = group.settle([outcome(taken!, 'nack', 60_000)]);
    await turns();
    const second = group.settle([outcome(taken!)]);
    await turns();
    other.exec('ROLLBACK');
    expect([await first, await second]).toEqual([['settled'], ['lease-lost']]);
  });

  test('a store, a topic or a group is refused after five seconds', () => {
    const busy = Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' });
    const clock = skippingClock();
    let tried = 0;
    const work = (): never => {
      tried++;
      clock.skip(3_000); // as SQLite waits by itself
      throw busy;
    };
    expect(() => patiently(connect(':memory:'), work)).toThrow('locked');
    expect(tried).toBe(2);
  });
});

test('a rollback that fails: who asked is told, and the store goes on when the transaction has ended', async () => {
  const database = connect(join(folder(), 'a.db'));
  let failing = false;
  const faulty: SqliteDatabase = {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => {
      const statement = database.prepare(sql);
      const run = statement.run.bind(statement);
      const broken = { COMMIT: 'SQLITE_FULL', ROLLBACK: 'SQLITE_IOERR' }[sql];
      if (broken === undefined) return statement;
      statement.run = (...values) => {
        if (failing) throw Object.assign(new Error(broken), { code: broken });
        return run(...values);
      };
      return statement;
    },
  };
  const { topic, group } = queueOf(open({ database: faulty }));
  failing = true;
  await expect(topic.put([message('a')], false)).rejects.toThrow(trouble('full'));
  failing = false;
  database.exec('ROLLBACK');
  await topic.put([message('b')], false);
  expect(bodies(await takeNow(group))).toEqual(['b']);
});

describe('a file that is not at its path any more', () => {
  const gone = expect.objectContaining({
    trouble: 'unavailable',
    message: expect.stringMatching(/deleted or replaced/) as string,
  }) as Error;

  test.each(['deleted', 'replaced'])(
    '%s: all that is asked for is refused from then on, and who waits is told',
    async (how) => {
      const path = join(folder(), 'a.db');
      const store = open({ path });
      const { topic, group } = queueOf(store, 'queue', { capacity: 1 });
      const reader = queueOf(store, 'other').group;
      await topic.put([message('a')], false);
      const waits = reader.take(1, FOREVER);
      const room = topic.room!(FOREVER);
      if (how === 'deleted') rmSync(path);
      else {
        const other = join(folder(), 'b.db');
        await sqliteStore({ path: other }).close();
        renameSync(other, path);
      }
      await expect(waits).rejects.toEqual(gone);
      await room;
      await expect(topic.put([message('b')], false)).rejects.toEqual(gone);
      await expect(group.take(1, FOREVER)).rejects.toEqual(gone);
      await expect(group.count!()).rejects.toEqual(gone);
      expect(() => queueOf(store, 'new')).toThrow(gone);
    },
  );

  test('is missed by one who only publishes, also when there is another in its place', async () => {
    const path = join(folder(), 'a.db');
    const { topic } = queueOf(open({ path }));
    rmSync(path);
    let error: unknown;
    while (error === undefined) await topic.put([message('a')], false).catch((reason: unknown) => (error = reason));
    expect(error).toEqual(gone);
    await sqliteStore({ path }).close();
    await expect(topic.put([message('a')], false)).rejects.toEqual(gone);
  });
});

/** A small file system, where we may make one. */
function mount(options: string): string | undefined {
  const path = join(folder(), 'disk');
  mkdirSync(path);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]).status !== 0) return undefined;
  onTestFinished(() => void execFileSync('umount', ['-l', path]));
  return path;
}

describe('a disk', () => {
  test('that is full: nothing that was acknowledged is lost, and the store goes on when there is space', async (context) => {
    const path = mount('size=1m');
    if (path === undefined) return context.skip('no file system can be mounted here');
    const ballast = join(path, 'ballast');
    writeFileSync(ballast, Buffer.alloc(300_000));
    const { topic, group } = queueOf(open({ path: join(path, 'a.db') }));
    let put = 0;
    const refused = async (): Promise<unknown> => {
      for (;;) {
        try {
          await topic.put([message('x'.repeat(10_000))], false);
          put++;
        } catch (error) {
          return error;
        }
      }
    };
    expect(await refused()).toMatchObject({ code: 'SLUICE_STORE', trouble: 'full' });
    await expect(topic.put([message('x'.repeat(10_000))], false)).rejects.toMatchObject({ trouble: 'full' });
    rmSync(ballast);
    expect(await refused()).toMatchObject({ trouble: 'full' });
    rmSync(ballast, { force: true });
    execFileSync('mount', ['-o', 'remount,size=8m', path]);
    await topic.put([message('the last')], false);
    const taken = await takeNow(group);
    expect(taken).toHaveLength(put + 1);
    expect(taken.at(-1)!.body).toBe('the last');
    expect(new Set(await group.settle(taken.map((one) => outcome(one))))).toEqual(new Set(['settled']));
  });

  test('that is read-only is refused', async (context) => {
    const path = mount('size=4m');
    if (path === undefined) return context.skip('no file system can be mounted here');
    const first = sqliteStore({ path: join(path, 'a.db') });
    await queueOf(first).topic.put([message('a')], false);
    await first.close();
    execFileSync('mount', ['-o', 'remount,ro', path]);
    expect(() => sqliteStore({ path: join(path, 'a.db') })).toThrow(trouble('read-only'));
    expect(() => sqliteStore({ path: join(path, 'b.db') })).toThrow(trouble('unavailable'));
    execFileSync('mount', ['-o', 'remount,rw', path]);
    expect(await takeNow(queueOf(open({ path: join(path, 'a.db') })).group)).toHaveLength(1);
  });

  test('whose file may not grow (RLIMIT_FSIZE)', () => {
    const path = folder();
    const script = join(path, 'grow.mjs');
    writeFileSync(
      script,
      `import { sqliteStore } from ${JSON.stringify(bundle(path))};
      process.on('SIGXFSZ', () => {});
      const store = sqliteStore({ path: ${JSON.stringify(join(path, 'a.db'))} });
      const topic = store.topic('queue', { order: 'none', capacity: Infinity, dedupeWindow: 1 });
      topic.group('', { visibilityTimeout: 60_000, retention: Infinity });
      const none = { key: undefined, headers: undefined, deadline: undefined, dedupeId: undefined };
      const message = { ...none, body: 'x'.repeat(10_000), priority: 0, publishedAt: 1, notBefore: 0 };
      let put = 0;
      for (let error; error === undefined; ) {
        await topic.put([message], false).then(() => put++, (reason) => (error = reason));
        if (error !== undefined) console.log(JSON.stringify({ put, trouble: error.trouble, code: error.code }));
      }
      process.kill(process.pid, 'SIGKILL');`,
    );
    const { stdout } = spawnSync('sh', ['-c', `ulimit -f 600; exec "${process.execPath}" "${script}"`]);
    const {
      put,
      trouble: what,
      code,
    } = JSON.parse(stdout.toString()) as { put: number; trouble: string; code: string };
    expect(code).toBe('SLUICE_STORE');
    expect(['full', 'unavailable']).toContain(what);
    return takeNow(queueOf(open({ path: join(path, 'a.db') })).group).then((taken) => {
      expect(taken).toHaveLength(put);
      expect(FOREVER.aborted).toBe(false);
    });
  });
});
