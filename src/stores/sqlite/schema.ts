/**
 * The tables. What a message carries is written once, in `sluice_message`, and deleted once; where it stands is in one of four small tables:
 *
 * - `sluice_ready`: it can be given out; in the order in which that happens. Messages that were put at once and wait for none have one
 *   row, from `id` to `last`, which gets shorter as the first of them are given out.
 * - `sluice_lease`: it was given out (*leased*); until `due`. A row has what is left of what one take got: `members`, as `Members` writes them.
 * - `sluice_timed`: it waits for another attempt (*retrying*), or for its time (*scheduled*); until `due`.
 * - `sluice_blocked`: it waits for the one before it of its line, where there is an order. `sluice_head` has the first of each line: ready,
 *   leased or retrying. A scheduled one joins its line when it is due.
 *
 * Each group has a copy of each message. Ids are never used again: they, and the tokens of leases, come from row 0 of `sluice_counter`. Its
 * other rows say how many messages each group has that are no dead letters: all that changes with each transaction is on one page. `prefix` is
 * what the ids of this file begin with, so that no other file has the same.
 */
import { StoreError } from '../../queue/errors.js';
import { inTransaction, prepare, type SqliteDatabase } from './driver.js';

/** What `sluice_timed.kind` says. */
export const RETRYING = 1;
export const SCHEDULED = 2;

/**
 * Columns that are no plain words: `number` is the message's id, the same in all groups, and `shift`
 * what a copy's own id is more than that, which is 0 for most, and takes no room; `rank` the priority, negated; `form` 1 for a body
 * that is a string in UTF-16; `since` when the wait began; `token` what the one who holds the lease has to know, 0 where nobody does.
 */
const FIRST = `
CREATE TABLE sluice_file (prefix TEXT NOT NULL);
INSERT INTO sluice_file VALUES (lower(hex(randomblob(4))));
CREATE TABLE sluice_counter (id INTEGER PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO sluice_counter VALUES (0, 1);
CREATE TABLE sluice_topic (id INTEGER PRIMARY KEY, name NOT NULL UNIQUE, sorting TEXT NOT NULL);
CREATE TABLE sluice_group (id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, name NOT NULL, UNIQUE (topic, name));
CREATE TABLE sluice_message (
  id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, shift INTEGER NOT NULL, rank INTEGER NOT NULL,
  published NUMERIC NOT NULL, deadline NUMERIC, key, headers TEXT, form INTEGER, body NOT NULL
);
CREATE TABLE sluice_ready (
  grp INTEGER NOT NULL, rank INTEGER NOT NULL, id INTEGER NOT NULL, last INTEGER NOT NULL, attempts INTEGER NOT NULL,
  token INTEGER NOT NULL, PRIMARY KEY (grp, rank, id)
) WITHOUT ROWID;
CREATE TABLE sluice_lease (
  token INTEGER NOT NULL, part INTEGER NOT NULL, grp INTEGER NOT NULL, due NUMERIC NOT NULL, since NUMERIC NOT NULL,
  members TEXT NOT NULL, PRIMARY KEY (token, part)
) WITHOUT ROWID;
CREATE INDEX sluice_lease_due ON sluice_lease (grp, due);
CREATE TABLE sluice_timed (
  id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, kind INTEGER NOT NULL, due NUMERIC NOT NULL, since NUMERIC NOT NULL,
  attempts INTEGER NOT NULL
);
CREATE INDEX sluice_timed_due ON sluice_timed (grp, kind, due);
CREATE TABLE sluice_head (grp INTEGER NOT NULL, line NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (grp, line)) WITHOUT ROWID;
CREATE TABLE sluice_blocked (
  grp INTEGER NOT NULL, line NOT NULL, id INTEGER NOT NULL, attempts INTEGER NOT NULL, token INTEGER NOT NULL,
  PRIMARY KEY (grp, line, id)
) WITHOUT ROWID;
CREATE TABLE sluice_dead (
  id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, died NUMERIC NOT NULL, attempts INTEGER NOT NULL, reason NOT NULL, error,
  number INTEGER NOT NULL, rank INTEGER NOT NULL, published NUMERIC NOT NULL, deadline NUMERIC, key, headers TEXT, form INTEGER,
  body NOT NULL
);
CREATE INDEX sluice_dead_order ON sluice_dead (grp, id);
CREATE INDEX sluice_dead_number ON sluice_dead (grp, number);
CREATE INDEX sluice_dead_age ON sluice_dead (grp, died);
CREATE TABLE sluice_dedupe (
  topic INTEGER NOT NULL, name NOT NULL, number INTEGER NOT NULL, until NUMERIC NOT NULL, PRIMARY KEY (topic, name)
) WITHOUT ROWID;
CREATE INDEX sluice_dedupe_age ON sluice_dedupe (until);
`;

/** The first makes version 1, the next makes version 2 of it. */
export const MIGRATIONS: readonly string[] = [FIRST];

/** Brings the tables to this version. Of several that open a new file at once, one makes them, the others find them. */
export function migrate(database: SqliteDatabase): void {
  if (isCurrent(database)) return;
  if (inTransaction(database)) {
    throw new StoreError('sqlite', 'busy', 'a transaction is open: make the store before it begins, or after it');
  }
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec('CREATE TABLE IF NOT EXISTS sluice_schema (version INTEGER PRIMARY KEY)');
    for (let version = versionOf(database); version < MIGRATIONS.length; version++) {
      database.exec(MIGRATIONS[version]!);
      prepare(database, 'INSERT INTO sluice_schema VALUES (?)').run(version + 1);
    }
    database.exec('COMMIT');
  } catch (error) {
    if (inTransaction(database)) database.exec('ROLLBACK');
    throw error;
  }
}

function isCurrent(database: SqliteDatabase): boolean {
  const there = prepare(database, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'sluice_schema'").get();
  if (there === undefined) return false;
  const version = versionOf(database);
  if (version > MIGRATIONS.length) {
    const message = `its tables are of version ${version}, this release knows ${MIGRATIONS.length}: use a newer sluice`;
    throw new StoreError('sqlite', 'schema', message);
  }
  return version === MIGRATIONS.length;
}

function versionOf(database: SqliteDatabase): number {
  const rows = prepare<{ version: number | null }>(database, 'SELECT max(version) AS version FROM sluice_schema');
  return rows.get()?.version ?? 0;
}
