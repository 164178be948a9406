/** What a store does not have is refused when it is asked for, with the stores that have it. */
import { OptionError } from '../errors.js';
import { shown } from '../options.js';
import type { QueueOptions } from './queueOptions.js';
import type { Order, StoreFeatures } from './store.js';

/** The stores of sluice that have each. */
const HAVE = {
  order: 'memoryStore and sqliteStore',
  capacity: 'memoryStore and sqliteStore',
  lease: 'memoryStore and sqliteStore',
  delay: 'memoryStore and sqliteStore',
  priority: 'memoryStore and sqliteStore',
  dedupe: 'memoryStore and sqliteStore',
  deadLetters: 'memoryStore and sqliteStore',
  count: 'memoryStore and sqliteStore',
  outbox: 'sqliteStore',
} as const;

/** What of a message a store has to be able to do. */
interface Wanted {
  readonly delay?: number | undefined;
  readonly at?: unknown;
  readonly priority?: number | undefined;
  readonly dedupeId?: string | undefined;
}

type Asked = Omit<QueueOptions<never>, 'codec'>;

/** The features of one queue's store. */
export class Features {
  private readonly order: Order;

  constructor(
    private readonly store: { readonly kind: string; readonly features: StoreFeatures },
    options: Asked,
  ) {
    const { features } = store;
    const { order = 'none', capacity = Infinity, deadLetter = 'keep' } = options;
    this.order = order;
    if (!features.order.includes(order)) this.refuse('order', order, 'order');
    if (capacity < Infinity && !features.capacity) this.refuse('capacity', capacity, 'capacity');
    if (features.lease !== 'time') this.refuseAny(options, 'visibilityTimeout', 'lease');
    if (features.delay === 0) this.refuseAny(options, 'backoff', 'delay');
    if (!features.dedupe) this.refuseAny(options, 'dedupeWindow', 'dedupe');
    if (features.deadLetters) return;
    this.refuseAny(options, 'retention', 'deadLetters');
    if (deadLetter === 'keep')
      this.refuse('deadLetter', deadLetter, 'deadLetters', ", or pass `deadLetter: 'discard'`");
  }

  /** The longest wait in milliseconds before a message comes again. */
  get delay(): number {
    return this.store.features.delay;
  }

  /** The same for the first time. */
  get publishDelay(): number {
    return this.store.features.publishDelay ?? this.delay;
  }

  /** Throws unless the store, and the order, have what is asked for a message. */
  checkPublish({ delay = 0, at, priority = 0, dedupeId }: Wanted): void {
    const { features } = this.store;
    if (this.publishDelay === 0 && (delay > 0 || at !== undefined)) this.refuse('delay', at ?? delay, 'delay');
    if (dedupeId !== undefined && !features.dedupe) this.refuse('dedupeId', dedupeId, 'dedupe');
    if (priority === 0) return;
    if (this.order === 'queue') {
      throw new OptionError(
        'priority',
        priority,
        "`order: 'queue'` has one message go after the other: it has no priorities",
      );
    }
    if (features.priority === false) return this.refuse('priority', priority, 'priority');
    const [lowest, highest] = features.priority;
    if (priority >= lowest && priority <= highest) return;
    const which = `an integer from ${lowest} to ${highest}`;
    throw new OptionError('priority', priority, `Expected \`priority\` to be ${which}, got ${shown(priority)}`);
  }

  refuse(option: string, value: unknown, feature: keyof typeof HAVE, advice = ''): never {
    const { kind } = this.store;
    const asked = `\`${option}\` asks for the feature \`${feature}\``;
    throw new OptionError(
      option,
      value,
      `${asked}, which the ${kind} store does not have: take ${HAVE[feature]}${advice}`,
    );
  }

  private refuseAny(options: Asked, option: keyof Asked, feature: keyof typeof HAVE): void {
    if (options[option] !== undefined) this.refuse(option, options[option], feature);
  }
}
