/** Opens a file, or takes over a connection of the application's, and sets it up. */
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { StoreError } from '../../queue/errors.js';
import { fileOf, loadDriver, prepare, type OwnDatabase, type SqliteDatabase } from './driver.js';
import { migrate } from './schema.js';
import { isBusy, openError } from './trouble.js';

/** `'full'`: what was put survives a loss of power; `'normal'`: the last moments before one may be lost, a crash of the process loses nothing. */
export type Durability = 'full' | 'normal';

/** Milliseconds for which a transaction waits for others with the event loop standing still: it is tried again later instead. */
export const SHORT_WAIT = 0;
/** The same while a store, a topic or a group is made, which is at the start. */
const LONG_WAIT = 5_000;

export interface Connection {
  readonly database: SqliteDatabase;
  /** The real path of its file; empty when it is in memory. */
  readonly file: string;
  /** Undefined where it is the application's. */
  readonly own: OwnDatabase | undefined;
  readonly durability: Durability;
}

export function openPath(path: string, durability: Durability): Connection {
  const open = loadDriver();
  let own: OwnDatabase | undefined;
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory()) throw new StoreError('sqlite', 'unavailable', `\`${path}\` is a folder`);
    if (found !== undefined) checkWritable(path);
    const database = (own = open(path));
    // A larger log is written back less often, and each time costs two more waits for the disk.
    const pragmas = `PRAGMA synchronous = ${durability}; PRAGMA wal_autocheckpoint = 4000; PRAGMA temp_store = MEMORY`;
    database.exec(`PRAGMA busy_timeout = ${SHORT_WAIT}`);
    patiently(database, () => {
      database.exec(pragmas);
      prepareFile(database);
    });
    return { database, own, durability, file: realPath(fileOf(database)) };
  } catch (error) {
    own?.close();
    throw openError(`\`${path}\` can not be used`, error);
  }
}

/** SQLite opens one that it can only read, and fails with the first message. */
function checkWritable(path: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw new StoreError('sqlite', 'read-only', `\`${path}\` can not be written to`, error);
  }
}

/** What the application set on its connection stays, only its commits may become more durable. */
export function adopt(database: SqliteDatabase, durability: Durability): Connection {
  try {
    const wanted = durability === 'full' ? 2 : 1;
    const { synchronous } = prepare<{ synchronous: number }>(database, 'PRAGMA synchronous').get()!;
    patiently(database, () => {
      if (synchronous < wanted) database.exec(`PRAGMA synchronous = ${wanted}`);
      prepareFile(database);
    });
    return { database, own: undefined, durability, file: realPath(fileOf(database)) };
  } catch (error) {
    throw openError('the database can not be used', error);
  }
}

/** Empty for what is in memory. */
export function realPath(file: string): string {
  return file === '' ? '' : realpathSync(file);
}

function prepareFile(database: SqliteDatabase): void {
  const mode = prepare<{ journal_mode: string }>(database, 'PRAGMA journal_mode');
  if (mode.get()!.journal_mode !== 'wal') database.exec('PRAGMA journal_mode = WAL');
  migrate(database);
}

/** Carries out `work`, and again for as long as others hold the file: two that open a new one at once are told so without a wait. */
export function patiently<R>(database: SqliteDatabase, work: () => R): R {
  const start = performance.now();
  return waiting(database, LONG_WAIT, () => {
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error) || performance.now() - start >= LONG_WAIT) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      }
    }
  });
}

/** Carries out `work` with another time for which SQLite waits for others. */
export function waiting<R>(database: SqliteDatabase, milliseconds: number, work: () => R): R {
  const { timeout } = prepare<{ timeout: number }>(database, 'PRAGMA busy_timeout').get()!;
  if (timeout === milliseconds) return work();
  database.exec(`PRAGMA busy_timeout = ${milliseconds}`);
  try {
    return work();
  } finally {
    database.exec(`PRAGMA busy_timeout = ${timeout}`);
  }
}
