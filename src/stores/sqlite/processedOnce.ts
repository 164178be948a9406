/** Remembers which messages were handled, in the transaction in which they are. */
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { ReturnError } from '../../errors.js';
import {
  check,
  checkOptions,
  DURATION,
  expected,
  FUNCTION,
  required,
  SCHEDULER,
  STRING,
  type Rule,
} from '../../options.js';
import { DATABASE, inTransaction, prepare, type SqliteDatabase } from './driver.js';
import { stored } from './text.js';

/** Options of `processedOnce`. */
export interface ProcessedOptions {
  /** Whose messages: the queue and the handler, `'orders/e-mail'`. A message counts as handled in one scope only. */
  scope: string;
  /**
   * Milliseconds for which a message is remembered: longer than it may take until it comes for the last time, retries and redriven dead letters
   * included. Above 0; `Infinity` for ever. Default: 30 days.
   */
  keepFor?: number | undefined;
  /** The clock. Default: `asyncScheduler`. */
  scheduler?: Pick<SchedulerLike, 'now'> | undefined;
}

const MONTH = 2_592_000_000;
/** Of those whose time is over so many go at a call: more than come. */
const GO = 10;
const RULES: Record<keyof ProcessedOptions, Rule> = {
  scope: required(STRING),
  keepFor: [DURATION[0], (value: number) => typeof value === 'number' && value > 0],
  scheduler: SCHEDULER,
};

/**
 * Runs `work`, unless it was run for this message before, in a transaction of `database` that also notes that it was.
 *
 * Use it in a handler whose effect is in `database`: a message may be delivered twice, and then has its effect once. Not for effects elsewhere (an
 * e-mail, a request to a service): those need a key that the other side knows. `database` is the application's own, with the queue in the same file or elsewhere.
 *
 * `work` is synchronous, for a transaction is: read what it needs before. When it throws, nothing is noted, and what it wrote is undone. Within a
 * transaction that is open already it takes part in that.
 *
 * @param delivery a delivery of one message, or the id of one. Of a batch: call it for each of its `ids`, with that one's value, in one transaction. A
 * part of a `split` has an id of its own
 * @returns true when `work` was run, false when it had been before
 * @throws OptionError for arguments that are wrong, and for a delivery of several messages
 * @throws ReturnError when `work` returns a promise; what it wrote until then is undone
 *
 * ```ts no-run: needs better-sqlite3, built for the Node that runs it
 * import Database from 'better-sqlite3';
 * import { processedOnce } from 'sluice/sqlite';
 *
 * const database = new Database(':memory:');
 * database.exec('CREATE TABLE sent (invoice TEXT)');
 * const handle = (id: string): boolean =>
 *   processedOnce(database, id, () => database.exec("INSERT INTO sent VALUES ('A-1')"), { scope: 'invoices' });
 *
 * console.log(handle('17'), handle('17')); // => true false
 * console.log(database.prepare('SELECT count(*) AS count FROM sent').get()); // => { count: 1 }
 * database.close();
 * ```
 */
export function processedOnce(
  database: SqliteDatabase,
  delivery: string | { readonly id: string; readonly ids?: readonly string[] | undefined },
  work: () => unknown,
  options: ProcessedOptions,
): boolean {
  check('database', DATABASE, database, 'processedOnce');
  checkOptions('processedOnce', options, RULES);
  const id = idOf(delivery);
  if (typeof work !== 'function') expected('work', FUNCTION[0], work, 'processedOnce');
  return transaction(database, () => run(database, id, work, options));
}

function idOf(delivery: string | { readonly id: string; readonly ids?: readonly string[] | undefined }): string {
  const { id, ids = [] } =
    typeof delivery === 'string' ? { id: delivery } : ((delivery as Partial<typeof delivery> | null | undefined) ?? {});
  if (typeof id !== 'string' || id === '') expected('delivery', ONE, delivery, 'processedOnce');
  if (ids.length > 1)
    expected(
      'delivery',
      `${ONE}: call it for each of its \`ids\`, in one transaction`,
      delivery,
      `processedOnce, of ${ids.length} messages`,
    );
  return id;
}

const ONE = 'a delivery of one message, or the id of one, which is not empty';

const TABLE = `
CREATE TABLE IF NOT EXISTS sluice_processed (scope NOT NULL, id NOT NULL, at NUMERIC NOT NULL, PRIMARY KEY (scope, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sluice_processed_age ON sluice_processed (scope, at);
`;

const FORGET = `DELETE FROM sluice_processed WHERE (scope, id) IN
  (SELECT scope, id FROM sluice_processed WHERE scope = ? AND at <= ? ORDER BY at LIMIT ${GO})`;

function run(database: SqliteDatabase, id: string, work: () => unknown, options: ProcessedOptions): boolean {
  const { keepFor = MONTH, scheduler = asyncScheduler } = options;
  const scope = stored(options.scope);
  const now = scheduler.now();
  database.exec(TABLE);
  const over = now - keepFor;
  // One whose time is over counts as new, also while it is not its turn to go.
  const note = prepare(
    database,
    `INSERT INTO sluice_processed VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET at = excluded.at WHERE at <= ?`,
  );
  const fresh = Number(note.run(scope, stored(id), now, over).changes) === 1;
  if (keepFor !== Infinity) prepare(database, FORGET).run(scope, over);
  if (!fresh) return false;
  const result = work();
  if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') {
    (result as Promise<unknown>).then(undefined, () => undefined); // it was refused: what comes of it is nobody's
    const message = '`work` returned a promise: it must be done when it returns, for the transaction ends then';
    throw new ReturnError('processedOnce', result, message);
  }
  return true;
}

/** One of its own; a savepoint of the one that is open. */
function transaction<R>(database: SqliteDatabase, work: () => R): R {
  const nested = inTransaction(database);
  database.exec(nested ? 'SAVEPOINT sluice_once' : 'BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec(nested ? 'RELEASE sluice_once' : 'COMMIT');
    return result;
  } catch (error) {
    // After some errors SQLite has rolled back by itself.
    if (inTransaction(database)) database.exec(nested ? 'ROLLBACK TO sluice_once; RELEASE sluice_once' : 'ROLLBACK');
    throw error;
  }
}
