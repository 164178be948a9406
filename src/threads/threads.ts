/** A pool's work in threads of their own. */
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ResourceLimits } from 'node:worker_threads';
import { workers, type WorkerSource } from '../index.js';
import {
  check,
  checkOptions,
  checkRange,
  DURATION,
  expected,
  COUNT,
  FUNCTION,
  NOT_NEGATIVE,
  OBJECT,
  STRING,
  type Rule,
} from '../options.js';
import { loadPiscina } from './piscina.js';
import { Thread } from './thread.js';
import { Transfers } from './transfers.js';

/** Options of `threads`. */
export interface ThreadsOptions<T> {
  /** Threads at most: the pool runs no more calls, whatever its `concurrency`. An integer of at least 1. Default: `availableParallelism()` of `node:os`. */
  max?: number | undefined;
  /** Threads that `idleTimeout` leaves; only with that. An integer of at least 0. Default: 0. */
  min?: number | undefined;
  /** Milliseconds after which an idle thread is ended, if there are more than `min`. Above 0. Default: it is kept. */
  idleTimeout?: number | undefined;
  /** The export of the file that does the work: a function of one argument. Default: `'default'`. */
  name?: string | undefined;
  /**
   * What of a value is handed over to the thread instead of copied: array buffers, message ports. Nothing of it is left for another attempt:
   * with the `retry` of a pool, that fails with the error of the first. Default: nothing.
   */
  transfer?: ((value: T) => readonly object[]) | undefined;
  /** What the threads see as `workerData` of `piscina`. Default: nothing. */
  workerData?: unknown;
  /** Memory that a thread may use, as `Worker` of `node:worker_threads` has it; one that needs more dies (with less than
   * some 4 MB a newer Node ends the whole process). Default: Node's. */
  resourceLimits?: ResourceLimits | undefined;
}

const MEGABYTES: Rule = ['a number above 0', (value: unknown) => Number.isFinite(value) && (value as number) > 0];
const LIMITS: Rule = [
  OBJECT[0],
  (limits: ResourceLimits) => {
    if (!OBJECT[1](limits as never)) return false;
    checkOptions('resourceLimits', limits, {
      maxOldGenerationSizeMb: MEGABYTES,
      maxYoungGenerationSizeMb: MEGABYTES,
      codeRangeSizeMb: MEGABYTES,
      stackSizeMb: MEGABYTES,
    });
    return true;
  },
];
const ANY: Rule = ['', () => true];

/**
 * A worker for a `pool` that runs each call in a thread: the function that `file` exports, with the value, copied, as its argument.
 *
 * Use it for work that keeps a CPU busy for some milliseconds and more: PDFs, images, compression, parsing. Not for waiting (requests,
 * queries): that costs a thread nothing but its memory; and not for work of microseconds: it takes some 20 to hand a value over and back.
 *
 * A thread runs one call at a time. It is started when a call needs one, up to the pool's concurrency or `max`, and kept until the stream
 * ends, the concurrency falls, or `idleTimeout`. A call that times out, or is aborted, has its thread ended at once, whatever that does. Idle
 * threads do not keep the process alive; the timers of `idleTimeout` and `elastic` do, until they have gone off.
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
 * @throws OptionError at the call when an option is wrong, or there is no such file; in the stream when the file has no export `name`
 * @throws MissingPackageError at the call when `piscina` is not installed
 * @throws ThreadError in the stream when a thread ended before its call had: it called `process.exit`, threw outside of the call, or ran
 * out of memory, or its result can not be copied. What the function itself throws is passed on as it is
 * @throws ReturnError in the stream when `transfer` returns no array of objects
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
    resourceLimits: LIMITS,
  });
  const { max = availableParallelism(), min = 0, idleTimeout, name = 'default', transfer } = options;
  checkRange(min, max, 'threads');
  if (min > 0 && idleTimeout === undefined) {
    expected('idleTimeout', 'a number of milliseconds where there is a `min`', undefined, 'threads');
  }
  const { workerData, resourceLimits } = options;
  const transfers = transfer && new Transfers(transfer);
  const Piscina = loadPiscina();
  const life = (stage: string): WorkerSource<T, R> =>
    workers({
      create: () => new Thread<T, R>(new Piscina({ ...ONE_THREAD, workerData, resourceLimits })),
      run: (thread, value: T, { signal }) => {
        const run = (transferList?: readonly object[]): Promise<R> =>
          thread.run(value, { filename, name, transferList });
        return transfers === undefined ? run() : transfers.run(stage, value, signal, run);
      },
      destroy: (thread) => thread.end(),
      healthy: (thread) => thread.alive,
      attempts: 1,
      ...{ max, min, idleTimeout },
    });
  return { max, open: (concurrency, scheduler, stage = 'threads') => life(stage).open(concurrency, scheduler, stage) };
}

/** Of many threads one Piscina keeps a queue; of one each, the pool's demand is all the queue there is. */
const ONE_THREAD = { minThreads: 1, maxThreads: 1, idleTimeout: Infinity };

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

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
  check('file', ['a file that exists', isFile], path, 'threads');
  return path;
}
