// Moves the write-ahead log into the database again and again, so that a kill comes while that runs: `checkpointer.mjs <database>`.
// @ts-check
import { createRequire } from 'node:module';

const [path] = process.argv.slice(2);
const open = () => {
  try {
    return new (createRequire(import.meta.url)('better-sqlite3'))(path);
  } catch {
    return new /** @type {any} */ (process.getBuiltinModule?.('node:sqlite')).DatabaseSync(path);
  }
};
const database = open();
database.exec('PRAGMA busy_timeout = 200');
process.on('disconnect', () => process.exit());
process.send?.('ready');
for (;;) {
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch {
    // busy: others write
  }
  await new Promise((resolve) => setImmediate(resolve));
}
