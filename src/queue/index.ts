/** Queues of messages that a store keeps. No Node API here: the store decides where it runs. */
import type { DeadLetters as AnyDeadLetters } from './deadLetters.js';
import type { Queue as AnyQueue } from './queue.js';

export {
  queue,
  type DeliveriesOptions,
  type PublishFromOptions,
  type PublishManyOptions,
  type QueueStats,
} from './queue.js';
export type { QueueOptions } from './queueOptions.js';
export type { PublishOptions } from './publishOptions.js';
export type { Published } from './publishPlace.js';
export type { Codec } from './codec.js';
export type { BrowseOptions, DeadLetter, PurgeOptions, RedriveOptions } from './deadLetters.js';
export type {
  GroupTerms,
  Headers,
  Message,
  NewMessage,
  Order,
  PutAnswer,
  Store,
  StoreCounts,
  StoreDeadLetter,
  StoreFeatures,
  StoreGroup,
  StoreOutcome,
  StoreTopic,
  TopicTerms,
} from './store.js';
export * from './errors.js';

// Types without their classes, which only functions of ours make.
/** What `queue` returns. */
export type Queue<T> = AnyQueue<T>;
/** The dead letters of a queue. */
export type DeadLetters<T> = AnyDeadLetters<T>;
