/** The queue when everything is done to it from inside the callbacks of its own subscribers. */
import fc from 'fast-check';
import {
  concat,
  finalize,
  map,
  merge,
  Observable,
  repeat,
  retry,
  Subject,
  take,
  takeUntil,
  tap,
  type Subscription,
} from 'rxjs';
import { describe, expect, test } from 'vitest';
import { boundedBuffer, boundedQueue, Sink, type BoundedQueue } from '../../../src/index.js';
import { ManualConsumer } from '../../../src/testing/index.js';

const runs = Number(process.env['SLUICE_RUNS'] ?? 1_000);
const TIMEOUT = 10_000 + 10 * runs;

describe('subscribing again from inside the end', () => {
  test('repeat and concat get to their end', () => {
    const queue = boundedQueue<number>({ capacity: 9 });
    for (const value of [1, 2, 3]) queue.offer(value);
    queue.complete();
    const twice = new ManualConsumer(concat(queue, queue.pipe(map((value) => -value))));
    const often = new ManualConsumer(queue.pipe(repeat(3)));
    twice.request(9);
    expect(twice.values).toEqual([1, 2, 3]);
    expect([twice.end, often.end]).toEqual(['complete', 'complete']);
  });

  test('also while the queue is being drained', () => {
    const queue = boundedQueue<number>({ capacity: 9 });
    const repeated = new ManualConsumer(queue.pipe(repeat(2)));
    const retried = new ManualConsumer(queue.pipe(retry(2)));
    repeated.request(9);
    queue.offer(1);
    queue.complete();
    expect([repeated.end, retried.end]).toEqual(['complete', 'complete']);
  });

  test('retry fails with the queue’s error, not for ever', () => {
    const queue = boundedQueue<number>({ capacity: 9 });
    const consumer = new ManualConsumer(queue.pipe(retry(2)));
    queue.error('broken');
    expect(consumer.end).toEqual({ error: 'broken' });
  });

  test('a subscriber that comes in the middle of the last value ends as well', () => {
    const queue = boundedQueue<number>({ capacity: 9 });
    let late: ManualConsumer<number> | undefined;
    queue.subscribe(() => {
      queue.complete();
      late = new ManualConsumer(queue);
    });
    queue.offer(1);
    expect(late?.end).toBe('complete');
  });
});

describe('a value offered while its consumer ends stays in the queue', () => {
  const ends: Record<string, (queue: BoundedQueue<number>, stop: Subject<void>, offer: () => void) => Subscription> = {
    'complete of takeUntil': (queue, stop, offer) => queue.pipe(takeUntil(stop)).subscribe({ complete: offer }),
    'complete of takeUntil, behind operators of RxJS': (queue, stop, offer) =>
      queue
        .pipe(
          map((value) => value),
          takeUntil(stop),
          map((value) => value),
        )
        .subscribe({ complete: offer }),
    'complete of take(1) of a merge, which another source ends': (queue, stop, offer) =>
      merge(queue, stop).pipe(take(1)).subscribe({ complete: offer }),
    'tap before a stage': (queue, stop, offer) =>
      queue
        .pipe(
          map((value) => value),
          takeUntil(stop),
          tap({ complete: offer }),
          boundedBuffer({ capacity: 1 }),
        )
        .subscribe(),
    'complete of take': (queue, stop, offer) => {
      stop.subscribe(() => queue.offer(1));
      return queue.pipe(take(1)).subscribe({ complete: offer });
    },
    finalize: (queue, stop, offer) => queue.pipe(takeUntil(stop), finalize(offer)).subscribe(),
    'a finalizer that runs before the queue’s own': (queue, stop, offer) =>
      new Observable<number>((subscriber) => {
        subscriber.add(offer);
        return queue.subscribe(subscriber);
      })
        .pipe(takeUntil(stop))
        .subscribe(),
    'complete of a sink that has asked for more': (queue, stop, offer) => {
      const sink = new Sink<number>({ next: () => undefined, error: expect.unreachable, complete: offer });
      queue
        .pipe(
          map((value) => value),
          takeUntil(stop),
        )
        .subscribe(sink);
      sink.request(9);
      return sink;
    },
    'the error of takeUntil': (queue, stop, offer) =>
      queue.pipe(takeUntil(stop.pipe(map(() => fail())))).subscribe({ error: offer }),
  };
  const fail = (): never => {
    throw new Error('stop');
  };

  test.each(Object.entries(ends))('%s', (_, subscribe) => {
    const queue = boundedQueue<number>({ capacity: 9 });
    const stop = new Subject<void>();
    subscribe(queue, stop, () => queue.offer(2));
    stop.next();
    expect(queue.size).toBe(1);
    const next = new ManualConsumer(queue);
    next.request(9);
    expect(next.values).toEqual([2]);
  });
});

type Kind = 'offer' | 'send' | 'abort' | 'request' | 'subscribe' | 'unsubscribe' | 'stop' | 'complete' | 'error';
/** What to do, to whom, and whether from inside a callback, if one is called before it. */
type Action = readonly [kind: Kind, n: number, nested: boolean];

interface Consumer {
  open: boolean;
  /** How it ended: as the queue did, or by itself. */
  end: 'complete' | 'error' | 'itself' | undefined;
  readonly stop: Subject<void>;
  readonly room: () => number;
  leave: () => void;
}

/** A queue and its model: what was accepted, who waits, what came out, and who subscribed. */
class Run {
  private readonly queue: BoundedQueue<number>;
  private readonly accepted: number[] = [];
  private readonly waiting: { readonly value: number; readonly controller: AbortController }[] = [];
  private readonly received: number[] = [];
  private readonly consumers: Consumer[] = [];
  private readonly sinks: Sink<number>[] = [];
  private closed: 'complete' | 'error' | undefined;
  private sent = 0;
  private step = 0;
  private failure: unknown;

  constructor(
    private readonly capacity: number,
    private readonly script: readonly Action[],
  ) {
    this.queue = boundedQueue<number>({ capacity });
  }

  play(): void {
    while (this.step < this.script.length) {
      this.act(this.script[this.step++]!);
      this.check();
      if (this.failure !== undefined) throw this.failure as Error;
      const open = this.consumers.filter((consumer) => consumer.open);
      if (this.queue.size > 0) expect(open.filter(({ room }) => room() > 0)).toEqual([]);
      else if (this.closed !== undefined) expect(open).toEqual([]);
    }
    const ends = new Set(this.consumers.map(({ end }) => end));
    expect([...ends].filter((end) => end !== undefined && end !== 'itself' && end !== this.closed)).toEqual([]);
    for (const { controller } of this.waiting) controller.abort();
  }

  /** Runs in each callback: looks at the queue, then does what the script has for callbacks. */
  private inside(): void {
    this.check();
    while (this.script[this.step]?.[2]) {
      this.act(this.script[this.step++]!);
      this.check();
    }
  }

  /** What holds at every instant. RxJS would only report what a callback throws, so it is kept for `play`. */
  private check(): void {
    const { ledger, waiting } = this.queue;
    try {
      const held = this.accepted.length - this.received.length;
      expect([ledger.in, ledger.out, ledger.held]).toEqual([this.accepted.length, this.received.length, held]);
      expect(this.received).toEqual(this.accepted.slice(0, ledger.out));
      expect([held <= this.capacity, waiting]).toEqual([true, this.waiting.length]);
    } catch (error) {
      this.failure ??= error;
    }
  }

  private act([kind, n]: Action): void {
    const consumer = this.consumers[n % this.consumers.length];
    if (kind === 'offer') this.offer();
    else if (kind === 'send') this.send();
    else if (kind === 'abort') this.waiting.splice(n % (this.waiting.length || 1), 1)[0]?.controller.abort();
    else if (kind === 'request') this.sinks[n % this.sinks.length]?.request(n % 4);
    else if (kind === 'subscribe') this.subscribe(n);
    else if (kind === 'unsubscribe') consumer?.leave();
    else if (kind === 'stop') consumer?.stop.next();
    else this.close(kind);
  }

  private get answer(): 'accepted' | 'full' | 'closed' {
    if (this.closed !== undefined) return 'closed';
    return this.accepted.length - this.received.length < this.capacity ? 'accepted' : 'full';
  }

  private offer(): void {
    const { answer } = this;
    const value = this.sent++;
    if (answer === 'accepted') this.accepted.push(value);
    if (this.queue.offer(value) !== answer) this.failure ??= new Error(`expected ${answer}`);
  }

  private send(): void {
    const controller = new AbortController();
    const value = this.sent++;
    if (this.answer === 'accepted') this.accepted.push(value);
    else if (this.answer === 'full') this.waiting.push({ value, controller });
    this.queue.send(value, { signal: controller.signal }).catch(() => undefined);
  }

  private close(kind: 'complete' | 'error'): void {
    if (this.closed === undefined) this.waiting.length = 0;
    this.closed ??= kind;
    this.queue[kind](new Error('broken'));
  }

  private subscribe(n: number): void {
    let left = n % 3 === 0 ? 1 + (n % 4) : Infinity;
    const stop = new Subject<void>();
    const same = map((value: number) => value);
    const source = this.queue.pipe(
      n % 5 < 3 ? tap() : same,
      takeUntil(stop),
      same,
      left === Infinity ? tap() : take(left),
    );
    const ended = (kind: 'complete' | 'error'): void => {
      consumer.open = false;
      consumer.end ??= left === 0 ? 'itself' : kind;
      this.inside();
    };
    const observer = {
      next: (value: number) => {
        left--;
        this.received.push(value);
        const admitted = this.waiting.shift(); // a place became free
        if (admitted !== undefined) this.accepted.push(admitted.value);
        this.inside();
      },
      error: () => ended('error'),
      complete: () => ended('complete'),
    };
    const sink = n % 2 === 0 ? new Sink<number>(observer) : undefined;
    if (sink !== undefined) this.sinks.push(sink);
    const consumer: Consumer = {
      open: true,
      end: undefined,
      stop,
      room: () => sink?.requested ?? Infinity,
      leave: () => undefined,
    };
    this.consumers.push(consumer);
    stop.subscribe(() => (consumer.end ??= 'itself'));
    const finalized = source.pipe(
      finalize(() => {
        consumer.open = false;
        this.inside();
      }),
    );
    const subscription = finalized.subscribe(sink ?? observer);
    consumer.leave = () => subscription.unsubscribe();
  }
}

test(
  'whatever is done from inside callbacks: nothing accepted is lost, order is kept, and everybody gets to the end',
  () => {
    const kind = fc.oneof<fc.WeightedArbitrary<Kind>[]>(
      { weight: 6, arbitrary: fc.constantFrom('offer', 'send', 'request', 'subscribe', 'stop') },
      { weight: 2, arbitrary: fc.constantFrom('abort', 'unsubscribe') },
      { weight: 1, arbitrary: fc.constantFrom('complete', 'error') }, // rarely: after it nothing is accepted
    );
    const script = fc.array(fc.tuple(kind, fc.nat(11), fc.boolean()), { maxLength: 60 });
    const property = fc.property(fc.integer({ min: 1, max: 4 }), script, (capacity, actions) =>
      new Run(capacity, actions).play(),
    );
    fc.assert(property, { numRuns: runs });
  },
  TIMEOUT,
);
