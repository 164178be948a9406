/** SQLite itself: the package better-sqlite3, or what Node brings along. Their statements are nearly the same. */
import { createRequire } from 'node:module';
import { MissingPackageError } from '../../errors.js';
import type { Rule } from '../../options.js';

/**
 * A connection: a `Database` of better-sqlite3, or a `DatabaseSync` of `node:sqlite`. What their statements have is typed so differently that no
 * more can be said of it here.
 */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): object;
}

export const DATABASE: Rule = [
  'a connection of better-sqlite3 or `node:sqlite`',
  (value: Partial<SqliteDatabase> | null | undefined) =>
    typeof value?.prepare === 'function' && typeof value.exec === 'function',
];

/** What can be bound to a statement. */
export type SqliteValue = string | number | null | Uint8Array;

/** A connection of our own. */
export interface OwnDatabase extends SqliteDatabase {
  prepare(sql: string): Prepared<unknown>;
  close(): unknown;
}

export type OpenDatabase = (path: string) => OwnDatabase;

type DatabaseClass = new (path: string) => OwnDatabase;

/** Of the two only one is there in a CommonJS, or an ES, module. */
const HERE = typeof __filename === 'string' ? __filename : import.meta.url;

/**
 * better-sqlite3 where it is installed and works: its binary may be missing, or be made for another Node, which shows only when it
 * is used. Else `node:sqlite`.
 */
export function loadDriver(): OpenDatabase {
  try {
    const Database = createRequire(HERE)('better-sqlite3') as DatabaseClass;
    new Database(':memory:').close();
    return (path) => new Database(path);
  } catch (error) {
    const sqlite = builtIn();
    if (sqlite === undefined) throw missing(error);
    return (path) => new sqlite.DatabaseSync(path);
  }
}

function builtIn(): { DatabaseSync: DatabaseClass } | undefined {
  return (
    process as { getBuiltinModule?: (id: string) => { DatabaseSync: DatabaseClass } | undefined }
  ).getBuiltinModule?.('node:sqlite');
}

function missing(error: unknown): MissingPackageError {
  const version = '12, or use Node 22.13 or newer, which has `node:sqlite`';
  return new MissingPackageError('better-sqlite3', version, 'sqliteStore', error);
}

/** A statement whose rows are of type `R`. */
export interface Prepared<R> {
  /** Values that have names come first. */
  run(...values: (SqliteValue | Readonly<Record<string, SqliteValue>>)[]): { changes: number | bigint };
  get(...values: SqliteValue[]): R | undefined;
  all(...values: SqliteValue[]): R[];
}

/** A connection may be set to give out integers as BigInts, or rows as arrays: not to us, unless we ask for it. */
interface Settings {
  safeIntegers?(on: boolean): unknown;
  raw?(on: boolean): unknown;
  setReadBigInts?(on: boolean): unknown;
  setAllowBareNamedParameters?(on: boolean): unknown;
  setReturnArrays?(on: boolean): unknown;
}

export function prepare<R>(database: SqliteDatabase, sql: string): Prepared<R> {
  const statement = database.prepare(sql);
  const settings = statement as Settings;
  settings.safeIntegers?.(false);
  settings.setReadBigInts?.(false);
  settings.setAllowBareNamedParameters?.(true);
  settings.setReturnArrays?.(false);
  return statement as Prepared<R>;
}

/** A statement whose rows are arrays: of many columns they cost half of what objects do. */
export function prepareTuples<R extends readonly unknown[]>(
  database: SqliteDatabase,
  sql: string,
): Pick<Prepared<R>, 'all'> {
  const statement = prepare<R>(database, sql);
  const settings = statement as Settings;
  if (settings.raw !== undefined) settings.raw(true);
  else if (settings.setReturnArrays !== undefined) settings.setReturnArrays(true);
  else return { all: (...values) => statement.all(...values).map((row) => Object.values(row) as unknown as R) };
  return statement;
}

/** Is a transaction open on it? */
export function inTransaction(database: SqliteDatabase): boolean {
  const { inTransaction, isTransaction } = database as { inTransaction?: boolean; isTransaction?: boolean };
  return inTransaction ?? isTransaction ?? !canBegin(database);
}

/** The first versions of `node:sqlite` do not tell. */
function canBegin(database: SqliteDatabase): boolean {
  try {
    database.exec('BEGIN');
  } catch {
    return false;
  }
  database.exec('ROLLBACK');
  return true;
}

/** The real path of a connection's file; empty when it is in memory, or temporary. */
export function fileOf(database: SqliteDatabase): string {
  const files = prepare<{ name: string; file: string | null }>(database, 'PRAGMA database_list').all();
  return files.find(({ name }) => name === 'main')?.file ?? '';
}
