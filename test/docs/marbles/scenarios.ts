/** The runs behind the pictures of the pages: each drives the real operator and notes what it does. */
import { Readable, Writable } from 'node:stream';
import { BehaviorSubject, Subject, tap, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import {
  batch,
  boundedBuffer,
  boundedQueue,
  broadcast,
  fixed,
  mergePriority,
  pool,
  pull,
  rateLimit,
  shed,
  shedByDelay,
  Sink,
  toAsyncIterable,
  toReadableStream,
  valve,
} from 'sluice';
import { fromReadable, toReadable, writeTo } from 'sluice/node';
import { Recording, type RecordedRow } from './recording.js';

/** A picture to be: where it is shown, what is seen, and the run. */
export interface Scenario {
  /** The file in docs/marbles/, without its extension. */
  readonly name: string;
  readonly page: string;
  readonly title: string;
  readonly description: string;
  readonly run: (recording: Recording) => void;
}

/** How long the source takes for a value, in milliseconds. */
const READING = 10;

export const scenarios: readonly Scenario[] = [
  {
    name: 'bounded-buffer-waits',
    page: 'docs/operators/bounded-buffer.md',
    title: 'boundedBuffer({ capacity: 2 }) behind a source that waits',
    description:
      'The first value goes straight to the consumer, the next two are held. The buffer is full now and the source is not asked, until the consumer takes a value.',
    run(recording) {
      const input = recording.row('source', 'pull(…)');
      const held = recording.row('boundedBuffer', 'holds at most 2', 2);
      const consumer = recording.row('consumer', '30 ms each');
      const source = pull(values(recording, input, 5));
      consume(recording, consumer, source.pipe(enter(held), boundedBuffer({ capacity: 2 }), leave(held)), () => 30);
    },
  },
  {
    name: 'bounded-buffer',
    page: 'docs/operators/bounded-buffer.md',
    title: "boundedBuffer({ capacity: 2, overflow: 'drop-oldest' }) behind a hot source",
    description:
      'The source sends six values without being asked. The first goes straight to the consumer, 2 and 3 are held; then 4 comes to a full buffer and evicts 2, and 6 evicts 4. The consumer gets 1, 3, 5 and 6, then completion.',
    run(recording) {
      const sent = recording.row('hot source', 'a Subject');
      const held = recording.row('boundedBuffer', 'holds at most 2', 2);
      const consumer = recording.row('consumer', '35 ms each');
      const source = new Subject<number>();
      const buffered = boundedBuffer<number>({
        capacity: 2,
        overflow: 'drop-oldest',
        onDrop: ({ value, reason }) => held.stop(value, { text: reason, lost: true }),
      });
      consume(recording, consumer, source.pipe(noted(sent), enter(held), buffered, leave(held)), () => 35);
      for (const value of [1, 2, 3, 4, 5, 6]) recording.after(10 * value, () => source.next(value));
      recording.after(70, () => source.complete());
    },
  },
  {
    name: 'batch',
    page: 'docs/operators/batch.md',
    title: 'batch({ size: 3, within: 100 })',
    description:
      'A value comes every 10 ms. 1, 2 and 3 are a full batch and go at once. While the consumer works on it 4, 5 and 6 fill the next, which waits for the consumer; the source is not asked meanwhile. The source has ended after 7, so that goes alone as soon as the consumer is free.',
    run(recording) {
      const input = recording.row('source', 'pull(…)');
      const held = recording.row('batch', 'holds at most 3', 3);
      const consumer = recording.row('consumer', '50 ms a batch', 3);
      let ended = false;
      const batches = pull(values(recording, input, 7)).pipe(
        enter(held),
        batch({ size: 3, within: 100, scheduler: recording.scheduler }),
      );
      const sink = Sink.on(batches, {
        next: (some) => {
          for (const value of some) {
            held.stop(value);
            consumer.start(value, 'work');
          }
          recording.after(50, () => {
            for (const value of some) consumer.stop(value);
            if (ended) return consumer.complete();
            consumer.request();
            sink.request(1);
          });
        },
        error: (error) => {
          throw error;
        },
        complete: () => (ended = true),
      });
      consumer.request();
      sink.request(1);
    },
  },
  {
    name: 'valve',
    page: 'docs/operators/valve.md',
    title: 'valve(open$, { capacity: 2 }) behind a hot source',
    description:
      'Open at first. At 35 ms the valve closes: 4 and 5, which a hot source sends meanwhile, are held. At 65 ms it opens, both go at once, and 6 passes.',
    run(recording) {
      const sent = recording.row('hot source', 'a Subject');
      const switches = recording.row('open$', '1 is true, 0 is false');
      const held = recording.row('valve', 'holds at most 2', 2);
      const output = recording.row('output');
      const source = new Subject<number>();
      const open$ = new BehaviorSubject(true);
      open$.subscribe((open) => switches.value(Number(open)));
      source.pipe(noted(sent), enter(held), valve(open$, { capacity: 2 }), leave(held), noted(output)).subscribe();
      for (const value of [1, 2, 3, 4, 5]) recording.after(10 * value, () => source.next(value));
      recording.after(35, () => open$.next(false));
      recording.after(65, () => open$.next(true));
      recording.after(80, () => source.next(6));
      recording.after(90, () => source.complete());
    },
  },
  {
    name: 'shed',
    page: 'docs/operators/shed.md',
    title: 'shed({ capacity: 2, priority: (value) => (value % 2 === 0 ? 1 : 0) }) behind a hot source',
    description:
      'Even values are the more important ones. The first value goes straight to the consumer, 2 and 3 are held; then 4 comes to full lanes and evicts 3, and 6 evicts 5. The consumer gets 1, 2, 4 and 6, then completion.',
    run(recording) {
      const sent = recording.row('hot source', 'a Subject');
      const held = recording.row('shed', 'holds at most 2', 2);
      const consumer = recording.row('consumer', '35 ms each');
      const source = new Subject<number>();
      const lanes = shed<number>({
        capacity: 2,
        priority: (value) => (value % 2 === 0 ? 1 : 0),
        onDrop: ({ value, reason }) => held.stop(value, { text: reason, lost: true }),
      });
      consume(recording, consumer, source.pipe(noted(sent), enter(held), lanes, leave(held)), () => 35);
      for (const value of [1, 2, 3, 4, 5, 6]) recording.after(10 * value, () => source.next(value));
      recording.after(70, () => source.complete());
    },
  },
  {
    name: 'pool',
    page: 'docs/operators/pool.md',
    title: 'pool(work, { concurrency: 2, waiting: 0 })',
    description:
      'Two calls run at once, and while they do the source is not asked. Results come as the calls finish: 1, 3, 2, 5, 4.',
    run(recording) {
      const input = recording.row('source', 'pull(…)');
      const calls = recording.row('calls', 'at most 2 at once', 2);
      const results = recording.row('results');
      pull(values(recording, input, 5))
        .pipe(pool(worker(recording, calls), { concurrency: 2, waiting: 0 }), noted(results))
        .subscribe();
    },
  },
  {
    name: 'pool-source-order',
    page: 'docs/operators/pool.md',
    title: "pool(work, { concurrency: 2, waiting: 0, order: 'source' })",
    description:
      'The same five calls. The result of 3 is held until 2 has finished, that of 5 until 4 has; meanwhile the next call may start. Results come in the order 1, 2, 3, 4, 5.',
    run(recording) {
      const input = recording.row('source', 'pull(…)');
      const calls = recording.row('calls', 'at most 2 at once', 2);
      const held = recording.row('results held', 'for their turn');
      const results = recording.row('results');
      pull(values(recording, input, 5))
        .pipe(
          pool(worker(recording, calls, held), { concurrency: 2, waiting: 0, order: 'source' }),
          leave(held),
          noted(results),
        )
        .subscribe();
    },
  },
  {
    name: 'shed-by-delay',
    page: 'docs/operators/shed-by-delay.md',
    title: 'shedByDelay({ capacity: 10, target: 5, interval: 40 }) behind a hot source',
    description:
      'A value comes every 20 ms, the consumer takes 30 ms for one, so that each waits longer than the one before. When even the shortest wait of an interval was longer than 5 ms, what has waited for more than 10 ms goes as expired when its turn comes: 6 and 7, later 10.',
    run(recording) {
      const sent = recording.row('hot source', 'a Subject');
      const held = recording.row('shedByDelay', 'what waits', 4);
      const consumer = recording.row('consumer', '30 ms each');
      const source = new Subject<number>();
      const shedding = shedByDelay<number>({
        capacity: 10,
        target: 5,
        interval: 40,
        scheduler: recording.scheduler,
        onDrop: ({ value, reason }) => held.stop(value, { text: reason, lost: true }),
      });
      consume(recording, consumer, source.pipe(noted(sent), enter(held), shedding, leave(held)), () => 30);
      for (let value = 1; value <= 12; value++) recording.after(20 * value, () => source.next(value));
      recording.after(250, () => source.complete());
    },
  },
  {
    name: 'rate-limit',
    page: 'docs/operators/rate-limit.md',
    title: 'rateLimit({ rate: 1, per: 30, burst: 2 })',
    description:
      'The bucket holds two tokens, and one comes every 30 ms. 1 and 2 pass at once. 3 waits until there is a token for it, and while it waits the source is not asked.',
    run(recording) {
      const input = recording.row('source', 'pull(…)');
      const held = recording.row('rateLimit', 'holds at most 1');
      const output = recording.row('output');
      pull(values(recording, input, 5))
        .pipe(
          enter(held),
          rateLimit({ rate: 1, per: 30, burst: 2, mode: 'paced', scheduler: recording.scheduler }),
          leave(held),
          noted(output),
        )
        .subscribe();
    },
  },
  {
    name: 'pool-retry',
    page: 'docs/operators/pool.md',
    title: 'pool(work, { concurrency: 1, retry: { attempts: 2, backoff: fixed(30) } })',
    description:
      'The first attempt at 1 fails. While it waits for the second its slot is free for 2; then 1 goes before 3.',
    run(recording) {
      const input = recording.row('source', 'pull(…)');
      const calls = recording.row('calls', 'at most 1 at once');
      const results = recording.row('results');
      let failed = false;
      const work = async (value: number): Promise<number> => {
        calls.start(value, 'work');
        await recording.sleep(20);
        const fails = value === 1 && !failed;
        calls.stop(value, ...(fails ? [{ text: 'fails', lost: true }] : []));
        if (!fails) return value;
        failed = true;
        throw new Error('fails');
      };
      const retry = { attempts: 2, backoff: fixed(30) };
      pull(values(recording, input, 3))
        .pipe(pool(work, { concurrency: 1, retry, scheduler: recording.scheduler }), noted(results))
        .subscribe();
    },
  },
  {
    name: 'pool-concurrency',
    page: 'docs/operators/pool.md',
    title: 'pool(work, { concurrency: numbers$, waiting: 0 })',
    description:
      'One call at a time; from 60 ms on three; from 100 ms on one again: what runs goes on, and the next call starts when there is a place for it.',
    run(recording) {
      const input = recording.row('source', 'pull(…)');
      const numbers = recording.row('numbers$', 'calls at once');
      const calls = recording.row('calls', '', 3);
      const results = recording.row('results');
      const concurrency = new Subject<number>();
      const set = (value: number): void => {
        numbers.value(value);
        concurrency.next(value);
      };
      const work = async (value: number): Promise<number> => {
        calls.start(value, 'work');
        await recording.sleep(40);
        calls.stop(value);
        return value;
      };
      pull(values(recording, input, 7))
        .pipe(pool(work, { concurrency, waiting: 0 }), noted(results))
        .subscribe();
      set(1);
      recording.after(60, () => set(3));
      recording.after(100, () => set(1));
    },
  },
  {
    name: 'broadcast',
    page: 'docs/operators/broadcast.md',
    title: 'broadcast(source, { capacity: 2 }), with one that blocks and one that wants the latest',
    description:
      'The source is read by the archive, which blocks and takes 20 ms for a value, and by the screen, which takes 50 ms and wants the latest only. The archive gets all six values; the screen gets 1, 4 and 6, and delays nobody.',
    run(recording) {
      const input = recording.row('source', 'pull(…)');
      const archive = recording.row('archive', 'blocks, 20 ms each');
      const screen = recording.row('screen', 'latest, 50 ms each');
      const shared = broadcast(pull(values(recording, input, 6)), { capacity: 2 });
      consume(recording, archive, shared, () => 20);
      consume(recording, screen, shared.with({ slow: 'latest' }), () => 50);
    },
  },
  {
    name: 'merge-priority',
    page: 'docs/sources/merge-priority.md',
    title: 'mergePriority([{ source: bulk }, { source: urgent, priority: 1 }], { prefetch: 2 })',
    description:
      'The bulk source is read two values ahead. Urgent values 7 and 8 come while the consumer works on 2: they go before 3 and 4, which wait.',
    run(recording) {
      const bulk = recording.row('bulk', 'pull(…)');
      const urgent = recording.row('urgent', 'a Subject');
      const consumer = recording.row('consumer', '30 ms each');
      const events = new Subject<number>();
      const sources = [{ source: pull(values(recording, bulk, 5)) }, { source: events, priority: 1 }];
      consume(recording, consumer, mergePriority(sources, { prefetch: 2 }), () => 30);
      for (const [at, value] of [
        [50, 7],
        [60, 8],
      ] as const) {
        recording.after(at, () => {
          urgent.value(value);
          events.next(value);
        });
      }
      recording.after(70, () => {
        urgent.complete();
        events.complete();
      });
    },
  },
  {
    name: 'pull',
    page: 'docs/sources/pull.md',
    title: 'pull(input)',
    description:
      'Whenever the consumer asks, the input is asked for one value, which comes 10 ms later. While the consumer is busy, nothing is read.',
    run(recording) {
      const input = recording.row('input', '10 ms each');
      const consumer = recording.row('consumer', '30 ms each');
      consume(recording, consumer, pull(values(recording, input, 4)), () => 30);
    },
  },
  {
    name: 'bounded-queue',
    page: 'docs/sources/bounded-queue.md',
    title: 'boundedQueue({ capacity: 1 })',
    description:
      'Offers 1 and 2 are accepted: 1 goes straight to the subscriber, 2 is held. Offer 3 is answered with full. A send of 4 waits until the subscriber takes 2, and is accepted then.',
    run(recording) {
      const offers = recording.row('offer(value)', 'answers at once');
      const sends = recording.row('send(value)', 'waits for room');
      const held = recording.row('boundedQueue', 'holds at most 1');
      const subscriber = recording.row('subscriber');
      const queue = boundedQueue<number>({ capacity: 1 });
      const busy = [90, 40, 0, 30];
      consume(recording, subscriber, queue.pipe(leave(held)), (value) => busy[value - 1]!);
      for (const value of [1, 2, 3]) {
        recording.after(20 * value - 10, () => {
          held.start(value, 'held');
          const answer = queue.offer(value);
          offers.value(value, { text: answer, lost: answer === 'full' });
          if (answer === 'full') held.stop(value);
        });
      }
      recording.after(70, () => {
        sends.start(4, 'held'); // by its sender
        void queue.send(4).then(() => {
          sends.stop(4, { text: 'accepted', lost: false });
          held.start(4, 'held');
        });
      });
      recording.after(120, () => queue.complete());
    },
  },
  {
    name: 'from-readable',
    page: 'docs/sources/from-readable.md',
    title: 'fromReadable(readable), the Readable with highWaterMark 2',
    description:
      'The Readable reads ahead until it has buffered as many values as its highWaterMark says, 2, and pauses. fromReadable takes a value out of its buffer only when the consumer asks.',
    run(recording) {
      const input = recording.row('Readable reads', '10 ms each');
      const held = recording.row("Readable's buffer", 'holds at most 2', 2);
      const consumer = recording.row('consumer', '30 ms each');
      const source = values(recording, input, 5);
      const readable = new Readable({
        objectMode: true,
        highWaterMark: 2,
        read() {
          void source.next().then(({ done, value }) => {
            if (!done) held.start(value, 'held');
            readable.push(done ? null : value);
          });
        },
      });
      consume(recording, consumer, fromReadable<number>(readable).pipe(leave(held)), () => 30);
    },
  },
  {
    name: 'to-async-iterable',
    page: 'docs/sinks/to-async-iterable.md',
    title: 'for await (const value of toAsyncIterable(source, { capacity: 2 }))',
    description:
      'The source runs two values ahead of the loop, and is asked again only when the loop has taken one of them.',
    run(recording) {
      const input = recording.row('source', 'pull(…)');
      const held = recording.row('toAsyncIterable', 'holds at most 2', 2);
      const loop = recording.row('for await', '30 ms each');
      const source = pull(values(recording, input, 6)).pipe(enter(held));
      const iterator = toAsyncIterable(source, { capacity: 2 })[Symbol.asyncIterator]();
      void takeAll(recording, loop, held, () => iterator.next());
    },
  },
  {
    name: 'to-readable-stream',
    page: 'docs/sinks/to-readable-stream.md',
    title: 'toReadableStream(source, { capacity: 2 })',
    description:
      "The source runs three values ahead of the reader: two are held for the stream, and one is in the stream's own queue. It is asked again only when the reader has taken one of them.",
    run(recording) {
      const input = recording.row('source', 'pull(…)');
      const held = recording.row('toReadableStream', '2, and 1 in the stream', 3);
      const reader = recording.row('reader.read()', '30 ms each');
      const source = pull(values(recording, input, 6)).pipe(enter(held));
      const stream = toReadableStream(source, { capacity: 2 }).getReader();
      void takeAll(recording, reader, held, () => stream.read());
    },
  },
  {
    name: 'to-readable',
    page: 'docs/sinks/to-readable.md',
    title: 'toReadable(source, { capacity: 2, highWaterMark: 1 })',
    description:
      "The source runs three values ahead of what reads the stream: two are held for the Readable, and one is in the Readable's own buffer. It is asked again only when one of them was taken.",
    run(recording) {
      const input = recording.row('source', 'pull(…)');
      const held = recording.row('toReadable', '2, and 1 in the Readable', 3);
      const reader = recording.row('for await', '30 ms each');
      const source = pull(values(recording, input, 6)).pipe(enter(held));
      const iterator = toReadable(source, { capacity: 2, highWaterMark: 1 })[
        Symbol.asyncIterator
      ]() as AsyncIterator<number>;
      void takeAll(recording, reader, held, () => iterator.next());
    },
  },
  {
    name: 'write-to',
    page: 'docs/sinks/write-to.md',
    title: 'writeTo(source, writable, { capacity: 2 }), the Writable with highWaterMark 2',
    description:
      'One value is being written and one is behind it, so the Writable is full, and writeTo holds the next two. Then the source is not asked. When the Writable has drained it asks for more: both are written, and the source is asked again.',
    run(recording) {
      const input = recording.row('source', 'pull(…)');
      const held = recording.row('writeTo', 'holds at most 2', 2);
      const buffered = recording.row("Writable's buffer", '1, and 1 being written');
      const written = recording.row('written', '30 ms each');
      const writable = new (class extends Writable {
        override write(value: number): boolean {
          held.stop(value);
          buffered.start(value, 'held');
          return super.write(value);
        }
      })({
        objectMode: true,
        highWaterMark: 2,
        write(value: number, _encoding, done) {
          buffered.stop(value);
          written.start(value, 'work');
          recording.after(30, () => {
            written.stop(value);
            done();
          });
        },
      });
      writable.on('drain', () => buffered.request());
      const source = pull(values(recording, input, 6)).pipe(enter(held));
      void writeTo(source, writable, { capacity: 2 }).then(() => written.complete());
    },
  },
];

/** 1 to `last`, each `READING` ms after it was asked for. */
async function* values(recording: Recording, row: RecordedRow, last: number): AsyncGenerator<number, undefined> {
  for (let value = 1; value <= last; value++) {
    row.request();
    await recording.sleep(READING);
    row.value(value);
    yield value;
  }
  row.complete();
}

/** A consumer that asks for the next value when it has done its work on the last. */
function consume(
  recording: Recording,
  row: RecordedRow,
  source: Observable<number>,
  busy: (value: number) => number,
): void {
  let ended = false;
  const sink = Sink.on(source, {
    next: (value) => {
      row.start(value, 'work');
      recording.after(busy(value), () => {
        row.stop(value);
        if (ended) row.complete();
        else ask();
      });
    },
    error: (error) => {
      throw error;
    },
    complete: () => {
      ended = true;
      if (!row.busy) row.complete();
    },
  });
  const ask = (): void => {
    row.request();
    sink.request(1);
  };
  ask();
}

/** Takes value by value, as `for await` does, with 30 ms of work on each. */
async function takeAll(
  recording: Recording,
  row: RecordedRow,
  held: RecordedRow,
  next: () => Promise<{ readonly value?: number | undefined }>,
): Promise<void> {
  for (;;) {
    row.request();
    const { value } = await next();
    if (value === undefined) return row.complete();
    held.stop(value);
    row.start(value, 'work');
    await recording.sleep(30);
    row.stop(value);
  }
}

/** A worker of `pool`; its calls take different times. `done` has the results that were not given out yet. */
function worker(recording: Recording, calls: RecordedRow, done?: RecordedRow): (value: number) => Promise<number> {
  const busy = [25, 55, 15, 40, 10];
  return async (value) => {
    calls.start(value, 'work');
    await recording.sleep(busy[value - 1]!);
    calls.stop(value);
    done?.start(value, 'held');
    return value;
  };
}

function noted(row: RecordedRow): MonoTypeOperatorFunction<number> {
  return tap({ next: (value) => row.value(value), complete: () => row.complete() });
}

function enter(held: RecordedRow): MonoTypeOperatorFunction<number> {
  return tap((value) => held.start(value, 'held'));
}

function leave(held: RecordedRow): MonoTypeOperatorFunction<number> {
  return tap((value) => held.stop(value));
}
