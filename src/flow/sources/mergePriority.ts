/** Several sources in one, the most important first. */
import { Observable, Subscriber, Subscription, type ObservedValueOf, type Unsubscribable } from 'rxjs';
import { check, checkOptions, OBSERVABLE, POSITIVE, required, type Rule } from '../../options.js';
import { carryDemand, demandOf, type Demand, type Draining } from '../demand.js';
import { boundedBuffer, OVERFLOW, type Overflow } from '../operators/boundedBuffer.js';
import { STAGE_RULES, type MonitoredStage, type StageMonitor, type StageOptions } from '../stageOptions.js';

/** A source, and how important it is. */
export interface PriorityInput<T> {
  source: Observable<T>;
  /** An integer; a larger one is more important. Default: 0. */
  priority?: number | undefined;
}

/** Options of `mergePriority`. */
export interface MergePriorityOptions<T> extends StageOptions<T> {
  /** How many values of each source are asked for, and held, before they are needed. An integer of at least 1, or `Infinity`. Default: 1. */
  prefetch?: number | undefined;
  /**
   * How many values of other sources may go while one waits; then the one that was passed over most goes first. An integer of at least
   * 1; `Infinity` for a strict order, in which a lower source may wait for ever. Default: 100.
   */
  maxBypass?: number | undefined;
  /** What happens when a source overruns its `prefetch`, which only one that ignores demand does; as in `boundedBuffer`. Default: `'error'`. */
  overflow?: Overflow<T> | undefined;
}

/**
 * Merges sources: whenever a value is asked for, it is taken from the most important source that has one.
 *
 * Use it where urgent values and bulk come from different sources: a queue of orders and one of reports, live events and a backlog. Where
 * they come mixed from one source, use `shed`; where all are alike, RxJS's `merge` keeps demand as well. Without a stage downstream that
 * limits, values pass as they come.
 *
 * A source *has a value* when one has come and waits here: it is asked for `prefetch` values ahead, and for the next when one of them was
 * taken. A synchronous source answers at once, so it has one as long as it goes on; one that reads asynchronously has none until the answer
 * comes, and a lower one may go meanwhile: raise `prefetch` to bridge that time.
 *
 * Order: as they come, for each source; sources of one priority in turn. Loss: none, unless `overflow` names it. An error of a source ends
 * the stream after what that source has waiting; what waits of the others is dropped as `cancelled`. It completes when all have.
 *
 * ```ts
 * import { mergePriority, pull, Sink } from 'sluice';
 *
 * const jobs = mergePriority([
 *   { source: pull(['report', 'newsletter']), priority: 0 },
 *   { source: pull(['order', 'payment']), priority: 5 },
 * ]);
 * const worker = Sink.on(jobs, {
 *   next: (job) => console.log(job),
 *   error: console.error,
 *   complete: () => console.log('done'),
 * });
 * worker.request(3);
 * // => order
 * // => payment
 * // => report
 * worker.request(1);
 * // => newsletter
 * // => done
 * ```
 *
 * @returns an Observable that subscribes to all sources, the most important first
 * @throws OptionError at the call when a source, a priority or an option is wrong
 * @throws OverflowError in the stream when a source ignores demand and `overflow` is `'error'`
 */
export function mergePriority<I extends PriorityInput<unknown>>(
  inputs: readonly I[],
  options: MergePriorityOptions<ObservedValueOf<I['source']>> = {},
): Observable<ObservedValueOf<I['source']>> {
  check('inputs', ['an array of { source, priority }', Array.isArray], inputs, 'mergePriority');
  for (const input of inputs as readonly PriorityInput<unknown>[]) {
    checkOptions('mergePriority', input, { source: required(OBSERVABLE), priority: INTEGER });
  }
  checkOptions('mergePriority', options, {
    ...STAGE_RULES,
    prefetch: POSITIVE,
    maxBypass: POSITIVE,
    overflow: OVERFLOW,
  });
  type T = ObservedValueOf<I['source']>;
  const sources = [...(inputs as readonly PriorityInput<T>[])];
  return new Observable((subscriber) => new Merging<T>(subscriber, options).start(sources));
}

const INTEGER: Rule = ['an integer', (value: unknown) => Number.isInteger(value)];

/** One subscription. Each source has a `boundedBuffer` of its own, which emits through a gate; the gates open one at a time. */
class Merging<T> {
  readonly downstream: Demand;
  /** The most important first. */
  private gates: readonly Gate<T>[] = [];
  private running = 0;
  /** The gate that is open for one value. */
  private open: Gate<T> | undefined;
  /** A value is on its way out; or gates are opened, one after the other. */
  private emitting = false;
  private draining = false;

  constructor(
    private readonly out: Subscriber<T>,
    private readonly options: MergePriorityOptions<T>,
  ) {
    this.downstream = demandOf(out);
  }

  start(inputs: readonly PriorityInput<T>[]): void {
    const { out, options } = this;
    const { name = 'mergePriority', prefetch = 1, overflow, onDrop, scheduler, monitor } = options;
    const entries = inputs.map(({ source, priority = 0 }, i) => ({ source, i, gate: new Gate<T>(this, priority) }));
    entries.sort((a, b) => b.gate.priority - a.gate.priority);
    this.gates = entries.map(({ gate }) => gate);
    this.running = entries.length;
    if (this.running === 0) return out.complete();
    out.add(this.downstream.onRequest(() => this.drain()));
    for (const { gate } of entries) out.add(gate);
    for (const { source, i, gate } of entries) {
      if (out.closed) return;
      const add = (stage: MonitoredStage): ReturnType<StageMonitor['add']> => {
        gate.stage = stage;
        return monitor?.add(stage);
      };
      const buffer = { name: `${name}[${i}]`, capacity: prefetch, overflow, onDrop, scheduler, monitor: { add } };
      source.pipe(boundedBuffer<T>(buffer)).subscribe(gate);
    }
  }

  /** True when `gate` may let a value through now, if it has one. */
  isOpen(gate: Gate<T>): boolean {
    if (this.downstream.requested <= 0) return false;
    if (this.open !== undefined) return this.open === gate;
    return !this.emitting && !this.draining && this.first(gate) === gate;
  }

  /** Gives a value of `gate` on. */
  pass(gate: Gate<T>, value: T): void {
    this.open = undefined;
    for (const other of this.gates) if (other.waiting > 0) other.bypassed++;
    gate.bypassed = 0;
    this.emitting = true;
    try {
      this.out.next(value);
    } finally {
      this.emitting = false;
    }
    this.drain();
  }

  fail(error: unknown): void {
    this.out.error(error);
  }

  complete(): void {
    if (--this.running === 0) this.out.complete();
  }

  /**
   * Opens gate after gate. The buffer behind one may be at work just now, for it was its value that went out: it uses its open gate
   * when it comes back, and calls again by `pass`.
   */
  private drain(): void {
    if (this.emitting || this.draining) return;
    this.draining = true;
    this.open = undefined;
    for (let next; this.downstream.requested > 0 && (next = this.first()) !== undefined;) {
      this.open = next;
      next.wake();
      if (this.open !== undefined) break;
    }
    this.draining = false;
  }

  /** The one whose turn it is, of those that have a value, and of `arriving`, which is about to. */
  private first(arriving?: Gate<T>): Gate<T> | undefined {
    const { maxBypass = 100 } = this.options;
    let first: Gate<T> | undefined;
    for (const gate of this.gates) {
      if (gate !== arriving && gate.waiting === 0) continue;
      const starves = gate.bypassed >= maxBypass || gate.priority === first?.priority;
      if (first === undefined || (starves && gate.bypassed > first.bypassed)) first = gate;
    }
    return first;
  }
}

/** The end of the chain of one source: asks for a value when it is its turn. */
class Gate<T> extends Subscriber<T> implements Demand {
  stage: MonitoredStage | undefined;
  /** Values of others that went while one of this source waited. */
  bypassed = 0;
  private listener: (() => void) | undefined;

  constructor(
    private readonly merging: Merging<T>,
    readonly priority: number,
  ) {
    super();
    carryDemand(this);
  }

  /** Values that wait for their turn. */
  get waiting(): number {
    return this.closed ? 0 : (this.stage?.held ?? 0);
  }

  get requested(): number {
    return !this.closed && this.merging.isOpen(this) ? 1 : 0;
  }

  /** What the stages before it feed in the end, for a monitor. */
  get downstream(): Demand {
    return this.merging.downstream;
  }

  /** There is one listener: the buffer. */
  onRequest(listener: () => void): Unsubscribable {
    this.listener = listener;
    return { unsubscribe: () => (this.listener = undefined) };
  }

  /** A drain goes past it, to the buffer. */
  onDrain(end: (draining: Draining) => void): Unsubscribable {
    return this.merging.downstream.onDrain?.(end) ?? Subscription.EMPTY;
  }

  wake(): void {
    this.listener?.();
  }

  protected override _next(value: T): void {
    this.merging.pass(this, value);
  }

  protected override _error(error: unknown): void {
    this.unsubscribe();
    this.merging.fail(error);
  }

  protected override _complete(): void {
    this.unsubscribe();
    this.merging.complete();
  }
}
