/** The base of every stage: what all operators with a demand of their own share. */
import type { Subscriber, Unsubscribable } from 'rxjs';
import { Counted, probeFrom } from './counted.js';
import { carryDemand, demandOf, Listeners, NOTHING, Upstream, type Demand, type Draining } from './demand.js';
import type { Activity, MonitoredStage, StageOptions } from './stageOptions.js';
import { guarded } from './unhandled.js';

/**
 * The base class of an operator that limits: a subscriber of `In` whose demand sources upstream find with `demandOf`,
 * and which gives `Out` to `this.out` only while `this.downstream.requested > 0`.
 *
 * A subclass says what it can take (`requested`), what it has (`held`), how it takes a value (`accept`), how it moves on
 * what can be moved (`work`), and gives up what it holds (`clear`). The base does the rest: demand and wake-ups, one
 * loop at a time (re-entrant calls return at once and the outer loop goes on, so the stack stays flat and order is
 * kept), the ledger, draining before the end, and teardown.
 *
 * States: *open* (upstream may send) → *ending* (completion or an error is noted; what is held is still delivered) →
 * *released* (the output ended or was unsubscribed; nothing is held).
 *
 * ```ts
 * import { Observable, type MonoTypeOperatorFunction } from 'rxjs';
 * import { OverflowError, pull, Stage } from 'sluice';
 *
 * // Holds one value and lets it go when the next arrives.
 * class Lag<T> extends Stage<T> {
 *   private values: T[] = [];
 *   get requested() { return this.ending ? 0 : 2 - this.values.length; }
 *   get held() { return this.values.length; }
 *   protected accept(value: T) {
 *     if (this.values.length < 2) { this.values.push(value); return this.run(); }
 *     this.drop(value, 'overflow'); // its source ignores demand
 *     this.endWith(new OverflowError(this.name, 2, 'put a boundedBuffer before it'));
 *   }
 *   protected work() {
 *     while (this.values.length > (this.ending ? 0 : 1) && this.downstream.requested > 0) this.emit(this.values.shift()!);
 *   }
 *   protected clear() { for (const value of this.values.splice(0)) this.drop(value, 'cancelled'); }
 * }
 * const lag = <T>(): MonoTypeOperatorFunction<T> => (source) =>
 *   new Observable((subscriber) => void source.subscribe(new Lag<T>(subscriber, { name: 'lag' })));
 *
 * pull(['a', 'b', 'c']).pipe(lag()).subscribe((value) => console.log(value));
 * // => a
 * // => b
 * // => c
 * ```
 */
export abstract class Stage<In, Out = In> extends Counted<In> implements MonitoredStage {
  /** What the stage after this one can take. */
  readonly downstream: Demand;

  /** Those before this stage, for a drain. */
  readonly upstream: Upstream = new Upstream();
  private readonly listeners = new Listeners();
  /** False once `requested` was 0: sources may be asleep and are to be woken when it rises. */
  private awake = false;
  private working = false;
  private emitting = false;
  /** `run` was called while it could not run. */
  private again = false;
  private end: { readonly error: unknown } | 'complete' | undefined;
  /** A value is arriving; another may arrive inside a callback for it. */
  private arriving = false;

  /**
   * @param out what the function given to `new Observable` was called with
   * @param options the stage options, checked
   */
  constructor(
    protected readonly out: Subscriber<Out>,
    options: StageOptions & { readonly name: string },
  ) {
    super(options);
    carryDemand(this);
    this.downstream = demandOf(out);
    this.probe = probeFrom(options.monitor?.add(this));
    out.add(this);
    out.add(this.downstream.onRequest(() => this.run()));
    out.add(() => this.release());
    out.add(this.downstream.onDrain?.((draining) => draining.pass(this)));
    if (this.downstream === NOTHING) this.upstream.look = () => undefined; // it came while what is after it drains
  }

  /** Values this stage can take now; 0 once it is ending. */
  abstract get requested(): number;
  /** Values in the stage, for the ledger. */
  abstract get held(): number;
  /** Takes `value` that has just arrived, whether or not it was asked for; calls `run` if it may be moved on now. */
  protected abstract accept(value: In): void;
  /** Emits and starts what can be, until nothing more can. */
  protected abstract work(): void;
  /** Drops all that is held as `cancelled`. */
  protected abstract clear(): void;

  /**
   * What it does now, for a monitor. What can be moved on has been, so by default what it holds waits for downstream: a stage that
   * waits for something else meanwhile is *busy*, and says so.
   */
  get activity(): Activity {
    return this.held > 0 ? 'blocked' : 'starved';
  }

  /**
   * True when sources that sleep are to be woken: as soon as there is room. A stage that has work to go on with may let
   * more room gather, so that a wake-up is for many values.
   */
  protected get wantsMore(): boolean {
    return this.requested > 0;
  }

  onRequest(listener: () => void): Unsubscribable {
    return this.listeners.add(listener);
  }

  onDrain(end: (draining: Draining) => void): Unsubscribable {
    return this.upstream.onDrain(end);
  }

  /** True from the source's end, or `endWith`, on. */
  protected get ending(): boolean {
    return this.end !== undefined;
  }

  /** True when a value may be emitted straight away: there is room downstream, and no other value is on its way there. */
  protected get clearAhead(): boolean {
    return !this.emitting && this.downstream.requested > 0;
  }

  /** Counts a value as out and gives it downstream; `since` is when it arrived, where that is known (`arrivalTime`, `arrivalMark`). */
  protected emit(value: Out, since: number = -1): void {
    this.delivered++;
    if (since !== -1) this.waited(since);
    this.pass(value);
  }

  /** Gives a value downstream without counting it. What comes meanwhile is looked at afterwards. */
  protected pass(value: Out): void {
    this.emitting = true;
    try {
      this.out.next(value);
    } finally {
      this.emitting = false; // RxJS's own subscribers do not throw; others may
    }
    if (this.again && !this.working) this.run();
  }

  /** Lets upstream go at once; what is held is delivered, then `error`. */
  protected endWith(error: unknown): void {
    this.end ??= { error };
    guarded(() => this.unsubscribe());
    this.run();
  }

  /** Drops what is held and passes `error` on at once. */
  protected fail(error: unknown): void {
    if (this.gone) return;
    this.end = { error };
    guarded(() => this.unsubscribe());
    this.release();
    this.out.error(error);
  }

  /**
   * Moves on what can be moved, ends if it is time to, and wakes sources if there is room again. Call it after every change;
   * while something is being moved or emitted it returns at once, and what changed is looked at right after.
   */
  protected run(): void {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.working = true;
    try {
      do {
        this.again = false;
        this.work();
      } while (this.again);
    } catch (error) {
      this.fail(error);
    } finally {
      this.working = false;
    }
    if (this.end === undefined) this.wakeSources();
    else if (this.held === 0) this.finish(this.end);
  }

  /** True while `run` would only note that it is to run again. */
  protected get busy(): boolean {
    return this.working || this.emitting || this.gone;
  }

  /** The last step of `run`, for a subclass that has moved on what there was. */
  protected wakeSources(): void {
    if (this.awake) {
      this.awake = this.requested > 0;
    } else if (this.wantsMore) {
      this.awake = true;
      this.listeners.wake(this);
    }
  }

  /** Notes that sources may fall asleep. Call it when room got less otherwise than by an arrival. */
  protected noteRoom(): void {
    if (this.awake && this.requested <= 0) this.awake = false;
  }

  protected override _next(value: In): void {
    if (this.arriving) return this.arrive(value, this.ledger.held - this.held);
    this.arriving = true;
    this.arrive(value, 0);
    this.arriving = false;
  }

  private arrive(value: In, unplaced: number): void {
    this.arrived++;
    if (this.probe !== undefined) this.probe.arrived();
    try {
      this.accept(value);
    } catch (error) {
      this.fail(error);
    }
    if (this.gone) this.dropArrived(value, unplaced);
    else this.noteRoom();
  }

  protected override _error(error: unknown): void {
    this.end ??= { error };
    try {
      this.run();
    } finally {
      this.unsubscribe();
    }
  }

  protected override _complete(): void {
    this.end ??= 'complete';
    try {
      this.run();
    } finally {
      this.unsubscribe();
    }
  }

  private finish(end: { readonly error: unknown } | 'complete'): void {
    if (this.gone) return;
    this.release();
    if (end === 'complete') this.out.complete();
    else this.out.error(end.error);
  }

  private release(): void {
    if (this.gone) return;
    this.gone = true;
    if (this.arrived > 0) guarded(() => this.clear()); // a subclass may not be made yet, when `out` was closed already
    guarded(() => this.probe?.released());
  }

  /** The stream ended while `value` arrived, perhaps inside a callback for others that are not placed yet: one threw, or unsubscribed. */
  private dropArrived(value: In, unplaced: number): void {
    if (this.held > 0) guarded(() => this.clear());
    if (this.ledger.held > unplaced) this.drop(value, 'cancelled');
  }
}
