/** One connection of a `broadcast`: the stage that the source feeds, the ring, and the subscribers along it. */
import type { Subscriber } from 'rxjs';
import type { Names } from '../../core/names.js';
import { RingBuffer } from '../../core/ringBuffer.js';
import { SharedRing } from '../../core/sharedRing.js';
import { OverflowError } from '../../errors.js';
import { probeFrom } from '../counted.js';
import { NOTHING, type Demand, type Draining } from '../demand.js';
import { Stage } from '../stage.js';
import type { Activity, Drop, Ledger, StageOptions } from '../stageOptions.js';
import { Timer } from '../timer.js';
import { guarded } from '../unhandled.js';
import { BroadcastCursor, tellEach, type CursorHost, type CursorPolicy, type Telling } from './broadcastCursor.js';
import { Furthest, outlet } from './broadcastOutlet.js';
import { BroadcastParts } from './broadcastParts.js';

/** The options, checked and with their defaults. */
export interface BroadcastSettings extends StageOptions {
  readonly name: string;
  readonly capacity: number;
  readonly replay: number;
  readonly overflow: 'error' | 'drop-oldest' | 'drop-newest';
  readonly report: ((drop: Drop) => void) | undefined;
}

/**
 * Values go round by round: each subscriber gets one, if it can take it, before any gets the next. Those that were behind and can go on
 * are *ready*; they catch up in between.
 *
 * Its ledger counts a value as out when every subscriber is past it, whether it took it or gave it up: that is in the subscriber's ledger.
 * States are those of `Stage`; after the end there may still be subscribers to whom old values are replayed.
 */
export class BroadcastStage<T> extends Stage<T, never> implements CursorHost<T> {
  readonly ring: SharedRing<T>;
  readonly parts: BroadcastParts<T> = new BroadcastParts();
  private readonly cursors: BroadcastCursor<T>[] = [];
  /** What is held waits for the subscriber that is furthest behind, of those that block. */
  override readonly downstream: Demand;
  private readonly ready = new RingBuffer<BroadcastCursor<T>>(2);
  private readonly timer: Timer;
  /** Values before this number had their round; the one of the last may be under way. */
  private passed = 0;
  /** Whose turn it is in that round. */
  private turn = 0;
  /** Nobody has come or gone in that round. */
  private steady = false;
  /** Values before this number are out. */
  private settled = 0;
  private failure: { readonly error: unknown } | undefined;
  private replaying = false;
  /** Whether ages matter to anybody, and whether somebody is evicted by age. */
  private timed = false;
  private evictsByAge = false;

  /** @param onDeserted called when the last subscriber has gone */
  constructor(
    private readonly settings: BroadcastSettings,
    private readonly names: Names,
    private readonly onDeserted: () => void,
  ) {
    const { name, release } = names.take(settings.name);
    super(outlet(), { ...settings, name, monitor: undefined });
    this.out.add(release);
    this.downstream = new Furthest(this.cursors, settings.overflow === 'drop-oldest');
    this.ring = new SharedRing(this.cursors, settings.replay);
    this.timer = new Timer(this.time, () => this.look());
    this.out.add(() => this.timer.set(Infinity));
    if (settings.report !== undefined) this.keepTimes();
    try {
      this.probe = probeFrom(settings.monitor?.add(this)); // it looks at the ring, so that has to be there
    } catch (error) {
      this.disconnect();
      throw error;
    }
  }

  get capacity(): number {
    return this.settings.capacity;
  }

  get report(): ((drop: Drop) => void) | undefined {
    return this.settings.report;
  }

  /** How the source ended; undefined while it has not. */
  get ended(): 'complete' | 'error' | undefined {
    if (this.failure !== undefined) return 'error';
    return this.ending || this.released ? 'complete' : undefined;
  }

  /** While nobody is subscribed nothing is asked for. */
  get requested(): number {
    if (this.ending || this.isDeserted) return 0;
    return this.capacity - (this.ring.end - this.ring.oldestBlocking);
  }

  /** While more than half waits for somebody there is enough to go on with. */
  protected override get wantsMore(): boolean {
    return this.requested >= this.capacity / 2 && this.requested > 0;
  }

  get held(): number {
    this.settle();
    return this.ring.end - this.settled;
  }

  override get ledger(): Ledger {
    this.settle();
    return super.ledger;
  }

  /** What waits only for those that skip holds up nobody. */
  override get activity(): Activity {
    return this.ring.oldestBlocking < this.ring.end ? 'blocked' : 'starved';
  }

  /** No subscriber is there for whom values would come. */
  get isDeserted(): boolean {
    return this.cursors.every(({ stopped }) => stopped);
  }

  now(): number {
    return this.timed ? this.time.now() : 0;
  }

  /** Adds a subscriber. */
  join(subscriber: Subscriber<T>, policy: CursorPolicy): void {
    if (policy.maxAge !== undefined) {
      this.evictsByAge = true;
      this.keepTimes();
    }
    const start = Math.max(this.ring.start, this.ring.end - policy.maxLag);
    const { name, release } = this.names.take(policy.name);
    const cursor = new BroadcastCursor<T>(this, subscriber, policy, start, name, release);
    if (cursor.downstream === NOTHING) return release(); // its pipeline drains, and takes nothing anew
    this.cursors.push(cursor);
    this.changed();
    subscriber.add(() => this.depart(cursor));
    subscriber.add(cursor.downstream.onRequest(() => this.wake(cursor)));
    subscriber.add(cursor.downstream.onDrain?.((draining) => this.drain(cursor, draining.watch(cursor))));
    try {
      cursor.probe = probeFrom(this.settings.monitor?.add(cursor));
    } catch (error) {
      return subscriber.error(error);
    }
    this.wake(cursor);
    this.moveOn(); // the source may be waiting for a first subscriber
  }

  /** Lets the source go; there are no subscribers any more. */
  disconnect(): void {
    this.out.unsubscribe();
  }

  removeCursor(cursor: BroadcastCursor<T>): void {
    const index = this.cursors.indexOf(cursor);
    if (index < 0) return;
    this.cursors.splice(index, 1);
    if (index < this.turn) this.turn--;
    this.changed();
    if (this.isDeserted) this.onDeserted();
  }

  protected accept(value: T): void {
    const { ring, capacity } = this;
    const full = ring.end - ring.oldest >= capacity;
    if (full && this.settings.overflow !== 'drop-oldest' && ring.end - ring.oldestBlocking >= capacity) {
      return this.refuse(value);
    }
    const tellings = full ? this.makeRoom() : undefined;
    if (!this.released) ring.push(this.parts.of(value, ring.end, this.cursors), this.now()); // else the last subscriber was evicted
    if (tellings !== undefined) tellEach(tellings);
    this.run();
  }

  protected work(): void {
    const { ring, ready, cursors } = this;
    for (;;) {
      while (ready.size > 0) {
        const cursor = ready.shift();
        cursor.queued = false;
        cursor.take(this.passed);
      }
      this.settle();
      if (this.passed === ring.end) break;
      this.round(this.passed++);
    }
    for (this.turn = 0; this.ended !== undefined && this.turn < cursors.length;) {
      const cursor = cursors[this.turn++]!;
      if (cursor.held === 0) cursor.finish(this.failure);
    }
    if (this.evictsByAge) this.timer.set(cursors.reduce((first, { expires }) => Math.min(first, expires), Infinity));
  }

  /** Value number `n` to each in turn; subscribers come and go meanwhile. */
  private round(n: number): void {
    const { ring, cursors } = this;
    const value = ring.at(n);
    let took = 0;
    let someBlock = false;
    this.steady = true;
    for (this.turn = 0; this.turn < cursors.length;) {
      const cursor = cursors[this.turn++]!;
      cursor.offer(value, n);
      if (cursor.next === n + 1) took++;
      if (cursor.blocks) someBlock = true;
    }
    if (this.steady && took === cursors.length) ring.meet(n + 1, someBlock);
  }

  /** What waits for a subscriber is dropped as that one leaves. */
  protected clear(): void {
    this.settle();
  }

  protected override fail(error: unknown): void {
    if (this.released) return;
    this.failure = { error };
    super.fail(error);
    for (const cursor of [...this.cursors]) cursor.finish(this.failure);
  }

  protected override _error(error: unknown): void {
    this.failure ??= { error };
    super._error(error);
  }

  /** Those for whom the oldest value is kept give it up, all before anybody is told. */
  private makeRoom(): readonly Telling[] {
    const oldest = this.ring.end - this.capacity;
    return this.cursors.filter(({ next }) => next <= oldest).map((cursor) => cursor.makeRoom());
  }

  private refuse(value: T): void {
    this.drop(value, 'overflow');
    if (this.settings.overflow === 'drop-newest') return;
    const error = new OverflowError(this.name, this.capacity, 'make it wait (demandOf) or name an `overflow` policy');
    this.failure ??= { error };
    this.endWith(error);
  }

  /** Its subscriber unsubscribed or has ended. */
  private depart(cursor: BroadcastCursor<T>): void {
    const tell = cursor.leave('cancelled');
    this.removeCursor(cursor);
    this.moveOn();
    tell();
  }

  /** The pipeline of a subscriber drains. Others still take from the source; if there are none, it is the source that ends. */
  private drain(cursor: BroadcastCursor<T>, draining: Draining): void {
    if (this.cursors.some((other) => other !== cursor && !other.stopped)) return cursor.stop();
    draining.pass(this);
  }

  /** Subscribers have come or gone. */
  private changed(): void {
    this.steady = false;
    this.ring.touch();
    this.noteRoom();
  }

  private wake(cursor: BroadcastCursor<T>): void {
    if (cursor.queued || (cursor.held === 0 && this.ended === undefined)) return;
    cursor.queued = true;
    this.ready.push(cursor);
    this.moveOn();
  }

  /** The time has come for one of those that may be late. */
  private look(): void {
    for (const cursor of [...this.cursors]) this.wake(cursor);
    this.moveOn();
  }

  /** `run`, also after the end: `Stage` is released then, and those to whom old values are replayed go on. */
  private moveOn(): void {
    if (!this.released) return this.run();
    if (this.replaying) return;
    this.replaying = true;
    guarded(() => this.work());
    this.replaying = false;
  }

  /** Counts as out what every subscriber is past. One that is replayed to is behind that: nothing is counted twice. */
  private settle(): void {
    const { oldest } = this.ring;
    if (oldest > this.settled) {
      this.countOut(oldest - this.settled);
      this.settled = oldest;
    }
    this.ring.trim();
  }

  private keepTimes(): void {
    this.timed = true;
    this.ring.keepTimes(this.time.now());
  }
}
