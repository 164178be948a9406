/** Races: publishers, consumers, aborts and a close, in any order in which fast-check has them run. */
import type * as FastCheck from 'fast-check';
import type { Message, NewMessage, Order, Store, StoreGroup, StoreTopic } from '../queue/store.js';
import { claim, shown } from './lawTrial.js';
import { messageOf, outcomeOf } from './storeMessages.js';
import { patient, type StoreSetting, type StoreSubject } from './storeSubject.js';

/** Who takes part, and with what. */
export interface RacePlan {
  readonly scheduler: FastCheck.Scheduler;
  /** Messages of each put of a publisher; a list each. */
  readonly puts: readonly (readonly number[])[];
  /** What each consumer wants at a time. */
  readonly wants: readonly number[];
  /** How many waits are aborted. */
  readonly aborts: number;
  /** Whether the stores are closed meanwhile. */
  readonly close: boolean;
}

export function racePlans(fc: typeof FastCheck, close: boolean = false): FastCheck.Arbitrary<RacePlan> {
  const puts = fc.array(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }), { minLength: 1, maxLength: 2 });
  const wants = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 });
  return fc.record({ scheduler: fc.scheduler(), puts, wants, aborts: fc.nat(4), close: fc.constant(close) });
}

export class Race {
  /** What was put, and what was acked, or was tried to. */
  readonly accepted: Set<string> = new Set();
  readonly acked: Set<string> = new Set();
  readonly doubtful: Set<string> = new Set();
  private readonly released = new Set<string>();
  private readonly held = new Map<string, Message>();
  private readonly waiting = new Set<AbortController>();
  private seq = 0;
  private publishing = 0;
  private over = false;
  private closed = false;

  constructor(
    private readonly subject: StoreSubject,
    private readonly setting: StoreSetting,
    private readonly plan: RacePlan,
    private readonly order: Order,
    private readonly capacity: number = Infinity,
  ) {}

  async run(): Promise<void> {
    const { plan } = this;
    const topics = this.setting.stores.map((store) => this.topicOf(store));
    const groups = topics.map((topic) => groupOf(topic));
    this.publishing = plan.puts.length;
    const consumers = plan.wants.map((want, i) => this.consume(groups[i % groups.length]!, want));
    const publishers = plan.puts.map((counts, i) => this.publish(topics[i % topics.length]!, counts));
    const others = [this.abort(plan.aborts), ...(plan.close ? [this.close()] : [])];
    const all = Promise.all([...publishers, ...consumers, ...others]);
    try {
      await patient(plan.scheduler.waitFor(all), 'somebody in a race', this.subject);
    } finally {
      this.end();
    }
    if (!plan.close) claim(this.acked.size === this.accepted.size, 'not all that was accepted was acked');
  }

  /** What is there after the end, read by another store. */
  async left(store: Store): Promise<Set<string>> {
    const group = groupOf(this.topicOf(store));
    await this.setting.advance(1.5 * VISIBILITY);
    const left = new Set<string>();
    for (;;) {
      const control = new AbortController();
      const taken = group.take(100, control.signal);
      await group.count?.();
      control.abort();
      const messages = await patient(taken, 'take', this.subject);
      if (messages.length === 0) return left;
      for (const { body } of messages) left.add(body as string);
      await group.settle(messages.map((message) => outcomeOf(message, 'ack', 0)));
    }
  }

  private topicOf(store: Store): StoreTopic {
    return store.topic(this.setting.topic, { order: this.order, capacity: this.capacity, dedupeWindow: 0 });
  }

  private async publish(topic: StoreTopic, counts: readonly number[]): Promise<void> {
    for (const count of counts) {
      await this.turn('put');
      let messages = Array.from({ length: count }, () => this.next());
      while (messages.length > 0 && !this.over) {
        const answers = await this.unlessClosed(topic.put(messages, false));
        if (answers === undefined) break;
        for (const [i, { body }] of messages.entries()) if (answers[i] !== 'full') this.accepted.add(body as string);
        messages = messages.filter((_, i) => answers[i] === 'full');
        const control = new AbortController();
        this.waiting.add(control);
        if (messages.length > 0) await this.unlessClosed(topic.room!(control.signal));
        this.waiting.delete(control);
      }
    }
    this.publishing--;
    this.endWhenDone();
  }

  private async consume(group: StoreGroup, want: number): Promise<void> {
    while (!this.over) {
      const control = new AbortController();
      this.waiting.add(control);
      const messages = await this.unlessClosed(group.take(want, control.signal));
      this.waiting.delete(control);
      if (messages === undefined) return;
      claim(messages.length <= want, `${messages.length} messages came, ${want} were wanted`);
      for (const message of messages) this.hold(message);
      claim(this.held.size <= this.capacity, `${this.held.size} messages are there, the capacity is ${this.capacity}`);
      await this.turn('settle');
      for (const { body } of messages) this.held.delete(body as string);
      const kinds = messages.map(({ body }) => this.kindFor(body as string));
      const outcomes = messages.map((message, i) => outcomeOf(message, kinds[i]!, 0));
      for (const [i, { body }] of messages.entries()) if (kinds[i] === 'ack') this.doubtful.add(body as string);
      const answers = await this.unlessClosed(group.settle(outcomes));
      if (answers === undefined) return;
      for (const [i, { body }] of messages.entries()) {
        claim(answers[i] === 'settled', `the lease of ${shown(body)} was lost`);
        if (kinds[i] === 'ack') this.acked.add(body as string);
      }
      this.endWhenDone();
    }
  }

  /** Each third is released once. */
  private kindFor(body: string): 'ack' | 'release' {
    if (this.released.has(body) || Number(body.split(' ')[1]) % 3 > 0) return 'ack';
    this.released.add(body);
    return 'release';
  }

  private hold(message: Message): void {
    const body = message.body as string;
    claim(!this.held.has(body), `${body} came to two at once`);
    claim(!this.acked.has(body), `${body} came again after it was acked`);
    const { key } = message;
    if (this.order !== 'none') {
      const other = [...this.held.values()].find((one) => this.order === 'queue' || one.key === key);
      claim(other === undefined, `${body} came while ${shown(other?.body)} was out`);
    }
    this.held.set(body, message);
  }

  private async abort(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      await this.turn('abort');
      const [first] = this.waiting;
      first?.abort();
    }
  }

  private async close(): Promise<void> {
    await this.turn('close');
    this.closed = true;
    await Promise.all(this.setting.stores.map((store) => store.close()));
    this.end();
  }

  private endWhenDone(): void {
    if (this.publishing === 0 && this.acked.size === this.accepted.size) this.end();
  }

  private end(): void {
    this.over = true;
    for (const control of this.waiting) control.abort();
  }

  private turn(what: string): Promise<unknown> {
    return this.plan.scheduler.schedule(Promise.resolve(), what);
  }

  /** What a closed store refuses is undefined. */
  private async unlessClosed<T>(promise: Promise<T>): Promise<T | undefined> {
    try {
      return await promise;
    } catch (error) {
      const { code, trouble } = error as { code?: unknown; trouble?: unknown };
      if (this.closed && code === 'SLUICE_STORE' && trouble === 'closed') return undefined;
      throw error;
    }
  }

  private next(): NewMessage {
    const nr = this.seq++;
    const key = this.order === 'none' ? undefined : ['a', 'b', 'c'][nr % 3];
    return messageOf(`message ${nr}`, this.setting.now(), { key });
  }
}

/** Long, for no lease ends in a race. */
const VISIBILITY = 600_000;

function groupOf(topic: StoreTopic): StoreGroup {
  return topic.group('group', { visibilityTimeout: VISIBILITY, retention: Infinity });
}
