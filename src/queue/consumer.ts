/** One subscription to a queue's deliveries. */
import type { SchedulerLike, Subscriber } from 'rxjs';
import type { Outcome } from '../core/ackTree.js';
import { RingBuffer } from '../core/ringBuffer.js';
import { Delivery, RELEASE } from '../delivery/delivery.js';
import { probeFrom } from '../flow/counted.js';
import { demandOf, NOTHING, type Demand, type Draining } from '../flow/demand.js';
import type { Activity, Ledger, MonitoredStage, StageMonitor, StageProbe } from '../flow/stageOptions.js';
import { SteadyTime } from '../flow/steadyTime.js';
import { asked } from './asked.js';
import { messageOf, type Codec } from './codec.js';
import { becomes, decide, type DecisionSettings } from './decision.js';
import { isClosed } from './errors.js';
import { LeaseKeeper } from './leaseKeeper.js';
import { QueueLease, type LeaseOwner } from './queueLease.js';
import { Settler } from './settler.js';
import type { Message, StoreGroup } from './store.js';

/** What a consumer knows of its queue. */
export interface ConsumerSettings<T> extends DecisionSettings {
  /** Of the subscription, for a monitor. */
  readonly name: string;
  readonly monitor: StageMonitor | undefined;
  readonly codec: Codec<T>;
  readonly visibilityTimeout: number;
  readonly scheduler: SchedulerLike;
}

/** Messages in one take at most: a store is to get round to other things too. */
const MOST = 1_024;

/**
 * A message is *asked for* (a take is under way), *held* if there is no room for it when it comes, *given*, and settled or lost. Those asked for
 * and held never pass what was requested; those asked for, held and given never pass `maxInFlight`, those not counted of which the store has the outcome.
 *
 * States: *open* → *stopped* (by a drain, or the end of the store: nothing is taken any more; what is held is given) → *ended* (the subscriber is
 * closed: what is held, or still comes, is released; what was given stays to be settled, and its leases are kept).
 */
export class Consumer<T> implements MonitoredStage, LeaseOwner {
  /** What is asked for downstream. */
  readonly downstream: Demand;
  private readonly keeper: LeaseKeeper;
  private readonly settler: Settler;
  private readonly time: SteadyTime;
  private readonly waiting = new RingBuffer<QueueLease>();
  private readonly abort = new AbortController();
  private inFlight = 0;
  /** Of those, the ones of which the outcome is with the store, and the answer still to come. */
  private sent = 0;
  private given = 0;
  private taking = false;
  private working = false;
  private stopped = false;
  private probe: StageProbe | undefined = undefined;

  constructor(
    private readonly group: StoreGroup,
    private readonly subscriber: Subscriber<Delivery<T>>,
    readonly capacity: number,
    private readonly settings: ConsumerSettings<T>,
  ) {
    this.downstream = demandOf(subscriber);
    this.time = new SteadyTime(settings.scheduler);
    this.keeper = new LeaseKeeper(
      group,
      settings.visibilityTimeout,
      this.time,
      (lost) => this.onLost(lost),
      () => this.work(),
    );
    this.settler = new Settler(
      group,
      (count) => this.onSent(count),
      (count, failure) => this.onAnswered(count, failure),
    );
    if (this.downstream === NOTHING) return; // it came while its pipeline drains
    this.probe = probeFrom(settings.monitor?.add(this));
    subscriber.add(() => this.end());
    subscriber.add(this.downstream.onRequest(() => this.work()));
    subscriber.add(this.downstream.onDrain?.((draining) => this.drain(draining)));
    this.work();
  }

  get name(): string {
    return this.settings.name;
  }

  /** Messages that wait until downstream asks for them. */
  get held(): number {
    return this.waiting.size;
  }

  /** Messages that it could have besides those that it has. */
  get requested(): number {
    return this.stopped ? 0 : this.free;
  }

  /** Those that are as good as settled count once more, but not twice: a store that does not answer is not to be asked for ever more. */
  private get free(): number {
    return this.capacity - Math.max(this.inFlight - this.sent, this.inFlight - this.capacity);
  }

  get activity(): Activity {
    if (this.held > 0) return 'blocked';
    return this.requested > 0 ? 'starved' : 'busy';
  }

  get waitsFor(): string {
    return this.requested > 0 ? 'messages' : 'its messages to be settled';
  }

  /** What comes to nobody, for its lease has ended or it is released, counts as if it had not been taken. */
  get ledger(): Ledger {
    const { name: stage, given: out, held } = this;
    return { stage, in: out + held, out, dropped: 0, reasons: {}, held };
  }

  settle(lease: QueueLease, outcome: Outcome): void {
    const kept = this.keeper.remove(lease);
    if (!kept) this.inFlight++; // it was lost, and is so by our clock only, perhaps: the store knows
    try {
      lease.decided = decide(lease.message, outcome, this.settings);
    } catch (error) {
      lease.failed(error);
      return this.onSettled(1, { error }); // the stream fails as well
    }
    this.settler.settle(lease);
  }

  onKept(): void {
    this.keeper.wake();
  }

  becomes(message: Message, outcome: Outcome): Outcome {
    return becomes(message, outcome, this.settings.maxAttempts);
  }

  /** Gives what is held, and takes more: one loop at a time. */
  private work(): void {
    if (this.working) return;
    this.working = true;
    try {
      this.give();
      if (this.stopped) {
        if (this.held === 0 && !this.subscriber.closed) this.subscriber.complete();
      } else if (!this.taking && !this.subscriber.closed) {
        this.take();
      }
    } finally {
      this.working = false;
    }
  }

  private give(): void {
    const { waiting, downstream, subscriber } = this;
    while (waiting.size > 0 && downstream.requested > 0 && !subscriber.closed) {
      const lease = waiting.shift();
      const delivery = lease.held ? this.deliveryOf(lease) : undefined;
      if (delivery === undefined) continue;
      this.given++;
      subscriber.next(delivery);
    }
  }

  /** The delivery of a message; undefined for one that is none, and is a dead letter then. */
  private deliveryOf(lease: QueueLease): Delivery<T> | undefined {
    const { attempt, deadline, body } = lease.message;
    const { maxAttempts, scheduler, codec } = this.settings;
    // Those that ended without an outcome count too: a message that has its consumers crash must not do so for ever.
    if (attempt > maxAttempts) return this.bury(lease, 'attempts');
    if (deadline !== undefined && deadline <= scheduler.now()) return this.bury(lease, 'expired');
    let value: T;
    try {
      value = codec.decode(body);
    } catch (error) {
      return this.bury(lease, 'undecodable', messageOf(error));
    }
    return new Delivery(value, lease);
  }

  private bury(lease: QueueLease, reason: string, error?: string): undefined {
    lease.settle({ kind: 'dead', reason, error });
  }

  private take(): void {
    if (this.downstream.requested <= 0 || !this.caughtUp() || this.subscriber.closed) return;
    // There is demand only where nothing is held.
    const want = Math.min(this.downstream.requested, this.free, MOST);
    if (want <= 0) return;
    this.taking = true;
    asked(() => this.group.take(want, this.abort.signal)).then(this.onMessages, this.onFailure);
  }

  /** False while a message of ours would come again, for its lease ran out while the process stood still: it is extended, or settled, first. */
  private caughtUp(): boolean {
    if (!this.keeper.caughtUp()) return false;
    return this.settler.oldest + this.settings.visibilityTimeout > this.time.now();
  }

  private readonly onMessages = (messages: readonly Message[]): void => {
    this.taking = false;
    const now = this.time.now();
    this.inFlight += messages.length;
    for (const message of messages) {
      const lease = new QueueLease(message, now, this);
      this.keeper.add(lease);
      this.waiting.push(lease);
      this.probe?.arrived();
    }
    if (messages.length === 0) this.onEnd(); // nobody waits any more, or the store is closed
    if (this.subscriber.closed) this.release();
    else this.work();
  };

  private readonly onFailure = (error: unknown): void => {
    this.taking = false;
    if (isClosed(error)) this.onEnd();
    else if (!this.subscriber.closed) return this.subscriber.error(error);
    this.work();
  };

  /** What takes their places may be asked for at once: a store can settle and take in one go. */
  private onSent(count: number): void {
    this.sent += count;
    this.work();
  }

  private onAnswered(count: number, failure: { readonly error: unknown } | undefined): void {
    this.sent -= count;
    this.onSettled(count, failure);
  }

  private onSettled(count: number, failure: { readonly error: unknown } | undefined): void {
    this.inFlight -= count;
    if (failure !== undefined && isClosed(failure.error)) {
      this.onEnd();
      this.work();
    } else if (failure !== undefined && !this.subscriber.closed) this.subscriber.error(failure.error);
    else this.work();
  }

  /** The store is closed: what was given out comes again when it is open again. Or, in a take, nobody waits any more. */
  private onEnd(): void {
    this.stopped = true;
    if (!this.abort.signal.aborted) this.keeper.close();
  }

  private onLost(lost: readonly QueueLease[]): void {
    this.inFlight -= lost.length;
    for (const lease of lost) lease.lose(new Error('the lease was lost'));
    this.work();
  }

  private drain(draining: Draining): void {
    draining.watch(this);
    this.stopped = true; // what waits in a take ends with the subscriber: nothing is held then
    this.work();
  }

  private end(): void {
    this.abort.abort();
    this.release();
    this.keeper.end();
    this.probe?.released();
  }

  private release(): void {
    while (this.held > 0) {
      const lease = this.waiting.shift();
      if (lease.held) lease.settle(RELEASE);
    }
  }
}
