/** One run of a law of stores: a store, and a model of each of its groups. */
import type { GroupTerms, Message, Order, Store, StoreGroup, StoreTopic } from '../queue/store.js';
import { GroupModel, type Entry } from './storeModel.js';
import { patient, type StoreSetting, type StoreSubject } from './storeSubject.js';

/** What the messages of a run are like, and the terms of its topic. */
export interface StoreRunOptions {
  readonly order?: Order;
  readonly capacity?: number;
  readonly groups?: number;
  readonly retention?: number;
  readonly priorities?: boolean;
  readonly delays?: boolean;
  readonly dedupe?: boolean;
  readonly alone?: boolean;
}

/** A group and its model. */
export interface Side {
  readonly name: string;
  readonly model: GroupModel;
  /** Of each store. */
  members: readonly StoreGroup[];
  /** What was given out, and the member that did; also what was settled since. */
  given: { readonly entry: Entry; readonly message: Message; readonly member: StoreGroup }[];
}

/** Half a tick is in each time, so that nothing is due just when the clock is looked at. */
const VISIBILITY = 4.5;
/** Ticks for which a `dedupeId` is remembered. */
export const DEDUPE = 6.5;

export class StoreRun {
  readonly tick: number;
  readonly sides: Side[] = [];
  topics: readonly StoreTopic[] = [];
  private stores: readonly Store[];
  /** What the clock should say. */
  now: number;
  /** How many messages it made. */
  seq = 0;
  readonly ids: Set<string> = new Set();
  readonly remembered: Map<string, { readonly id: string; readonly until: number }> = new Map();

  constructor(
    readonly subject: StoreSubject,
    readonly setting: StoreSetting,
    readonly options: StoreRunOptions,
  ) {
    this.tick = subject.tick ?? 1_000;
    this.now = setting.now();
    for (let i = 0; i < (options.groups ?? 1); i++) {
      const model = new GroupModel(this.order, VISIBILITY * this.tick, (options.retention ?? Infinity) * this.tick);
      this.sides.push({ name: `group ${i}`, model, members: [], given: [] });
    }
    this.stores = setting.stores;
    this.bind(setting.stores);
  }

  get order(): Order {
    return this.options.order ?? 'none';
  }

  get capacity(): number {
    return this.options.capacity ?? Infinity;
  }

  /** How many more messages the topic may have. */
  get room(): number {
    return this.capacity - Math.max(...this.sides.map(({ model }) => model.entries.length));
  }

  async advance(ticks: number): Promise<void> {
    this.now += ticks * this.tick;
    await this.setting.advance(ticks * this.tick);
  }

  /** Rejects when `promise` is not settled in time. */
  async patient<T>(promise: Promise<T>, what: string): Promise<T> {
    return patient(promise, what, this.subject);
  }

  private bind(stores: readonly Store[]): void {
    const { topic } = this.setting;
    const terms = { order: this.order, capacity: this.capacity, dedupeWindow: DEDUPE * this.tick };
    this.topics = stores.map((store) => store.topic(topic, terms));
    for (const side of this.sides) {
      const { visibility: visibilityTimeout, retention } = side.model;
      const groupTerms: GroupTerms = { visibilityTimeout, retention };
      side.members = this.topics.map((one) => one.group(side.name, groupTerms));
    }
  }

  /** What was given out by the stores before can not be settled any more. */
  async reopen(orderly: boolean): Promise<void> {
    if (this.setting.reopen === undefined) return;
    const { stores } = this;
    if (orderly) for (const store of stores) await this.patient(store.close(), 'close');
    this.stores = await this.setting.reopen();
    this.bind(this.stores);
    for (const side of this.sides) side.given = [];
  }
}
