/** A store in the memory of this process. */
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { checkOptions, expected, SCHEDULER, type Rule } from '../../options.js';
import type { Store, StoreFeatures, StoreTopic, TopicTerms } from '../../queue/store.js';
import { Breath } from './breath.js';
import { MemoryClock } from './memoryClock.js';
import { MemoryTopic } from './memoryTopic.js';
import { closed } from './refusals.js';

/** Options of `memoryStore`. */
export interface MemoryStoreOptions {
  /** The clock and timer; pass a `TestScheduler`, or a `VirtualTime`'s, in tests. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
}

/**
 * A store that keeps the messages of queues in the memory of this process.
 *
 * Use it in tests, and where what waits may be lost with the process: it has all that a durable store has (leases, retries, delays, priorities,
 * order by key, dead letters), so that a queue moves to one without a change. Not for accepted work that must not get lost: that is
 * what `sqliteStore` is for.
 *
 * Order: with `order: 'none'` by priority, then as put; a message that comes again has its old place. Loss: none while the process lives. Two
 * stores share nothing, also where names are the same.
 *
 * @throws OptionError for options that are none
 *
 * ```ts
 * import { memoryStore } from 'sluice/memory';
 *
 * const store = memoryStore();
 * console.log(store.kind, store.features.durable, store.features.order); // => memory false [ 'none', 'queue', 'key' ]
 * await store.close();
 * ```
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  checkOptions('memoryStore', options, RULES);
  return new MemoryStore(options.scheduler ?? asyncScheduler);
}

const RULES: Record<keyof MemoryStoreOptions, Rule> = { scheduler: SCHEDULER };

const FEATURES: StoreFeatures = {
  durable: false,
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
  outbox: false,
  maxBytes: Infinity,
};

class MemoryStore implements Store {
  readonly kind = 'memory';
  readonly features: StoreFeatures = FEATURES;
  private readonly topics = new Map<string, MemoryTopic>();
  private readonly clock: MemoryClock;
  private readonly breath = new Breath();
  private ending: Promise<void> | undefined;

  constructor(scheduler: SchedulerLike) {
    this.clock = new MemoryClock(scheduler);
  }

  topic(name: string, terms: TopicTerms): StoreTopic {
    if (this.ending !== undefined) throw closed();
    let topic = this.topics.get(name);
    if (topic === undefined) this.topics.set(name, (topic = new MemoryTopic(terms, this.clock, this.breath)));
    if (topic.order !== terms.order) {
      const what = `'${topic.order}', as it is with the topic \`${name}\` that is there`;
      expected('order', what, terms.order, 'memoryStore');
    }
    topic.terms = terms;
    return topic;
  }

  close(): Promise<void> {
    return (this.ending ??= this.end());
  }

  /** Queues gather what is asked of them for a moment: what was published, or settled, before this is on its way, or waits for an answer. */
  private async end(): Promise<void> {
    for (const topic of this.topics.values()) topic.stop();
    await this.breath.next();
    for (const topic of this.topics.values()) topic.close();
    do {
      await this.breath.next();
    } while (this.breath.holds);
    for (const topic of this.topics.values()) topic.end();
    this.topics.clear();
  }
}
