/** What all queues of one name on one store share: their line of publishers, and the options that they have to have alike. */
import { OptionError } from '../errors.js';
import { shown } from '../options.js';
import { Publisher } from './publisher.js';
import { SHARED, type QueueOptions } from './queueOptions.js';
import type { Store, StoreGroup, StoreTopic } from './store.js';

/** The options that are to be alike, with their defaults. */
export type SharedOptions = { readonly [O in (typeof SHARED)[number]]-?: NonNullable<QueueOptions<never>[O]> };

export interface Shared {
  readonly options: SharedOptions;
  readonly topic: StoreTopic;
  readonly group: StoreGroup;
  readonly publisher: Publisher;
}

const queues = new WeakMap<Store, Map<string, Shared>>();

/** A queue is a topic with one group, of this name. */
const GROUP = 'queue';

/** @throws OptionError when there is a queue of that name with other options */
export function sharedOf(store: Store, name: string, options: SharedOptions): Shared {
  let known = queues.get(store);
  if (known === undefined) queues.set(store, (known = new Map<string, Shared>()));
  let shared = known.get(name);
  if (shared === undefined) known.set(name, (shared = open(store, name, options)));
  for (const option of SHARED) {
    if (options[option] === shared.options[option]) continue;
    const before = `there is a queue \`${name}\` with \`${option}\` ${shown(shared.options[option])} on this store`;
    throw new OptionError(option, options[option], `${before}, got ${shown(options[option])}`);
  }
  return shared;
}

function open(store: Store, name: string, options: SharedOptions): Shared {
  const { capacity, visibilityTimeout, retention } = options;
  const topic = store.topic(name, options);
  const group = topic.group(GROUP, { visibilityTimeout, retention });
  return { options, topic, group, publisher: new Publisher(topic, name, capacity) };
}
