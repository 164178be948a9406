/** What the tests of the SQLite store share. */
import { buildSync } from 'esbuild';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { OwnDatabase } from '../../../src/stores/sqlite/driver.js';
import { loadDriver } from '../../../src/stores/sqlite/driver.js';
import { sqliteStore, type SqliteStoreOptions } from '../../../src/stores/sqlite/index.js';
import type {
  GroupTerms,
  Message,
  NewMessage,
  Store,
  StoreGroup,
  StoreOutcome,
  StoreTopic,
  TopicTerms,
} from '../../../src/queue/store.js';

/** A folder for this test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-sqlite-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A store that is closed when the test is over. */
export function open(options: SqliteStoreOptions): Store {
  const store = sqliteStore(options);
  onTestFinished(() => store.close());
  return store;
}

/** A connection of the application's, of the driver that is there. */
export function connect(path: string): OwnDatabase {
  const database = loadDriver()(path);
  onTestFinished(() => {
    try {
      database.close();
    } catch {
      // the test has closed it
    }
  });
  return database;
}

/** `node:sqlite`, where this Node has it. */
export function builtIn(): { DatabaseSync: new (path: string) => OwnDatabase } | undefined {
  try {
    return createRequire(import.meta.url)('node:sqlite') as { DatabaseSync: new (path: string) => OwnDatabase };
  } catch {
    return undefined;
  }
}

export interface Ends {
  readonly topic: StoreTopic;
  readonly group: StoreGroup;
}

export function queueOf(store: Store, name = 'queue', terms: Partial<TopicTerms & GroupTerms> = {}): Ends {
  const { order = 'none', capacity = Infinity, dedupeWindow = 60_000 } = terms;
  const { visibilityTimeout = 60_000, retention = Infinity } = terms;
  const topic = store.topic(name, { order, capacity, dedupeWindow });
  return { topic, group: topic.group('', { visibilityTimeout, retention }) };
}

export function message(body: string | Uint8Array, rest: Partial<NewMessage> = {}): NewMessage {
  const none = { key: undefined, headers: undefined, deadline: undefined, dedupeId: undefined };
  return { body, ...none, priority: 0, publishedAt: 1_000, notBefore: 0, ...rest };
}

export function outcome(message: Message, kind: StoreOutcome['kind'] = 'ack', delay = 0): StoreOutcome {
  return { message, kind, delay, reason: kind === 'dead' ? 'why' : undefined, error: undefined };
}

export const FOREVER: AbortSignal = new AbortController().signal;

/** What is there now, without waiting. */
export async function takeNow(group: StoreGroup, want = 1_000): Promise<readonly Message[]> {
  const { ready } = await group.count!();
  return ready === 0 ? [] : group.take(Math.min(want, ready), FOREVER);
}

export function bodies(messages: readonly { body: string | Uint8Array }[]): (string | Uint8Array)[] {
  return messages.map(({ body }) => body);
}

/** The store as one file of JavaScript in `folder`, for processes of their own; `alone`, without the packages that are installed. */
export function bundle(folder: string, alone = false): string {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const outfile = join(folder, 'sqlite.mjs');
  buildSync({
    entryPoints: [join(root, 'src/stores/sqlite/index.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: alone ? [] : ['rxjs'],
    logLevel: 'silent',
  });
  if (!alone) symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return outfile;
}
