/** A store in an SQLite file. */
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { checkOptions, expected, SCHEDULER, STRING, type Rule } from '../../options.js';
import { StoreError } from '../../queue/errors.js';
import type { Order, Store, StoreFeatures, StoreTopic, TopicTerms } from '../../queue/store.js';
import { Core } from './core.js';
import { DATABASE, type SqliteDatabase } from './driver.js';
import { adopt, openPath, patiently, type Connection, type Durability } from './open.js';
import { SqliteTopic } from './sqliteTopic.js';
import { stored } from './text.js';
import { openError } from './trouble.js';

/** Options of `sqliteStore`: `path` or `database`, not both. */
export interface SqliteStoreOptions {
  /** The file, made where it is not there yet; `':memory:'` for one that ends with the store. */
  path?: string | undefined;
  /** A connection of the application's, of better-sqlite3 or `node:sqlite`. It stays open, and must until the store is closed. */
  database?: SqliteDatabase | undefined;
  /**
   * `'full'`: what was put survives a loss of power. `'normal'`: it survives the end of the process, however sudden; a loss of power may
   * take the last moments; faster. Default: `'full'`.
   */
  durability?: Durability | undefined;
  /** The clock and timer; pass a `TestScheduler`, or a `VirtualTime`'s, in tests. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
}

/**
 * A store that keeps the messages of queues in an SQLite file, which several processes of one machine may share.
 *
 * Use it for work that was accepted and must not get lost, on one machine: no server, a commit of some hundred microseconds for all that is
 * asked for at once, and messages that go in, or out, with data of the application's own. Not on a network file system, whose locks are not to be trusted, and
 * not across machines.
 *
 * It needs `better-sqlite3`, or `node:sqlite`, which Node has from 22.13 on; the first is taken where both are there. With `database` its log becomes a
 * write-ahead log, its tables that begin with `sluice_` are the store's, and its own transactions should be short: the store waits for them.
 *
 * Order: with `order: 'none'` by priority, then as put; a message that comes again has its old place. Loss: with `durability: 'full'` none of what was
 * acknowledged, whatever ends the process or the machine, as long as the disk keeps what it says that it keeps.
 *
 * While somebody waits for messages, or for room, the store keeps the process alive; an idle one does not.
 *
 * @throws OptionError for options that are none
 * @throws MissingPackageError when there is no SQLite
 * @throws StoreError when the file can not be used: `trouble` says why. What is asked of the store later rejects with it, and the store goes on
 *
 * ```ts
 * import { sqliteStore } from 'sluice/sqlite';
 *
 * const store = sqliteStore({ path: ':memory:' });
 * console.log(store.kind, store.features.order); // => sqlite [ 'none', 'queue', 'key' ]
 * await store.close();
 * ```
 */
export function sqliteStore(options: SqliteStoreOptions): Store {
  checkOptions('sqliteStore', options, RULES);
  const { path, database, durability = 'full', scheduler = asyncScheduler } = options;
  if (path === undefined && database === undefined) expected('path', PATH[0], path, 'sqliteStore');
  if (path !== undefined && database !== undefined) {
    expected('database', 'left out where there is a `path`', database, 'sqliteStore');
  }
  const connection = path === undefined ? adopt(database!, durability) : openPath(path, durability);
  return new SqliteStore(coreOf(connection, scheduler), connection.file !== '');
}

function coreOf(connection: Connection, scheduler: SchedulerLike): Core {
  try {
    return patiently(connection.database, () => new Core(connection, scheduler));
  } catch (error) {
    connection.own?.close();
    throw openError(`\`${connection.file}\` can not be used`, error);
  }
}

const PATH: Rule = ['a path, or a `database` instead', (value: unknown) => STRING[1](value as never) && value !== ''];
const DURABILITY: Rule = ["'full' or 'normal'", (value: unknown) => value === 'full' || value === 'normal'];
const RULES: Record<keyof SqliteStoreOptions, Rule> = {
  path: PATH,
  database: DATABASE,
  durability: DURABILITY,
  scheduler: SCHEDULER,
};

class SqliteStore implements Store {
  readonly kind = 'sqlite';
  readonly features: StoreFeatures;

  constructor(
    private readonly core: Core,
    durable: boolean,
  ) {
    this.features = {
      durable,
      order: ['none', 'queue', 'key'],
      delay: Infinity,
      priority: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
      dedupe: true,
      capacity: true,
      lease: 'time',
      settle: 'each',
      fanOut: true,
      replay: false,
      deadLetters: true,
      outbox: true,
      maxBytes: 268_435_456,
    };
  }

  topic(name: string, terms: TopicTerms): StoreTopic {
    const { core } = this;
    const { id, sorting } = core.findOrMake(
      () => core.sql.topic.get(stored(name)),
      () => core.sql.addTopic.run(stored(name), terms.order),
    );
    if (!this.features.order.includes(sorting as Order)) {
      const message = `\`${core.file}\`: the topic has the order '${sorting}', which there is not: the file is damaged`;
      throw new StoreError('sqlite', 'corrupt', message);
    }
    if (sorting !== terms.order) {
      const what = `'${sorting}', as it is with the topic \`${name}\` that is there`;
      expected('order', what, terms.order, 'sqliteStore');
    }
    return new SqliteTopic(core, id, terms);
  }

  close(): Promise<void> {
    return this.core.close();
  }
}
