// The queues that one would take instead. Each is used as its documentation says is fastest; what that is stands with it.
import Database from 'better-sqlite3';
import DatabaseForLiteque from 'better-sqlite3-for-liteque';
import { Queue, Worker } from 'bullmq';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { Redis } from 'ioredis';
import { migrateDB, Runner, SqliteQueue } from 'liteque';
import { better, defineQueue, defineWorker } from 'plainjob';

/**
 * `add` enqueues so many, and resolves when they are in; `start` begins to work, and calls `done` after each; `stop` ends it.
 * @typedef {{ add(values: object[]): Promise<unknown>, start(done: () => void): void, stop(): Promise<unknown> }} System
 */

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const REDIS = { host: '127.0.0.1', port: 6379 };

/** @type {Record<string, (path: string) => Promise<System>>} */
export const peers = {
  /** `addMany`; one worker (a second process makes it no faster here), which polls at once; it sets `synchronous = NORMAL`. */
  async plainjob(path) {
    const queue = defineQueue({ connection: better(new Database(path)), logger: quiet });
    /** @type {ReturnType<typeof defineWorker>} */
    let worker;
    return {
      add: async (values) => queue.addMany('job', values),
      start(done) {
        const parsed = async (/** @type {{ data: string }} */ { data }) => void JSON.parse(data);
        worker = defineWorker('job', parsed, { queue, pollIntervall: 1, logger: quiet, onCompleted: done });
        void worker.start();
      },
      async stop() {
        await worker.stop();
        queue.close();
      },
    };
  },
  /**
   * Jobs are enqueued in one transaction; 16 at once, which polls at once. Its client is made here as its `buildDBClient` makes it, with
   * `synchronous = NORMAL`: with better-sqlite3 from 11.10 on it can not take a job ("Transaction function cannot return a promise").
   */
  async liteque(path) {
    const client = new DatabaseForLiteque(path);
    for (const pragma of ['journal_mode = WAL', 'synchronous = NORMAL', 'cache_size = -65536', 'temp_store = MEMORY'])
      client.pragma(pragma);
    const database = drizzle(client);
    migrateDB(database);
    const queue = new SqliteQueue('jobs', database, { defaultJobArgs: { numRetries: 2 }, keepFailedJobs: false });
    /** @type {any} */
    let runner;
    /** @type {Promise<void>} */
    let running;
    return {
      async add(values) {
        client.exec('BEGIN IMMEDIATE');
        await Promise.all(values.map((value) => queue.enqueue(value)));
        client.exec('COMMIT');
      },
      start(done) {
        const functions = { run: async () => {}, onComplete: async () => done() };
        runner = new Runner(queue, functions, { concurrency: 16, pollIntervalMs: 1, timeoutSecs: 60 });
        running = runner.run();
      },
      async stop() {
        runner.stop();
        await running;
      },
    };
  },
  /** `addBulk`; one worker with a concurrency of 100; jobs are removed when they are done. Redis keeps nothing on the disk. */
  async bullmq() {
    const options = { connection: { ...REDIS, maxRetriesPerRequest: null }, prefix: 'sluice-bench' };
    const defaultJobOptions = { removeOnComplete: true, removeOnFail: true };
    const queue = new Queue(`jobs-${process.pid}`, { ...options, defaultJobOptions });
    await queue.waitUntilReady();
    /** @type {any} */
    let worker;
    return {
      add: (values) => queue.addBulk(values.map((data) => ({ name: 'job', data }))),
      start(done) {
        worker = new Worker(queue.name, async () => {}, { ...options, concurrency: 100 });
        worker.on('completed', done);
      },
      async stop() {
        await worker.close();
        await queue.obliterate({ force: true });
        await queue.close();
      },
    };
  },
};

/** Whether a Redis answers. */
export async function redis() {
  const client = new Redis({ ...REDIS, lazyConnect: true, retryStrategy: () => null, connectTimeout: 1_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const info = await client.info('server');
    return /redis_version:(\S+)/.exec(info)?.[1] ?? null;
  } catch {
    return null;
  } finally {
    client.disconnect();
  }
}
