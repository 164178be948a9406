// What is measured: each case is a function from a number of values to a promise that ends with the work.
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { bufferTime, concatMap, filter, from, map, mergeMap, of, Subject, tap } from 'rxjs';
import { batch, boundedBuffer, boundedQueue, broadcast, pool, pull, toAsyncIterable } from '../dist/index.js';
import { fromReadable } from '../dist/node.js';

function* numbers(/** @type {number} */ n) {
  for (let i = 0; i < n; i++) yield i;
}
async function* asyncNumbers(/** @type {number} */ n) {
  for (let i = 0; i < n; i++) yield i;
}
const work = async (/** @type {number} */ value) => value + 1;
const saveAll = async (/** @type {number[]} */ values) => values.length;
const CONCURRENCY = 16;

/** Subscribes and waits for the end. @param {import('rxjs').Observable<unknown>} source @returns {Promise<void>} */
const run = (source) =>
  new Promise((resolve, reject) => void source.subscribe({ error: reject, complete: () => resolve() }));

/** @param {AsyncIterable<unknown> | Iterable<unknown>} source */
const drain = async (source) => {
  let count = 0;
  for await (const value of source) count += value === undefined ? 0 : 1;
  return count;
};

/** @typedef {(values: number) => Promise<unknown>} Case */

/** An async function over each value, 16 at once. @type {Record<string, Case>} */
export const concurrent = {
  sluice: (n) =>
    run(
      pull(numbers(n)).pipe(
        map((v) => v),
        pool(work, { concurrency: CONCURRENCY }),
      ),
    ),
  'bare async loops': async (n) => {
    const values = numbers(n);
    const loop = async () => {
      for (const value of values) await work(value);
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, loop));
  },
  'RxJS from → map': (n) => run(from(numbers(n)).pipe(map((v) => v))),
  'sluice, source order': (n) =>
    run(
      pull(numbers(n)).pipe(
        map((v) => v),
        pool(work, { concurrency: CONCURRENCY, order: 'source' }),
      ),
    ),
  'sluice, by key': (n) =>
    run(
      pull(numbers(n)).pipe(
        map((v) => v),
        pool(work, { concurrency: CONCURRENCY, key: (v) => v % 64 }),
      ),
    ),
  'p-map': async (n) => (await import('p-map')).default(numbers(n), work, { concurrency: CONCURRENCY }),
  'p-queue': async (n) => {
    const queue = new (await import('p-queue')).default({ concurrency: CONCURRENCY });
    for (const value of numbers(n)) void queue.add(() => work(value));
    await queue.onIdle();
  },
  'fastq.promise': async (n) => {
    const queue = (await import('fastq')).default.promise(work, CONCURRENCY);
    for (const value of numbers(n)) void queue.push(value);
    await queue.drained();
  },
  'async eachLimit': async (n) => (await import('async')).default.eachLimit(numbers(n), CONCURRENCY, work),
  'streaming-iterables': async (n) =>
    drain((await import('streaming-iterables')).parallelMap(CONCURRENCY, work, numbers(n))),
  'IxJS flatMap': async (n) => {
    const [{ from: ixFrom }, { flatMap }] = await Promise.all([
      import('ix/asynciterable'),
      import('ix/asynciterable/operators'),
    ]);
    await drain(ixFrom(numbers(n)).pipe(flatMap(async (value) => [await work(value)], CONCURRENCY)));
  },
  'Effect Stream': async (n) => {
    const { Effect, Stream } = await import('effect');
    const stream = Stream.fromIterable(numbers(n)).pipe(
      Stream.mapEffect((value) => Effect.promise(() => work(value)), { concurrency: CONCURRENCY }),
    );
    await Effect.runPromise(Stream.runDrain(stream));
  },
  'Node Readable.map': async (n) => drain(Readable.from(numbers(n)).map(work, { concurrency: CONCURRENCY })),
  'Web Streams': async (n) => {
    const transform = new TransformStream({
      transform: async (value, controller) => controller.enqueue(await work(value)),
    });
    await drain(/** @type {any} */ (ReadableStream.from(numbers(n)).pipeThrough(transform)));
  },
  'RxJS concatMap': (n) => run(from(numbers(n)).pipe(concatMap(work))),
  'RxJS mergeMap': (n) => run(from(numbers(n)).pipe(mergeMap(work, CONCURRENCY))),
};

/** Those whose time grows with the square of the number of values: measured once. */
export const QUADRATIC = ['RxJS concatMap', 'RxJS mergeMap'];

const list = /** @type {Map<number, number[]>} */ (new Map());
const listOf = (/** @type {number} */ n) => list.get(n) ?? (list.set(n, [...numbers(n)]), list.get(n) ?? []);
const halves = [map((/** @type {number} */ v) => v + 1), filter((/** @type {number} */ v) => v % 2 === 0)];

/** A synchronous pipeline. @type {Record<string, Case>} */
export const synchronous = {
  'sluice, array': (n) => run(pull(listOf(n)).pipe(halves[0], halves[1], boundedBuffer({ capacity: 64 }))),
  'RxJS, array': (n) => run(from(listOf(n)).pipe(halves[0], halves[1])),
  'sluice, generator': (n) => run(pull(numbers(n)).pipe(halves[0], halves[1], boundedBuffer({ capacity: 64 }))),
  'RxJS, generator': (n) => run(from(numbers(n)).pipe(halves[0], halves[1])),
};

/** Batches of 100, or what came within a second, from the same source. @type {Record<string, Case>} */
export const batches = {
  'sluice batch, array': (n) => run(from(listOf(n)).pipe(batch({ size: 100, within: 1_000 }))),
  'RxJS bufferTime, array': (n) => run(from(listOf(n)).pipe(bufferTime(1_000, null, 100))),
  'sluice batch, generator': (n) => run(pull(numbers(n)).pipe(batch({ size: 100, within: 1_000 }))),
  'RxJS bufferTime, generator': (n) => run(from(numbers(n)).pipe(bufferTime(1_000, null, 100))),
  'sluice batch, each for an async call': (n) =>
    run(pull(numbers(n)).pipe(batch({ size: 100, within: 1_000 }), pool(saveAll, { concurrency: 1 }))),
  'RxJS bufferTime, each for an async call': (n) =>
    run(from(numbers(n)).pipe(bufferTime(1_000, null, 100), concatMap(saveAll))),
};

/** Bridges, each against the bare `for await` over the same source. @type {Record<string, Case>} */
export const bridges = {
  'for await, async generator': (n) => drain(asyncNumbers(n)),
  'one .then a value, async generator': (n) => {
    const values = asyncNumbers(n);
    const next = () => values.next().then((result) => result);
    return drain({ [Symbol.asyncIterator]: () => ({ next }) });
  },
  'toAsyncIterable, async generator': (n) => drain(toAsyncIterable(pull(asyncNumbers(n)))),
  'for await, generator': (n) => drain(numbers(n)),
  'toAsyncIterable, generator': (n) => drain(toAsyncIterable(pull(numbers(n)))),
  'for await, Readable of objects': (n) => drain(Readable.from(numbers(n))),
  'fromReadable, Readable of objects': (n) => run(fromReadable(Readable.from(numbers(n)))),
  'for await, file': () => drain(createReadStream(process.execPath)),
  'fromReadable, file': () => run(fromReadable(createReadStream(process.execPath))),
};

const SUBSCRIBERS = 100;
/** Each value to 100 subscribers that take it at once. @param {(source: Subject<number>) => import('rxjs').Observable<number>} share @returns {Case} */
const toMany = (share) => async (n) => {
  const source = /** @type {Subject<number>} */ (new Subject());
  const shared = share(source);
  let sum = 0;
  for (let i = 0; i < SUBSCRIBERS; i++) shared.subscribe((value) => void (sum += value));
  for (let i = 0; i < n; i++) source.next(i);
  source.complete();
  return sum;
};

/** One source for many. @type {Record<string, Case>} */
export const fanOut = {
  broadcast: toMany((source) => broadcast(source, { capacity: 256 })),
  'RxJS Subject': toMany((source) => source),
};

/** Many values through the whole of it. @type {Record<string, Case>} */
export const long = {
  sluice: (n) =>
    run(
      pull(numbers(n)).pipe(
        map((v) => v),
        boundedBuffer({ capacity: 1_000 }),
        pool(work, { concurrency: 8 }),
      ),
    ),
};

/** Records of some 1 kB. @param {number} n */
function* records(n) {
  for (let id = 0; id < n; id++) yield { id, body: new Array(128).fill(id) };
}
/** Work that gives the event loop back, as I/O does. */
const slowWork = (/** @type {{ id: number }} */ record) =>
  new Promise((resolve) => void setImmediate(resolve, record.id));

/** What the heap does while work is slower than its source; `onDone` is called for each value done. @type {Record<string, (n: number, onDone: () => void) => Promise<unknown>>} */
export const memory = {
  'sluice pool': (n, onDone) => run(pull(records(n)).pipe(pool(slowWork, { concurrency: CONCURRENCY }), tap(onDone))),
  'RxJS mergeMap': (n, onDone) => run(from(records(n)).pipe(mergeMap(slowWork, CONCURRENCY), tap(onDone))),
  'fastq.promise': async (n, onDone) => {
    const queue = (await import('fastq')).default.promise((record) => slowWork(record).then(onDone), CONCURRENCY);
    for (const record of records(n)) void queue.push(record);
    await queue.drained();
  },
  'p-queue': async (n, onDone) => {
    const queue = new (await import('p-queue')).default({ concurrency: CONCURRENCY });
    for (const record of records(n)) void queue.add(() => slowWork(record).then(onDone));
    await queue.onIdle();
  },
  'Node Readable.map': async (n, onDone) => {
    const mapped = Readable.from(records(n)).map(slowWork, { concurrency: CONCURRENCY });
    for await (const id of mapped) onDone(id);
  },
  'sluice batch': (n, onDone) =>
    run(
      pull(numbers(n)).pipe(
        batch({ size: 100, within: 1_000 }),
        pool(saveAll, { concurrency: 1 }),
        tap((count) => {
          for (let i = 0; i < count; i++) onDone();
        }),
      ),
    ),
  'sluice, buffer and pool': (n, onDone) =>
    run(
      pull(numbers(n)).pipe(
        map((v) => v),
        boundedBuffer({ capacity: 1_000 }),
        pool(work, { concurrency: 8 }),
        tap(onDone),
      ),
    ),
};

/** One worker call at a time, each of which completes at once. @type {Record<string, Case>} */
export const inners = {
  'sluice pool(1)': (n) => run(pull(numbers(n)).pipe(pool((v) => of(v), { concurrency: 1 }))),
};

/** Single operations, for the `benchmark` package: each call is one. */
export function operations() {
  const queue = boundedQueue({ capacity: 1_000 });
  queue.subscribe();
  const full = boundedQueue({ capacity: 1 });
  full.offer(0);
  return {
    'boundedQueue.offer, taken at once': () => queue.offer(1),
    'boundedQueue.offer, full': () => full.offer(1),
    'pull of one value through a pool': () =>
      pull([1])
        .pipe(pool((v) => [v], { concurrency: 1 }))
        .subscribe(),
  };
}
