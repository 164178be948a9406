import { ExpiryHeap } from '../../core/expiryHeap.js';
import { KeyTurns } from '../../core/keyTurns.js';
import type { Settled } from '../../delivery/lease.js';
import type {
  GroupTerms,
  Message,
  NewMessage,
  Order,
  StoreCounts,
  StoreDeadLetter,
  StoreGroup,
  StoreOutcome,
  TopicTerms,
} from '../../queue/store.js';
import type { Breath } from './breath.js';
import { DeadLetters } from './deadLetters.js';
import { Leases } from './leases.js';
import { Alarm, type MemoryClock } from './memoryClock.js';
import { closed, foreign } from './refusals.js';
import { givenBy, Given, Spares, type Giver, type Stored } from './stored.js';
import { Takers } from './takers.js';

/** The topic that a group is of. */
interface Home {
  readonly clock: MemoryClock;
  readonly breath: Breath;
  readonly order: Order;
  readonly terms: TopicTerms;
  nextTurn(): number;
  idOf(nr: number): string;
  /** Some messages are gone: there may be room. */
  left(): void;
}

/** All that is asked is done at once: promises are there for the port, and for the event loop to have its turns. */
export class MemoryGroup implements StoreGroup, Giver {
  private readonly turns = new KeyTurns<Stored>();
  /** Given out, by the end of their leases. */
  private readonly given = new Leases();
  /** By the time that has to pass. */
  private readonly retries = new ExpiryHeap<Stored>();
  /** By the time of day. */
  private readonly scheduled = new ExpiryHeap<Stored>();
  private readonly dead = new DeadLetters();
  private readonly takers: Takers;
  private readonly spares = new Spares();
  private readonly alarm: Alarm;
  private stopped = false;
  private ended = false;
  /** Messages that are not dead letters. */
  size = 0;

  constructor(
    private readonly topic: Home,
    public terms: GroupTerms,
  ) {
    this.takers = new Takers(topic.breath, () => this.setAlarm(topic.clock.now()));
    this.alarm = new Alarm(topic.clock, () => this.serve(topic.clock.now()));
  }

  /** A new message. Those who wait get it by `serve`. */
  put(message: NewMessage, nr: number, now: number): void {
    this.size++;
    const stored = this.spares.fill(message, nr);
    if (message.notBefore <= now) return this.await(stored);
    stored.state = 'scheduled';
    stored.expires = message.notBefore;
    this.scheduled.add(stored);
  }

  take(want: number, signal: AbortSignal): Promise<readonly Message[]> {
    if (this.stopped) return Promise.reject(closed());
    if (signal.aborted || want < 1) return Promise.resolve([]);
    const now = this.topic.clock.now();
    this.serve(now);
    const messages = this.gather(want, now);
    if (messages.length > 0) return this.topic.breath.answer(messages.length, messages);
    const taken = this.takers.wait(want, signal);
    this.setAlarm(now);
    return taken;
  }

  settle(outcomes: readonly StoreOutcome[]): Promise<readonly Settled[]> {
    if (this.ended) return Promise.reject(closed());
    for (const { message } of outcomes) {
      if (givenBy(this, message) === undefined) return Promise.reject(foreign(message));
    }
    const now = this.topic.clock.now();
    const passed = this.topic.clock.passed(now);
    const answers: Settled[] = [];
    for (const outcome of outcomes) answers.push(this.settleOne(outcome, givenBy(this, outcome.message)!, now, passed));
    this.serve(now);
    this.topic.left();
    return this.topic.breath.answer(answers.length, answers);
  }

  extend(messages: readonly Message[]): Promise<readonly Settled[]> {
    if (this.ended) return Promise.reject(closed());
    const wrong = messages.find((message) => givenBy(this, message) === undefined);
    if (wrong !== undefined) return Promise.reject(foreign(wrong));
    const passed = this.topic.clock.passed(this.topic.clock.now());
    const answers = messages.map((message) => this.extendOne(message, givenBy(this, message)!, passed));
    return this.topic.breath.answer(answers.length, answers);
  }

  count(): Promise<StoreCounts> {
    if (this.stopped) return Promise.reject(closed());
    this.serve(this.topic.clock.now());
    const delayed = this.retries.all.length + this.scheduled.all.length;
    const { ready, blocked } = this.turns;
    const inFlight = this.given.size;
    return this.topic.breath.answer(0, {
      ready,
      delayed,
      blocked,
      inFlight,
      dead: this.dead.size,
      oldest: this.oldest(),
    });
  }

  browse(after: string | undefined, limit: number): Promise<readonly StoreDeadLetter[]> {
    if (this.stopped) return Promise.reject(closed());
    this.serve(this.topic.clock.now());
    const letters = this.dead.browse(after, limit);
    return this.topic.breath.answer(letters.length, letters);
  }

  redrive(which: readonly string[] | number): Promise<number> {
    if (this.stopped) return Promise.reject(closed());
    const now = this.topic.clock.now();
    this.serve(now);
    const taken = this.dead.take(which, this.topic.terms.capacity - this.size);
    for (const stored of taken) {
      this.size++;
      stored.turn = this.topic.nextTurn();
      stored.attempts = 0;
      this.await(stored);
    }
    this.serve(now);
    return this.topic.breath.answer(taken.length, taken.length);
  }

  purge(ids: readonly string[] | 'all'): Promise<number> {
    if (this.stopped) return Promise.reject(closed());
    this.serve(this.topic.clock.now());
    const taken = this.dead.take(ids === 'all' ? Infinity : ids, Infinity);
    for (const stored of taken) this.spares.add(stored);
    return this.topic.breath.answer(taken.length, taken.length);
  }

  /** Nobody takes, or looks at anything, any more. */
  stop(): void {
    this.stopped = true;
    this.takers.close();
    this.alarm.set(Infinity);
  }

  /** Nor settles. */
  end(): void {
    this.ended = true;
  }

  /** What is due at `now` becomes ready; those who wait get what is ready. */
  serve(now: number): void {
    const passed = this.topic.clock.passed(now);
    this.moveDue(now, passed);
    if (!this.takers.waiting) return;
    this.takers.serve((want) => this.gather(want, now));
    this.setAlarm(now);
  }

  private moveDue(now: number, passed: number): void {
    for (let due = this.scheduled.earliest; due !== undefined && due.expires <= now; due = this.scheduled.earliest) {
      this.scheduled.remove(due);
      this.await(due);
    }
    for (let due = this.retries.earliest; due !== undefined && due.expires <= passed; due = this.retries.earliest) {
      this.retries.remove(due);
      this.await(due);
      this.turns.done(due);
    }
    for (let due = this.given.oldest; due !== undefined && due.expires <= passed; due = this.given.oldest) {
      this.given.leave(due);
      this.await(due);
      this.turns.done(due);
    }
    this.dead.forget(passed);
  }

  private gather(want: number, now: number): Message[] {
    const messages: Message[] = [];
    const expires = this.topic.clock.passed(now) + this.terms.visibilityTimeout;
    while (messages.length < want) {
      const stored = this.turns.take();
      if (stored === undefined) break;
      stored.attempts++;
      messages.push((stored.lease = new Given(stored, this)));
      this.lease(stored, expires);
    }
    return messages;
  }

  private lease(stored: Stored, expires: number): void {
    stored.state = 'given';
    stored.expires = expires;
    this.given.join(stored);
  }

  private await(stored: Stored): void {
    stored.state = 'waits';
    this.turns.add(stored, this.keyOf(stored));
  }

  private settleOne(outcome: StoreOutcome, stored: Stored, now: number, passed: number): Settled {
    const { kind } = outcome;
    if (stored.lease !== outcome.message) return 'lease-lost';
    stored.lease = undefined;
    const held = stored.state === 'given';
    if (held) this.given.leave(stored);
    else this.turns.withdraw(stored); // its lease ran out, and nobody has it
    if (kind === 'release') stored.attempts--;
    if (kind === 'nack' && outcome.delay > 0) {
      stored.state = 'retry';
      stored.expires = passed + outcome.delay;
      this.retries.add(stored);
      if (!held) this.turns.hold(stored, this.keyOf(stored));
      return 'settled';
    }
    if (kind === 'release' || kind === 'nack') {
      this.await(stored);
      if (kind === 'nack') this.topic.breath.hold(); // what fails at once, and is given out at once, would go round and round
    }
    if (held) this.turns.done(stored);
    if (kind === 'ack') this.leave(stored);
    if (kind === 'dead') this.die(stored, outcome, now, passed);
    return 'settled';
  }

  private leave(stored: Stored): void {
    this.spares.add(stored);
    if (--this.size === 0) this.spares.clear();
  }

  private die(stored: Stored, { reason = '', error }: StoreOutcome, now: number, passed: number): void {
    if (this.terms.retention <= 0) return this.leave(stored);
    stored.state = 'gone';
    stored.keyLine = undefined;
    this.size--;
    this.dead.add(this.idOf(stored.nr), stored, { reason, error, diedAt: now }, passed + this.terms.retention);
  }

  private extendOne(message: Message, stored: Stored, passed: number): Settled {
    if (stored.lease !== message) return 'lease-lost';
    if (stored.state === 'given') this.given.leave(stored);
    else {
      // Its lease ran out, and nobody has it; another of its key may be out meanwhile.
      if (this.turns.isOut(stored)) return 'lease-lost';
      this.turns.withdraw(stored);
      this.turns.hold(stored, this.keyOf(stored));
    }
    this.lease(stored, passed + this.terms.visibilityTimeout);
    return 'settled';
  }

  idOf(nr: number): string {
    return this.topic.idOf(nr);
  }

  private keyOf({ rest }: Stored): string | undefined {
    const { order } = this.topic;
    return order === 'key' ? rest.key : order === 'queue' ? '' : undefined;
  }

  /** While somebody waits, for when the next is due. */
  private setAlarm(now: number): void {
    if (!this.takers.waiting) return this.alarm.set(Infinity);
    const passed = this.topic.clock.passed(now);
    const scheduled = (this.scheduled.earliest?.expires ?? Infinity) - now;
    const retry = (this.retries.earliest?.expires ?? Infinity) - passed;
    this.alarm.set(Math.min(scheduled, retry, (this.given.oldest?.expires ?? Infinity) - passed));
  }

  private oldest(): number | undefined {
    let oldest = Infinity;
    const look = ({ publishedAt }: Stored): void => void (oldest = Math.min(oldest, publishedAt));
    for (const stored of this.turns.firsts()) look(stored);
    this.retries.all.forEach(look);
    this.scheduled.all.forEach(look);
    for (let stored = this.given.oldest; stored !== undefined; stored = stored.newer) look(stored);
    return oldest === Infinity ? undefined : oldest;
  }
}
