/** A queue of messages in a store. */
import { asyncScheduler, Observable, type SchedulerLike } from 'rxjs';
import type { Delivery } from '../delivery/delivery.js';
import { redeliveryDelay } from '../delivery/redeliveryDelay.js';
import { exponential } from '../flow/control/backoff.js';
import { STAGE_RULES, type StageMonitor } from '../flow/stageOptions.js';
import {
  check,
  checkOptions,
  expected,
  FUNCTION,
  OBSERVABLE,
  POSITIVE,
  SIGNAL,
  STRING,
  type Rule,
} from '../options.js';
import { bytesOf, checkSize, encode, JsonCodec, type Codec } from './codec.js';
import { Consumer } from './consumer.js';
import { DeadLetters } from './deadLetters.js';
import { Features } from './features.js';
import { publishFrom } from './publishFrom.js';
import type { Publisher } from './publisher.js';
import { message, NAME, termsOf, VALUES, type PublishOptions, type Terms } from './publishOptions.js';
import { checkFits, Many, One, Several, type Published } from './publishPlace.js';
import { QUEUE_RULES, type QueueOptions } from './queueOptions.js';
import { sharedOf, type Shared } from './shared.js';
import type { NewMessage, Store } from './store.js';

/** Options of `publishMany`: of all the values, or of each. */
export type PublishManyOptions<T> = PublishOptions | ((value: T, index: number) => Omit<PublishOptions, 'signal'>);

/** Options of `publishFrom`. */
export interface PublishFromOptions<T> {
  /** Values that are asked for before the first of them is durable. An integer of at least 1, or `Infinity`. Default: 1,000. */
  window?: number | undefined;
  /** The options of each value. Default: none. */
  options?: ((value: T, index: number) => Omit<PublishOptions, 'signal'>) | undefined;
  /** Gives up: the source is unsubscribed, and the promise rejects with the signal's reason. Default: nobody does. */
  signal?: AbortSignal | undefined;
}

/** Options of `deliveries`. */
export interface DeliveriesOptions {
  /** Messages that this subscription may have at once: taken, and no outcome of them given to the store yet. An integer of at least 1, or `Infinity`. Default: 256. */
  maxInFlight?: number | undefined;
  /** What a monitor calls this subscription. Default: the queue's name. */
  name?: string | undefined;
  /** Is given the subscription, to watch it until it has ended. Default: nobody. */
  monitor?: StageMonitor | undefined;
}

/** How many messages there are. */
export interface QueueStats {
  /** Can be delivered now. */
  readonly ready: number;
  /** Wait for their time. */
  readonly delayed: number;
  /** Wait for another of their key, or of the queue. */
  readonly blocked: number;
  /** Were delivered, and are not settled. */
  readonly inFlight: number;
  /** Dead letters. */
  readonly dead: number;
  /** Milliseconds since the oldest of those that are not dead letters was published; undefined where there is none. */
  readonly oldestAge: number | undefined;
  /** Messages that wait for room, in this process: they are not in the queue. */
  readonly waiting: number;
}

/**
 * A queue of messages that a store keeps: what was published is delivered until somebody has said that it is done.
 *
 * Use it for work that must not be lost: it is delivered *at least once*, through crashes of whatever the store survives. What handles it has to bear a
 * second time. Not between two parts of one process whose work dies with it: `boundedQueue` costs less.
 *
 * Order: as published, where nothing comes again and no priorities or delays are used; `order` makes it strict, for the queue or for each key. Loss:
 * none. Several subscriptions, in several processes where the store allows it, compete for the messages.
 *
 * ```ts
 * import { memoryStore } from 'sluice/memory';
 * import { queue } from 'sluice/queue';
 *
 * const orders = queue<{ id: number }>(memoryStore(), 'orders', { capacity: 10_000 });
 * orders.deliveries({ maxInFlight: 16 }).subscribe(async (delivery) => {
 *   console.log('order', delivery.value.id, 'attempt', delivery.attempt);
 *   if (delivery.attempt === 1) await delivery.nack({ delay: 10 });
 *   else await delivery.ack();
 * });
 * await orders.publish({ id: 1 });
 * // => order 1 attempt 1
 * // => order 1 attempt 2
 * ```
 *
 * @param name which queue of the store: 1 to 255 characters. Those of one name on one store are one queue.
 * @throws OptionError at the call when an option is wrong, the store can not do what is asked for, or the queue is there with other options
 */
export function queue<T>(store: Store, name: string, options: QueueOptions<T> = {}): Queue<T> {
  check('store', STORE, store, 'queue');
  check('name', NAME, name, 'queue');
  checkOptions('queue', options, QUEUE_RULES);
  const features = new Features(store, options);
  const most = store.features.maxBytes;
  const { maxBytes = Math.min(MIB, most) } = options;
  if (maxBytes > most)
    expected('maxBytes', `at most ${most}, which the ${store.kind} store can hold`, maxBytes, 'queue');
  const shared = sharedOf(store, name, {
    order: options.order ?? 'none',
    capacity: options.capacity ?? Infinity,
    visibilityTimeout: options.visibilityTimeout ?? 30_000,
    maxAttempts: options.maxAttempts ?? 10,
    deadLetter: options.deadLetter ?? 'keep',
    retention: options.retention ?? Infinity,
    dedupeWindow: options.dedupeWindow ?? 300_000,
    maxBytes,
  });
  return new Queue(name, options, features, shared);
}

const MIB = 1_048_576;
const STORE: Rule = ['a store', (store: Partial<Store> | null) => typeof store?.topic === 'function'];

/** What `queue` returns. */
export class Queue<T> {
  /** Messages that are not delivered any more. */
  readonly deadLetters: DeadLetters<T>;
  private readonly codec: Codec<T>;
  private readonly publisher: Publisher;
  private readonly patient: boolean;
  private readonly maxBytes: number;
  private readonly scheduler: SchedulerLike;
  private readonly backoff: NonNullable<QueueOptions<T>['backoff']>;
  private readonly random: () => number;

  /** Use `queue`, which checks its options. */
  constructor(
    readonly name: string,
    options: QueueOptions<T>,
    private readonly features: Features,
    private readonly shared: Shared,
  ) {
    const { codec = new JsonCodec() as Codec<unknown> as Codec<T>, whenFull = 'wait' } = options;
    const { scheduler = asyncScheduler, random = Math.random } = options;
    const { backoff = exponential({ base: 1_000, max: 300_000, jitter: 'equal' }) } = options;
    this.codec = codec;
    this.patient = whenFull === 'wait';
    this.scheduler = scheduler;
    this.backoff = backoff;
    this.random = random;
    this.publisher = shared.publisher;
    this.maxBytes = shared.options.maxBytes;
    this.deadLetters = new DeadLetters(shared.group, features, codec, scheduler);
  }

  /** Messages that may be in it, dead letters not counted. */
  get capacity(): number {
    return this.shared.options.capacity;
  }

  /**
   * Puts a message in, and resolves when the store has it for good. Those that are published in one turn of the event loop are put together.
   *
   * @throws OptionError by rejection, as all here, when an option is wrong, or the store can not do what it asks for
   * @throws MessageError when the value can not be encoded, or is too large
   * @throws QueueFullError when it is full, and `whenFull` is `'error'`
   * @throws StoreError when the store could not put it
   */
  publish(value: T, options?: PublishOptions): Promise<Published> {
    return new Promise((resolve, reject) => {
      this.publisher.add(new One(this.message(value, options), this.patient, options?.signal, resolve, reject));
    });
  }

  /**
   * Puts messages in, in their order, and resolves when the store has all of them for good.
   *
   * While the queue is full it waits, and they go in as there is room; with `whenFull: 'error'` all go in, or none: more than `capacity` is an `OptionError`. Where the promise rejects
   * otherwise, some of them may have been put.
   *
   * @param options for all of them, or a function that returns those of each
   */
  publishMany(values: Iterable<T>, options?: PublishManyOptions<T>): Promise<Published[]> {
    return new Promise((resolve, reject) => {
      check('values', VALUES, values, 'publishMany');
      const signal = typeof options === 'function' ? undefined : options?.signal;
      const messages = this.messages(values, options);
      if (messages.length === 0) return resolve([]);
      if (this.patient) return this.publisher.add(new Many(messages, signal, resolve, reject));
      checkFits(messages.length, this.capacity, this.name);
      this.publisher.add(new Several(messages, signal, resolve, reject));
    });
  }

  /**
   * Publishes what `source$` emits, and resolves with the number of values when it has completed and the store has all of them for good.
   *
   * It asks for no more than `window` values ahead, and while the queue is full it waits, whatever `whenFull` is: a source that honours demand
   * is slowed. When the source fails, what came before that is published, and the promise rejects with its error: with an `OverflowError` where it emits
   * more than it was asked for.
   *
   * @throws OptionError at the call when an option is wrong
   */
  publishFrom(source$: Observable<T>, options: PublishFromOptions<T> = {}): Promise<number> {
    check('source$', OBSERVABLE, source$, 'publishFrom');
    checkOptions('publishFrom', options, { window: POSITIVE, options: FUNCTION, signal: SIGNAL });
    const { window = 1_000, options: optionsOf, signal } = options;
    const messageOf = (value: T, index: number): NewMessage => this.message(value, optionsOf?.(value, index));
    return publishFrom(source$, this.publisher, window, signal, messageOf);
  }

  /**
   * Puts a message in within a transaction that the application has open: it is there if that commits, and only then.
   *
   * @param transaction what the store's page says: for `sqliteStore` the database
   * @throws OptionError when an option is wrong, or the store has no such transactions
   * @throws MessageError when the value can not be encoded, or is too large
   * @throws QueueFullError when it is full, whatever `whenFull` is: nobody can wait inside a transaction
   */
  publishIn(transaction: unknown, value: T, options?: Omit<PublishOptions, 'signal'>): Published {
    const { topic } = this.shared;
    if (topic.putIn === undefined) return this.features.refuse('publishIn', undefined, 'outbox');
    const [answer] = topic.putIn(transaction, [this.message(value, options)]);
    if (answer === 'full') throw this.publisher.full();
    return answer!;
  }

  /**
   * Takes messages, and gives them on: never more than were asked for downstream, and never more than `maxInFlight` of which it has not given the store
   * an outcome.
   *
   * Each has to be settled: `ack`, `nack`, `release` or `deadLetter`. One that nobody settles, and nobody says that they work on, comes again after the
   * visibility timeout. Unsubscribing gives back what was taken and not given on; what was given on can still be settled.
   *
   * It completes when the store is closed. It fails with a `StoreError` when the store can not take or settle: `retry` goes on.
   *
   * @throws OptionError at the call when an option is wrong
   */
  deliveries(options: DeliveriesOptions = {}): Observable<Delivery<T>> {
    checkOptions('deliveries', options, { maxInFlight: POSITIVE, name: STRING, monitor: STAGE_RULES.monitor });
    const { maxInFlight = 256, name = this.name, monitor } = options;
    const { visibilityTimeout, maxAttempts, deadLetter } = this.shared.options;
    const settings = {
      name,
      monitor,
      codec: this.codec,
      visibilityTimeout,
      maxAttempts,
      discard: deadLetter === 'discard',
      scheduler: this.scheduler,
      maxDelay: this.features.delay,
      backoff: (attempt: number, error: unknown) =>
        redeliveryDelay(this.name, this.backoff, attempt, error, this.random),
    };
    return new Observable((subscriber) => {
      new Consumer(this.shared.group, subscriber, maxInFlight, settings);
    });
  }

  /**
   * How many messages there are, by state.
   *
   * @throws OptionError by rejection, when the store can not count them
   */
  async stats(): Promise<QueueStats> {
    const counts = await this.shared.group.count?.();
    if (counts === undefined) return this.features.refuse('stats', undefined, 'count');
    const { oldest, ...rest } = counts;
    const oldestAge = oldest === undefined ? undefined : Math.max(0, this.scheduler.now() - oldest);
    return { ...rest, oldestAge, waiting: this.publisher.waiting };
  }

  private message(value: T, options: PublishOptions | undefined): NewMessage {
    return this.messageOf(value, termsOf(options, this.scheduler.now(), this.features));
  }

  private messages(values: Iterable<T>, options: PublishManyOptions<T> | undefined): NewMessage[] {
    const now = this.scheduler.now();
    if (typeof options === 'function') {
      return Array.from(values, (value, i) => this.messageOf(value, termsOf(options(value, i), now, this.features)));
    }
    const terms = termsOf(options, now, this.features);
    const messages: NewMessage[] = [];
    for (const value of values) messages.push(this.messageOf(value, terms));
    return messages;
  }

  private messageOf(value: T, terms: Terms): NewMessage {
    const { name, maxBytes } = this;
    const body = encode(this.codec, value, name, maxBytes);
    if (terms.headers !== undefined) {
      const headers = Object.entries(terms.headers).flat().join('');
      const length = typeof body === 'string' ? bytesOf(body) : body.byteLength;
      checkSize(name, length + bytesOf(headers), maxBytes);
    }
    return message(body, terms);
  }
}
