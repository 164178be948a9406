/** The store in an SQLite file. Needs Node, and the package `better-sqlite3` or Node's own `node:sqlite`. */
export { processedOnce, type ProcessedOptions } from './processedOnce.js';
export { sqliteStore, type SqliteStoreOptions } from './sqliteStore.js';
export type { SqliteDatabase } from './driver.js';
export type { Durability } from './open.js';
