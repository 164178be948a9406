// better-sqlite3 alone, as one would write it by hand: one table, prepared statements, a transaction for so many rows.
import Database from 'better-sqlite3';
import { order, stopwatch, withDatabase } from './tools.mjs';

const BODY = JSON.stringify(order(1));

/** @param {string} path */
function open(path) {
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec('CREATE TABLE messages (id INTEGER PRIMARY KEY, body TEXT)');
  const insert = database.prepare('INSERT INTO messages (body) VALUES (?)');
  const put = database.transaction((/** @type {number} */ n) => {
    for (let i = 0; i < n; i++) insert.run(BODY);
  });
  return { database, put };
}

/** Inserts `n` rows, `batch` a transaction. @param {{ n: number, batch: number }} options */
export const publish = ({ n, batch }) =>
  withDatabase(async (path) => {
    const { put } = open(path);
    for (let i = 0; i < n / 10; i += batch) put.immediate(batch);
    const watch = stopwatch();
    for (let i = 0; i < n; i += batch) put.immediate(batch);
    return { n, ...watch() };
  });

/** Takes and deletes `n` rows, 100 a transaction. @param {{ n: number }} options */
export const consume = ({ n }) =>
  withDatabase(async (path) => {
    const { database, put } = open(path);
    const warm = n / 10;
    for (let i = 0; i < n + warm; i += 1_000) put.immediate(1_000);
    const select = database.prepare('SELECT id, body FROM messages ORDER BY id LIMIT 100');
    const remove = database.prepare('DELETE FROM messages WHERE id = ?');
    const take = database.transaction(() => {
      const rows = /** @type {{ id: number, body: string }[]} */ (select.all());
      for (const { id } of rows) remove.run(id);
      return rows.length;
    });
    for (let done = 0; done < warm;) done += take.immediate();
    const watch = stopwatch();
    for (let done = 0; done < n;) done += take.immediate();
    return { n, ...watch() };
  });
