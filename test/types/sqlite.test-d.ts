/** What connections the SQLite store and `processedOnce` take. Checked by `npm run typecheck`; nothing here runs. */
import type Database from 'better-sqlite3';
import { processedOnce, sqliteStore, type SqliteDatabase } from 'sluice/sqlite';
import { expectTypeOf } from 'vitest';

/** `DatabaseSync` of `node:sqlite`, as the types of Node 22 have it: those of Node 20 do not. */
interface DatabaseSync {
  close(): void;
  exec(sql: string): void;
  open(): void;
  prepare(sql: string): StatementSync;
}

type SupportedValue = null | number | bigint | string | NodeJS.ArrayBufferView;
type Row = Record<string, null | number | bigint | string | Uint8Array>;

interface StatementSync {
  all(...anonymousParameters: SupportedValue[]): Row[];
  all(namedParameters: Record<string, SupportedValue>, ...anonymousParameters: SupportedValue[]): Row[];
  get(...anonymousParameters: SupportedValue[]): Row | undefined;
  get(namedParameters: Record<string, SupportedValue>, ...anonymousParameters: SupportedValue[]): Row | undefined;
  run(...anonymousParameters: SupportedValue[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  run(
    namedParameters: Record<string, SupportedValue>,
    ...anonymousParameters: SupportedValue[]
  ): { changes: number | bigint; lastInsertRowid: number | bigint };
  setReadBigInts(enabled: boolean): void;
}

declare const better: Database.Database;
declare const builtIn: DatabaseSync;

expectTypeOf(better).toExtend<SqliteDatabase>();
expectTypeOf(builtIn).toExtend<SqliteDatabase>();
for (const database of [better, builtIn]) {
  sqliteStore({ database });
  processedOnce(database, '1', () => 1, { scope: 'a' });
}
// @ts-expect-error a path is `path`
sqliteStore({ database: 'a.db' });
// @ts-expect-error no connection
processedOnce({}, '1', () => 1, { scope: 'a' });
