/** The statements of one connection, prepared once. */
import { prepare, prepareTuples, type Prepared, type SqliteDatabase } from './driver.js';
import type { Stored } from './text.js';

export interface DeadRow {
  readonly id: number;
  readonly number: number;
  readonly rank: number;
  readonly published: number;
  readonly deadline: number | null;
  readonly key: Stored | null;
  readonly headers: string | null;
  readonly form: number | null;
  readonly body: Stored;
  readonly attempts: number;
  readonly died: number;
  readonly reason: Stored;
  readonly error: Stored | null;
}

/** One that waits, or that was given out. */
export interface Place {
  readonly id: number;
  readonly rank: number;
  readonly attempts: number;
  readonly token: number;
}

export interface DueRow {
  readonly id: number;
  readonly kind: number;
  readonly attempts: number;
  readonly rank: number;
  readonly key: Stored | null;
}

/** What is ready. `last` is the end of the row that has it. */
export type ReadyRow = readonly [
  id: number,
  last: number,
  attempts: number,
  shift: number,
  rank: number,
  published: number,
  deadline: number | null,
  key: Stored | null,
  headers: string | null,
  form: number | null,
  body: Stored,
];

export interface LeaseRow {
  readonly token: number;
  readonly part: number;
  readonly grp: number;
  readonly due: number;
  readonly since: number;
  readonly members: string;
}

/** How many there are, and the first of them. */
export interface Counted {
  readonly count: number;
  readonly first: number | null;
}

const CARRIED = 'rank, published, deadline, key, headers, form, body';

/** Messages that `addUsual` adds: a call for several costs a third less than one for each. */
export const AT_ONCE = 32;
const USUAL = Array.from({ length: AT_ONCE }, (_, i) => `($id + ${i}, $grp, $shift, ?, ?, ?, ?)`).join();

export class Statements {
  readonly begin: Prepared<never>;
  readonly commit: Prepared<never>;
  readonly rollback: Prepared<never>;
  readonly version: Prepared<{ data_version: number }>;
  /** What the ids of this file begin with. */
  readonly prefix: string;
  readonly next: Prepared<{ next: number }>;
  readonly setNext: Prepared<never>;

  readonly topic: Prepared<{ id: number; sorting: string }>;
  readonly addTopic: Prepared<never>;
  readonly group: Prepared<{ id: number }>;
  readonly addGroup: Prepared<never>;
  readonly addCounter: Prepared<never>;
  readonly groups: Prepared<{ id: number; live: number }>;
  readonly live: Prepared<{ live: number }>;
  readonly addLive: Prepared<never>;

  readonly addMessage: Prepared<never>;
  /** Those with no deadline, headers and form, whose ids follow each other. */
  readonly addUsual: Prepared<never>;
  readonly removeMessages: Prepared<never>;
  readonly lineOf: Prepared<{ rank: number; key: Stored | null }>;
  readonly published: Prepared<{ published: number }>;

  readonly addHeads: Prepared<never>;
  readonly addReady: Prepared<never>;
  readonly firstReady: Pick<Prepared<ReadyRow>, 'all'>;
  readonly anyReady: Prepared<object>;
  readonly removeReadyUpTo: Prepared<never>;
  readonly removeReady: Prepared<never>;
  readonly withdrawReady: Prepared<{ attempts: number; token: number }>;
  readonly countReady: Prepared<Counted>;

  readonly addLease: Prepared<never>;
  readonly lease: Prepared<LeaseRow>;
  readonly leases: Prepared<Pick<LeaseRow, 'members'>>;
  readonly setLease: Prepared<never>;
  readonly removeLease: Prepared<never>;
  readonly dueLeases: Prepared<LeaseRow>;
  readonly shortenLeases: Prepared<never>;

  readonly addTimed: Prepared<never>;
  readonly removeTimed: Prepared<never>;
  readonly due: Prepared<DueRow>;
  readonly nextDue: Prepared<{ due: number | null }>;
  readonly countTimed: Prepared<Counted>;
  readonly shortenTimed: Prepared<never>;

  readonly addHead: Prepared<never>;
  readonly head: Prepared<{ id: number; rank: number }>;
  readonly setHead: Prepared<never>;
  readonly removeHead: Prepared<never>;
  readonly addBlocked: Prepared<never>;
  readonly firstBlocked: Prepared<Place>;
  readonly isBlocked: Prepared<object>;
  readonly removeBlocked: Prepared<never>;
  readonly countBlocked: Prepared<Counted>;

  readonly bury: Prepared<never>;
  readonly dead: Prepared<DeadRow>;
  readonly deadOf: Prepared<{ id: number }>;
  readonly oldestDead: Prepared<{ id: number }>;
  readonly deadLine: Prepared<{ rank: number; key: Stored | null }>;
  readonly countDead: Prepared<{ count: number }>;
  readonly forgetDead: Prepared<never>;
  readonly removeDead: Prepared<never>;
  readonly revive: Prepared<never>;

  readonly remembered: Prepared<{ number: number; until: number }>;
  readonly remember: Prepared<never>;
  readonly forget: Prepared<never>;

  constructor(database: SqliteDatabase) {
    const sql = <R = never>(text: string): Prepared<R> => prepare<R>(database, text);
    this.begin = sql('BEGIN IMMEDIATE');
    this.commit = sql('COMMIT');
    this.rollback = sql('ROLLBACK');
    this.version = sql('PRAGMA data_version');
    this.prefix = sql<{ prefix: string }>('SELECT prefix FROM sluice_file').get()!.prefix;
    this.next = sql('SELECT value AS next FROM sluice_counter WHERE id = 0');
    this.setNext = sql('UPDATE sluice_counter SET value = ? WHERE id = 0');

    this.topic = sql('SELECT id, sorting FROM sluice_topic WHERE name = ?');
    this.addTopic = sql('INSERT INTO sluice_topic (name, sorting) VALUES (?, ?)');
    this.group = sql('SELECT id FROM sluice_group WHERE topic = ? AND name = ?');
    this.addGroup = sql('INSERT INTO sluice_group (topic, name) VALUES (?, ?)');
    this.addCounter = sql('INSERT INTO sluice_counter SELECT id, 0 FROM sluice_group WHERE topic = ? AND name = ?');
    this.groups = sql(
      `SELECT g.id, c.value AS live FROM sluice_group g CROSS JOIN sluice_counter c ON c.id = g.id WHERE g.topic = ?`,
    );
    this.live = sql('SELECT value AS live FROM sluice_counter WHERE id = ?');
    this.addLive = sql('UPDATE sluice_counter SET value = value + ? WHERE id = ?');

    this.addMessage = sql(
      `INSERT INTO sluice_message (id, grp, shift, ${CARRIED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.addUsual = sql(`INSERT INTO sluice_message (id, grp, shift, rank, published, key, body) VALUES ${USUAL}`);
    this.removeMessages = sql('DELETE FROM sluice_message WHERE id BETWEEN ? AND ?');
    this.lineOf = sql('SELECT rank, key FROM sluice_message WHERE id = ?');
    this.published = sql('SELECT published FROM sluice_message WHERE id = ?');

    this.addHeads = sql(
      'INSERT INTO sluice_ready SELECT grp, rank, id, id, 0, 0 FROM sluice_message WHERE id BETWEEN ? AND ?',
    );
    this.addReady = sql('INSERT INTO sluice_ready VALUES (?, ?, ?, ?, ?, ?)');
    this.firstReady = prepareTuples(
      database,
      `SELECT m.id, r.last, r.attempts, m.shift, m.rank, m.published, m.deadline, m.key, m.headers, m.form, m.body
       FROM sluice_ready r CROSS JOIN sluice_message m ON m.id BETWEEN r.id AND r.last
       WHERE r.grp = ? ORDER BY r.rank, r.id, m.id LIMIT ?`,
    );
    this.anyReady = sql('SELECT 1 FROM sluice_ready WHERE grp = ? LIMIT 1');
    this.removeReadyUpTo = sql('DELETE FROM sluice_ready WHERE grp = ? AND (rank, id) <= (?, ?)');
    this.removeReady = sql('DELETE FROM sluice_ready WHERE grp = ? AND rank = ? AND id = ? AND token = ?');
    this.withdrawReady = sql('SELECT attempts, token FROM sluice_ready WHERE grp = ? AND rank = ? AND id = ?');
    this.countReady = sql(
      'SELECT coalesce(sum(1 + last - id), 0) AS count, min(id) AS first FROM sluice_ready WHERE grp = ?',
    );

    this.addLease = sql('INSERT INTO sluice_lease (token, part, grp, due, since, members) VALUES (?, ?, ?, ?, ?, ?)');
    this.lease = sql('SELECT * FROM sluice_lease WHERE token = ?');
    this.leases = sql('SELECT members FROM sluice_lease WHERE grp = ?');
    this.setLease = sql('UPDATE sluice_lease SET members = ? WHERE token = ? AND part = ?');
    this.removeLease = sql('DELETE FROM sluice_lease WHERE token = ? AND part = ?');
    this.dueLeases = sql('SELECT * FROM sluice_lease WHERE grp = ? AND due <= ? ORDER BY due LIMIT ?');
    this.shortenLeases = sql('UPDATE sluice_lease SET due = ? + (due - since), since = ? WHERE grp = ? AND since > ?');

    this.addTimed = sql('INSERT INTO sluice_timed (grp, id, kind, due, since, attempts) VALUES (?, ?, ?, ?, ?, ?)');
    this.removeTimed = sql('DELETE FROM sluice_timed WHERE id = ?');
    this.due = sql(
      `SELECT t.id, t.kind, t.attempts, m.rank, m.key
       FROM sluice_timed t CROSS JOIN sluice_message m ON m.id = t.id
       WHERE t.grp = ? AND t.kind IN (1, 2) AND t.due <= ? LIMIT ?`,
    );
    this.nextDue = sql(
      `SELECT min(due) AS due FROM (
         SELECT min(due) AS due FROM sluice_lease WHERE grp = ?
         UNION ALL SELECT min(due) FROM sluice_timed WHERE grp = ? AND kind = 1
         UNION ALL SELECT min(due) FROM sluice_timed WHERE grp = ? AND kind = 2)`,
    );
    this.countTimed = sql('SELECT count(*) AS count, min(id) AS first FROM sluice_timed WHERE grp = ? AND kind = ?');
    this.shortenTimed = sql(
      `UPDATE sluice_timed SET due = ? + (due - since), since = ? WHERE grp = ? AND kind = 1 AND since > ?`,
    );

    this.addHead = sql('INSERT INTO sluice_head VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
    this.head = sql(
      'SELECT h.id, m.rank FROM sluice_head h CROSS JOIN sluice_message m ON m.id = h.id WHERE h.grp = ? AND h.line = ?',
    );
    this.setHead = sql('UPDATE sluice_head SET id = ? WHERE grp = ? AND line = ?');
    this.removeHead = sql('DELETE FROM sluice_head WHERE grp = ? AND line = ?');
    this.addBlocked = sql('INSERT INTO sluice_blocked VALUES (?, ?, ?, ?, ?)');
    this.firstBlocked = sql(
      `SELECT b.id, b.attempts, b.token, m.rank FROM sluice_blocked b CROSS JOIN sluice_message m ON m.id = b.id
       WHERE b.grp = ? AND b.line = ? ORDER BY b.id LIMIT 1`,
    );
    this.isBlocked = sql('SELECT 1 FROM sluice_blocked WHERE grp = ? AND line = ? AND id = ? AND token = ?');
    this.removeBlocked = sql('DELETE FROM sluice_blocked WHERE grp = ? AND line = ? AND id = ? AND token = ?');
    this.countBlocked = sql('SELECT count(*) AS count, min(id) AS first FROM sluice_blocked WHERE grp = ?');

    this.bury = sql(
      `INSERT INTO sluice_dead (id, grp, died, attempts, reason, error, number, ${CARRIED})
       SELECT ?, grp, ?, ?, ?, ?, id - shift, ${CARRIED} FROM sluice_message WHERE id = ?`,
    );
    this.dead = sql(`SELECT * FROM sluice_dead WHERE grp = ? AND id > ? AND +died > ? ORDER BY id LIMIT ?`);
    // `+`: by its number, and not by its age, which is true of all.
    this.deadOf = sql('SELECT id FROM sluice_dead WHERE grp = ? AND number = ? AND +died > ?');
    this.oldestDead = sql('SELECT id FROM sluice_dead WHERE grp = ? AND +died > ? ORDER BY id LIMIT ?');
    this.deadLine = sql('SELECT rank, key FROM sluice_dead WHERE id = ?');
    this.countDead = sql('SELECT count(*) AS count FROM sluice_dead WHERE grp = ? AND died > ?');
    this.forgetDead = sql(
      'DELETE FROM sluice_dead WHERE id IN (SELECT id FROM sluice_dead WHERE grp = ? AND died <= ? LIMIT ?)',
    );
    this.removeDead = sql('DELETE FROM sluice_dead WHERE id = ?');
    this.revive = sql(
      `INSERT INTO sluice_message (id, grp, shift, ${CARRIED})
       SELECT $fresh, grp, $fresh - number, ${CARRIED} FROM sluice_dead WHERE id = ?`,
    );

    this.remembered = sql('SELECT number, until FROM sluice_dedupe WHERE topic = ? AND name = ? AND until > ?');
    this.remember = sql(
      `INSERT INTO sluice_dedupe VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET number = excluded.number, until = excluded.until`,
    );
    this.forget = sql(
      `DELETE FROM sluice_dedupe WHERE (topic, name) IN
         (SELECT topic, name FROM sluice_dedupe WHERE until <= ? ORDER BY until LIMIT ?)`,
    );
  }
}
