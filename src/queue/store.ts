/**
 * The store port: what a queue asks of the place where its messages wait.
 *
 * A *topic* is what is published to; it is read by *groups*. Each group gets every message, and its members compete for them; a queue is
 * a topic with one group. docs/stores/writing-a-store.md says how a store keeps what is promised here, and how known brokers map to it;
 * the laws of `sluice/testing` try it.
 */
import type { Settled } from '../delivery/lease.js';

/** Which messages wait for which: none; all for the one before; each for the one before it of its key. */
export type Order = 'none' | 'queue' | 'key';

/** What a store can do. A queue that asks for more is refused when it is made. */
export interface StoreFeatures {
  /** What was put survives the process. */
  readonly durable: boolean;
  /** The orders that it keeps. */
  readonly order: readonly Order[];
  /** The longest wait, in milliseconds, before a message is given out for the first time, or again: 0 for none, `Infinity` for any. */
  readonly delay: number;
  /** The same for the first time, where that is less. Absent: it is not. */
  readonly publishDelay?: number;
  /** The lowest and the highest priority that it tells apart; false for none. */
  readonly priority: readonly [lowest: number, highest: number] | false;
  /** A second message of one `dedupeId` is not put while the first is remembered. */
  readonly dedupe: boolean;
  /** It bounds what waits. */
  readonly capacity: boolean;
  /** What ends a lease that nobody settles: time, or the end of the connection; with `none` a message is gone once it was given out. */
  readonly lease: 'time' | 'connection' | 'none';
  /** Each message is settled by itself, or all up to one. */
  readonly settle: 'each' | 'prefix';
  /** A message that is released counts as an attempt all the same. Absent: it does not. */
  readonly countsReleases?: boolean;
  /** A topic can have several groups. */
  readonly fanOut: boolean;
  /** A group can begin with what was published before it. */
  readonly replay: boolean;
  /** It keeps dead letters, to browse, redrive and purge. */
  readonly deadLetters: boolean;
  /** A message can be put in a transaction of the application's own. */
  readonly outbox: boolean;
  /** Bytes of a message at most. */
  readonly maxBytes: number;
}

/** A store: one database, one connection to a broker, one process's memory. */
export interface Store {
  /** What errors call it: `'memory'`, `'sqlite'`. */
  readonly kind: string;
  readonly features: StoreFeatures;
  /**
   * The topic of that name, made where it is not there yet.
   *
   * @throws OptionError when it is there with an order that differs
   */
  topic(name: string, terms: TopicTerms): StoreTopic;
  /** Ends it: puts and outcomes that were handed over are carried out, takes that wait resolve with nothing, what is asked later is refused. */
  close(): Promise<void>;
}

export interface TopicTerms {
  readonly order: Order;
  /** Messages that may be there at most, dead letters not counted: `Infinity` for no bound. With several groups, those of the group that has most. */
  readonly capacity: number;
  /** Milliseconds for which a `dedupeId` is remembered. */
  readonly dedupeWindow: number;
}

/** Where messages are put. */
export interface StoreTopic {
  /**
   * Puts messages, in this order, and resolves when they are as durable as the store makes them; an answer for each, in their order.
   * Where there is no room: with `whole`, none of them is put; else as many as there is room for, the first ones.
   */
  put(messages: readonly NewMessage[], whole: boolean): Promise<readonly PutAnswer[]>;
  /** Resolves when there may be room, which any process may have made, when `signal` aborts, or the store is closed. Only with `capacity`. */
  room?(signal: AbortSignal): Promise<void>;
  /** Puts messages in a transaction that `transaction` has open: they are there when that commits. Only with `outbox`. */
  putIn?(transaction: unknown, messages: readonly NewMessage[]): readonly PutAnswer[];
  /** The same for a driver that can not answer at once. */
  putInAsync?(transaction: unknown, messages: readonly NewMessage[]): Promise<readonly PutAnswer[]>;
  /** The group of that name, made where it is not there yet: it gets what is put from now on. Without `fanOut` there is only one. */
  group(name: string, terms: GroupTerms): StoreGroup;
}

/** `full` for a message that was not put, since there was no room. */
export type PutAnswer = { readonly id: string; readonly duplicate: boolean } | 'full';

/** A message before it is put. The object is not changed from then on, but for what `headers` and bytes of a body are: a store may keep it. */
export interface NewMessage {
  /** A string comes back as a string, bytes as bytes. */
  readonly body: string | Uint8Array;
  readonly key: string | undefined;
  readonly headers: Headers | undefined;
  /** A larger one goes first; between keys, where there is an order by key. */
  readonly priority: number;
  /** When it was published, in milliseconds since 1970. */
  readonly publishedAt: number;
  /** It is not given out before this time; 0 for at once. */
  readonly notBefore: number;
  /** From this time on it is not worth delivering; the store keeps it for the consumer, no more. */
  readonly deadline: number | undefined;
  readonly dedupeId: string | undefined;
}

export type Headers = Readonly<Record<string, string>>;

export interface GroupTerms {
  /** Milliseconds after which a message that was given out and not settled is given out again. */
  readonly visibilityTimeout: number;
  /** Milliseconds for which dead letters are kept: 0 for not at all, `Infinity` for ever. */
  readonly retention: number;
}

/** From where messages are taken, by one member of a group. */
export interface StoreGroup {
  /**
   * Takes messages that are due, `want` at most, and leases them to the caller. While there are none it waits; of those that wait, the
   * first gets what comes first. It comes after the outcomes that were handed over before it. Resolves with none when `signal` aborts, or the store is closed, and nothing was taken.
   */
  take(want: number, signal: AbortSignal): Promise<readonly Message[]>;
  /**
   * Carries out what became of messages that this group gave out; an answer for each, in their order: `lease-lost` where the message was
   * given to somebody else meanwhile, or is gone, and nothing was done.
   */
  settle(outcomes: readonly StoreOutcome[]): Promise<readonly Settled[]>;
  /** Has leases end a whole visibility timeout from now; an answer for each. Without it leases can not be extended. */
  extend?(messages: readonly Message[]): Promise<readonly Settled[]>;
  /** How many messages there are, by state. */
  count?(): Promise<StoreCounts>;
  /** Dead letters that died after the one of the id `after`, the oldest first. Only with `deadLetters`, as the next two. */
  browse?(after: string | undefined, limit: number): Promise<readonly StoreDeadLetter[]>;
  /** Puts dead letters back as new messages, with no attempts: those of these ids, or so many of the oldest. Returns how many that were. */
  redrive?(which: readonly string[] | number): Promise<number>;
  /** Deletes dead letters: those of these ids, or all. Returns how many that were. */
  purge?(ids: readonly string[] | 'all'): Promise<number>;
}

/** A message that was given out. The store knows its lease by this very object. */
export interface Message {
  /** The same each time that it is given out, and no other message's of the topic, ever. */
  readonly id: string;
  readonly body: string | Uint8Array;
  readonly key: string | undefined;
  readonly headers: Headers | undefined;
  readonly priority: number;
  readonly publishedAt: number;
  readonly deadline: number | undefined;
  /** 1, and one more for each time that it was given out before and not released. */
  readonly attempt: number;
}

/** What becomes of a message that was given out. */
export interface StoreOutcome {
  readonly message: Message;
  /** It is done; it is to come again after `delay`; the same, and this attempt does not count; it is a dead letter. */
  readonly kind: 'ack' | 'nack' | 'release' | 'dead';
  /** Milliseconds, of a `nack`. With an order, those that wait for the message wait meanwhile. */
  readonly delay: number;
  /** Why: of a dead letter, what `browse` shows. */
  readonly reason: string | undefined;
  /** What was thrown, as text. */
  readonly error: string | undefined;
}

export interface StoreCounts {
  /** Can be given out now. */
  readonly ready: number;
  /** Wait for their time. */
  readonly delayed: number;
  /** Wait for another of their key, or of the queue, to be done. */
  readonly blocked: number;
  /** Were given out. */
  readonly inFlight: number;
  readonly dead: number;
  /**
   * When the oldest of those that are not dead letters was published; undefined where there is none. A store may take the one that was put
   * first for the oldest, a redriven one being put anew.
   */
  readonly oldest: number | undefined;
}

/** A message that is not given out any more. */
export interface StoreDeadLetter extends Omit<Message, 'attempt'> {
  readonly attempts: number;
  readonly reason: string;
  readonly error: string | undefined;
  /** When it died. */
  readonly diedAt: number;
}
