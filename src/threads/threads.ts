/** A pool's work in threads of their own. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ResourceLimits } from 'node:worker_threads';
import { workers, type WorkerSource } from '../index.js';
import {
  check,
  checkOptions,
  DURATION,
  expected,
  FUNCTION,
  NOT_NEGATIVE,
  OBJECT,
  STRING,
  type Rule,
} from '../options.js';
import { loadPiscina } from './piscina.js';
import { Thread } from './thread.js';

/** Options of `threads`. */
export interface ThreadsOptions<T> {
  /**
   * Threads at most; calls beyond them wait for one, and the pool's `timeout` counts that time. An integer of at least 1. Default:
   * `availableParallelism()` of `node:os`.
   */
  max?: number | undefined;
  /** Threads that `idleTimeout` leaves. An integer of at least 0. Default: 0. */
  min?: number | undefined;
  /** Milliseconds after which an idle thread is ended, if there are more than `min`. Above 0. Default: it is kept. */
  idleTimeout?: number | undefined;
  /** The export of the file that does the work: a function of one argument. Default: `'default'`. */
  name?: string | undefined;
  /** What of a value is handed over to the thread instead of copied: array buffers, message ports. Default: nothing. */
  transfer?: ((value: T) => readonly object[]) | undefined;
  /** What the threads see as `workerData` of `piscina`. Default: nothing. */
  workerData?: unknown;
  /** Memory that a thread may use, as `Worker` of `node:worker_threads` has it; one that needs more dies. Default: Node's. */
  resourceLimits?: ResourceLimits | undefined;
}

const COUNT: Rule = [
  'a positive integer below Infinity',
  (value: unknown) => Number.isInteger(value) && Number(value) > 0,
];
const ANY: Rule = ['', () => true];

/**
 * A worker for a `pool` that runs each call in a thread: the function that `file` exports, with the value, copied, as its argument.
 *
 * Use it for work that keeps a CPU busy for some milliseconds and more: PDFs, images, compression, parsing. Not for waiting (requests,
 * queries): that costs a thread nothing but its memory; and not for work of microseconds: it takes some 20 to hand a value over and back.
 *
 * A thread runs one call at a time. It is started when a call needs one, up to the pool's concurrency or `max`, and kept until the stream
 * ends, the concurrency falls, or `idleTimeout`. A call that times out, or is aborted, has its thread ended at once, whatever that does. Threads
 * of an idle pool do not keep the process alive.
 *
 * ```ts no-run: needs a file beside it
 * // task.js: export default ({ pages }) => render(pages);
 * import { pool, pull } from 'sluice';
 * import { threads } from 'sluice/threads';
 *
 * const render = threads<{ pages: number }, Uint8Array>(new URL('./task.js', import.meta.url), { max: 4 });
 * pull([{ pages: 1 }, { pages: 2 }])
 *   .pipe(pool(render, { concurrency: 4, timeout: 10_000 }))
 *   .subscribe((pdf) => console.log(pdf.byteLength));
 * ```
 *
 * @param file a file URL, or an absolute path, of JavaScript that Node can load
 * @returns what `pool` takes as its worker; each subscription has threads of its own
 * @throws OptionError at the call when an option is wrong, or there is no such file
 * @throws MissingPackageError at the call when `piscina` is not installed
 * @throws ThreadError in the stream when a thread ended before its call had: it called `process.exit`, threw outside of the call, or ran
 * out of memory. What the function itself throws is passed on as it is
 */
export function threads<T, R>(file: URL | string, options: ThreadsOptions<T> = {}): WorkerSource<T, R> {
  const filename = pathOf(file);
  checkOptions('threads', options, {
    max: COUNT,
    min: NOT_NEGATIVE,
    idleTimeout: DURATION,
    name: STRING,
    transfer: FUNCTION,
    workerData: ANY,
    resourceLimits: OBJECT,
  });
  const { max = availableParallelism(), min = 0, idleTimeout, name = 'default', transfer } = options;
  if (max < min) expected('max', `an integer of at least \`min\`, which is ${min}`, max, 'threads');
  const { workerData, resourceLimits } = options;
  const Piscina = loadPiscina();
  return workers({
    create: () => new Thread<T, R>(new Piscina({ ...ONE_THREAD, workerData, resourceLimits })),
    run: (thread, value: T) => thread.run(value, { filename, name, transferList: transfer?.(value) }),
    destroy: (thread) => thread.end(),
    healthy: (thread) => thread.alive,
    attempts: 1,
    ...{ max, min, idleTimeout },
  });
}

/** Of many threads one Piscina keeps a queue; of one each, the pool's demand is all the queue there is. */
const ONE_THREAD = { minThreads: 1, maxThreads: 1, idleTimeout: Infinity };

function pathOf(file: URL | string): string {
  const url = file instanceof URL ? file.href : file;
  check(
    'file',
    [
      'a file URL or an absolute path',
      (url: unknown) => typeof url === 'string' && (url.startsWith('file:') || isAbsolute(url)),
    ],
    url,
    'threads',
  );
  const path = url.startsWith('file:') ? fileURLToPath(url) : url;
  check('file', ['a file that exists', existsSync], path, 'threads');
  return path;
}
