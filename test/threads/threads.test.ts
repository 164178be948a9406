/** Real threads: each test waits for what they do. */
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { BehaviorSubject, config, firstValueFrom, lastValueFrom, Subject, toArray } from 'rxjs';
import { build } from 'esbuild';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  elastic,
  fixed,
  pool,
  pull,
  ThreadError,
  WorkerTimeoutError,
  type PoolOptions,
  type WorkerSource,
} from '../../src/index.js';
import { threads, type ThreadsOptions } from '../../src/threads/index.js';

interface Task {
  readonly what: string;
  readonly value?: unknown;
}

const file = new URL('./tasks/work.mjs', import.meta.url);

const run = (
  tasks: readonly Task[],
  options: Partial<PoolOptions<Task>> = {},
  threadsOptions: ThreadsOptions<Task> = {},
): Promise<unknown[]> =>
  lastValueFrom(
    pull(tasks).pipe(
      pool(threads<Task, unknown>(file, threadsOptions), { concurrency: 2, order: 'source', ...options }),
      toArray(),
    ),
  );

/** Threads whose task depends on the attempt. */
const byAttempt = (task: (value: number, attempt: number) => Task): WorkerSource<number, unknown> => ({
  open: (concurrency, scheduler) => {
    const session = threads<Task, unknown>(file).open(concurrency, scheduler);
    return {
      run: (value, context) => session.run(task(value, context.attempt), context),
      close: () => session.close?.(),
    };
  },
});

/** Cells that threads and tests share: a gate, and how many wait before it. */
class Gate {
  readonly shared: SharedArrayBuffer = new SharedArrayBuffer(8);
  private readonly cells: Int32Array = new Int32Array(this.shared);

  get waiting(): number {
    return Atomics.load(this.cells, 1);
  }

  async until(waiting: number): Promise<void> {
    while (this.waiting < waiting) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  open(): void {
    Atomics.store(this.cells, 0, 1);
    Atomics.notify(this.cells, 0);
  }
}

vi.setConfig({ testTimeout: 30_000 }); // threads take their time to start on a busy machine
afterEach(() => {
  config.onUnhandledError = null;
});

describe('work', () => {
  test('runs in threads, in both kinds of order, and gives what the file exports', async () => {
    const tasks = [1, 2, 3, 4, 5].map((value) => ({ what: 'double', value }));
    expect(await run(tasks)).toEqual([2, 4, 6, 8, 10]);
    const ids = await run([{ what: 'thread' }, { what: 'thread' }, { what: 'thread' }], { concurrency: 1 });
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toBeGreaterThan(0);
  });

  test('as many threads at once as the concurrency, none waits in a queue of piscina', async () => {
    const gate = new Gate();
    const values = Array.from({ length: 6 }, (_, value) => ({ shared: gate.shared, value }));
    const held = threads<(typeof values)[0], number>(file, { name: 'hold', max: 3 });
    const done = lastValueFrom(pull(values).pipe(pool(held, { concurrency: 3, order: 'source' }), toArray()));
    await gate.until(3);
    expect(gate.waiting).toBe(3);
    gate.open();
    expect(await done).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('max bounds the threads below the concurrency', async () => {
    const ids = await run(Array<Task>(8).fill({ what: 'thread' }), { concurrency: 8 }, { max: 1 });
    expect(new Set(ids).size).toBe(1);
  });

  test('transfers what the options name, and what the task moves', async () => {
    const buffer = new ArrayBuffer(1_000);
    const length = await run([{ what: 'length', value: buffer }], {}, { transfer: ({ value }) => [value as object] });
    expect(length).toEqual([1_000]);
    expect(buffer.byteLength).toBe(0);
    const [bytes] = await run([{ what: 'bytes', value: 7 }]);
    expect(bytes).toEqual(new Uint8Array(7));
  });

  test.each([
    ['fails', 'throw if full', {}, { name: 'RangeError', message: 'full' }],
    ['is too slow', 'never', { timeout: 500 }, { code: 'SLUICE_WORKER_TIMEOUT' }],
  ])(
    'what was transferred to a call that %s can not be again: the other attempts fail with its error',
    async (...row) => {
      const [, what, options, expected] = row;
      for (const value of [new ArrayBuffer(8), new Uint8Array(8)]) {
        const attempts: unknown[] = [];
        const retry = { attempts: 3, backoff: fixed(1), when: (error: unknown) => attempts.push(error) > 0 };
        const transfer = (): readonly object[] => [value instanceof Uint8Array ? value.buffer : value];
        await expect(run([{ what, value }], { ...options, retry }, { transfer })).rejects.toMatchObject(expected);
        expect(attempts).toMatchObject([expected, expected]);
      }
    },
  );

  test.each([undefined, new ArrayBuffer(1), [1]])(
    'a transfer that returns %o ends the stream, at once',
    async (list) => {
      let asked = 0;
      const transfer = (): never => {
        asked++;
        return list as never;
      };
      const retry = { attempts: 3, backoff: fixed(1) };
      const failure = await run([{ what: 'double' }], { retry }, { transfer }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'SLUICE_RETURN', stage: 'pool', received: list });
      expect(asked).toBe(1);
    },
  );

  test('workerData is what the threads see', async () => {
    expect(await run([{ what: 'data' }], {}, { workerData: { region: 'eu' } })).toEqual([{ region: 'eu' }]);
  });

  test('follows a concurrency that changes', async () => {
    const gate = new Gate();
    const concurrency = new BehaviorSubject(1);
    const held = threads<{ shared: SharedArrayBuffer; value: number }, number>(file, { name: 'hold', max: 8 });
    const source = new Subject<{ shared: SharedArrayBuffer; value: number }>();
    const done = lastValueFrom(source.pipe(pool(held, { concurrency, waiting: Infinity }), toArray()));
    for (let value = 0; value < 4; value++) source.next({ shared: gate.shared, value });
    source.complete();
    await gate.until(1);
    concurrency.next(3);
    await gate.until(3);
    expect(gate.waiting).toBe(3);
    concurrency.next(1);
    gate.open();
    expect((await done).sort()).toEqual([0, 1, 2, 3]);
  });

  test('works with elastic', async () => {
    const tasks = Array.from({ length: 20 }, (_, value) => ({ what: 'double', value }));
    expect(await run(tasks, { concurrency: elastic({ min: 1, max: 2 }) })).toHaveLength(20);
  });
});

describe('work that goes wrong', () => {
  test.each([
    ['throw', 'RangeError', 'no 7'],
    ['reject', 'TypeError', 'rejected 7'],
  ])('what the task does by %s is the error of the stream', async (what, name, message) => {
    await expect(run([{ what, value: 7 }])).rejects.toMatchObject({ name, message });
  });

  test('a thread that threw goes on', async () => {
    const results = await lastValueFrom(
      pull([0, 1, 2]).pipe(
        pool(
          byAttempt((value, attempt) => ({ what: value === 1 && attempt === 1 ? 'throw' : 'thread' })),
          { concurrency: 1, retry: { attempts: 2, backoff: fixed(1) } },
        ),
        toArray(),
      ),
    );
    expect(results).toHaveLength(3);
    expect(new Set(results).size).toBe(1);
  });

  test.each([
    ['exit', { what: 'exit', value: 3 }, 'worker exited with code: 3'],
    ['exit with 0', { what: 'exit', value: 0 }, 'worker exited with code: 0'],
    ['an error outside of the call', { what: 'die' }, 'outside of the call'],
  ])('%s: a ThreadError with its cause', async (_, task, message) => {
    const error: unknown = await run([task]).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ThreadError);
    expect(error).toMatchObject({ code: 'SLUICE_THREAD', cause: { message } });
  });

  test('a thread that needs more memory than it may: a ThreadError', async () => {
    const error: unknown = await run(
      [{ what: 'memory' }],
      {},
      { resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 } },
    ).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'SLUICE_THREAD', cause: { code: 'ERR_WORKER_OUT_OF_MEMORY' } });
  });

  test.each(['never', 'stuck'])('%s: the timeout ends the thread', async (what) => {
    await expect(run([{ what }], { timeout: 300 })).rejects.toBeInstanceOf(WorkerTimeoutError);
  });

  test.each(['exit', 'die', 'never'])('%s: a retry gets another thread', async (what) => {
    const results = await lastValueFrom(
      pull([0, 1, 2]).pipe(
        pool(
          byAttempt((value, attempt) => ({ what: value === 1 && attempt === 1 ? what : 'thread' })),
          { concurrency: 1, timeout: 2_000, retry: { attempts: 2, backoff: fixed(1) } },
        ),
        toArray(),
      ),
    );
    expect(results).toHaveLength(3);
    expect(new Set(results).size).toBe(2);
  });

  test('what a call left running fails the call that is there when it throws', async () => {
    const tasks = [{ what: 'die later' }, { what: 'turn' }];
    const error: unknown = await run(tasks, { concurrency: 1 }).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'SLUICE_THREAD', cause: { message: 'after the call' } });
  });

  test('a thread that dies between two calls is reported, and replaced', async () => {
    // Without this a thread sleeps between two calls so soundly that nothing can go wrong in it.
    process.env['PISCINA_DISABLE_ATOMICS'] = '1';
    const reported = new Promise((resolve) => (config.onUnhandledError = resolve));
    const source = new Subject<Task>();
    const results = new Subject<unknown>();
    const subscription = source.pipe(pool(threads<Task, unknown>(file), { concurrency: 1 })).subscribe(results);
    try {
      const first = firstValueFrom(results);
      const told = new SharedArrayBuffer(4);
      source.next({ what: 'die when told', value: told });
      expect(await first).toBe('done');
      Atomics.store(new Int32Array(told), 0, 1);
      expect(await reported).toMatchObject({ message: 'after the call' });
      const second = firstValueFrom(results);
      source.next({ what: 'double', value: 2 });
      expect(await second).toBe(4);
    } finally {
      delete process.env['PISCINA_DISABLE_ATOMICS'];
      subscription.unsubscribe();
    }
  });

  test('threads that can not even start: a ThreadError, and no word of those that Piscina starts in their place', async () => {
    // Less is too little for Node itself, which then ends the process: "GC during deserialization".
    const limits = { resourceLimits: { maxOldGenerationSizeMb: 4 } };
    const error: unknown = await run(
      [{ what: 'double' }],
      { retry: { attempts: 3, backoff: fixed(200) } },
      limits,
    ).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'SLUICE_THREAD' });
  });

  test('values and results that can not be copied are errors of their call', async () => {
    await expect(run([{ what: 'double', value: () => 1 }])).rejects.toMatchObject({ name: 'DataCloneError' });
    await expect(run([{ what: 'function' }])).rejects.toMatchObject({
      code: 'SLUICE_THREAD',
      cause: { message: expect.stringContaining('a result that can not be copied') as string },
    });
  });

  test('a file that goes away, has no such export, or does not load: an error of the call', async () => {
    const path = join(tmpdir(), `sluice-threads-${process.pid}.mjs`);
    writeFileSync(path, 'export default () => 1;');
    const gone = threads(path);
    rmSync(path);
    const one = (source: ReturnType<typeof threads>): Promise<unknown> =>
      lastValueFrom(pull([1]).pipe(pool(source as never, { concurrency: 1 })));
    await expect(one(gone)).rejects.toThrow('Cannot find module'); // a copied error has no code
    await expect(one(threads(file, { name: 'nothing' }))).rejects.toMatchObject({
      ...{ code: 'SLUICE_OPTION', option: 'name', received: 'nothing' },
      message: expect.stringContaining('exports no function `nothing`') as string,
    });
    try {
      writeFileSync(path, 'export default ( => 1;');
      await expect(one(threads(path))).rejects.toMatchObject({ name: 'SyntaxError' });
    } finally {
      rmSync(path);
    }
  });

  test('unsubscribing ends threads that work', async () => {
    const gate = new Gate();
    const held = threads<{ shared: SharedArrayBuffer; value: number }, number>(file, { name: 'hold' });
    const source = new Subject<{ shared: SharedArrayBuffer; value: number }>();
    const subscription = source.pipe(pool(held, { concurrency: 1 })).subscribe();
    source.next({ shared: gate.shared, value: 1 });
    await gate.until(1);
    subscription.unsubscribe();
    // The leak check after the test waits for the thread's end.
  });
});

describe('the process', () => {
  test('exits by itself: after the end, and while idle threads of an open stream wait', async () => {
    // The source, bundled for a process of its own.
    const { outputFiles } = await build({
      stdin: {
        contents: `
          import { Subject } from 'rxjs';
          import { pool } from './src/index.ts';
          import { threads } from './src/threads/index.ts';
          const source = new Subject();
          const work = threads(new URL(${JSON.stringify(file.href)}), { max: 2 });
          source.pipe(pool(work, { concurrency: 2 })).subscribe((result) => console.log(result));
          source.next({ what: 'double', value: 21 });
        `,
        resolveDir: process.cwd(),
      },
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      external: ['rxjs', 'piscina'],
    });
    mkdirSync('.cache', { recursive: true });
    const path = join(process.cwd(), '.cache', `threads-${process.pid}.mjs`);
    writeFileSync(path, outputFiles[0]!.text);
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: 20_000 });
      expect(stdout.trim()).toBe('42');
    } finally {
      rmSync(path);
    }
  }, 30_000);
});

describe('wrong options', () => {
  test.each([
    [undefined, {}, 'file'],
    ['./task.js', {}, 'file'],
    [new URL('https://example.org/task.js'), {}, 'file'],
    [new URL('./no-such-file.mjs', import.meta.url), {}, 'file'],
    [pathToFileURL('/no/such/file.mjs').href, {}, 'file'],
    [file, { max: 0 }, 'max'],
    [file, { max: Infinity }, 'max'],
    [file, { min: -1 }, 'min'],
    [file, { min: 3, max: 2 }, 'max'],
    [file, { idleTimeout: 0 }, 'idleTimeout'],
    [file, { name: 1 }, 'name'],
    [file, { transfer: [] }, 'transfer'],
    [new URL('.', import.meta.url), {}, 'file'],
    [file, { min: 1 }, 'idleTimeout'],
    [file, { resourceLimits: 1 }, 'resourceLimits'],
    [file, { resourceLimits: { maxOldGenerationSize: 16 } }, 'maxOldGenerationSize'],
    [file, { resourceLimits: { maxOldGenerationSizeMb: '16' } }, 'maxOldGenerationSizeMb'],
    [file, { resourceLimits: { stackSizeMb: 0 } }, 'stackSizeMb'],
    [file, { maxThreads: 1 }, 'maxThreads'],
  ])('%s %o throws at the call, for `%s`', (path, options, option) => {
    expect(() => threads(path as never, options as never)).toThrow(
      expect.objectContaining({ code: 'SLUICE_OPTION', option }),
    );
  });
});
