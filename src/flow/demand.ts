/**
 * Demand: how a source learns what the nearest limiting stage downstream can take.
 *
 * This is the only file that knows how RxJS subscribes: every operator's subscriber refers to the one it feeds as
 * `destination`, so a source that is being subscribed finds the stage at the end of that chain.
 */
import type { Subscriber, Unsubscribable } from 'rxjs';

/**
 * What the nearest limiting stage downstream can take now.
 *
 * Several sources may share one demand (`merge`): each is told of new room in turn, so none starves.
 */
export interface Demand {
  /** Values it can take now without passing its bound; `Infinity` when nobody downstream limits. */
  readonly requested: number;
  /**
   * Calls `listener` when `requested` has risen from 0, until unsubscribed. A stage that has enough to go on with may wait until
   * half of its room is free, so that one call is for many values; a call may also come when nothing rose.
   */
  onRequest(listener: () => void): Unsubscribable;
  /**
   * Calls `end` when the pipeline is drained, until unsubscribed: a source gives on what it has taken already, and completes.
   * Absent where a drain does not reach.
   */
  onDrain?(end: (draining: Draining) => void): Unsubscribable;
}

/** A drain at work, as those see it that it tells to end. */
export interface Draining {
  /** Notes what `part` has counted till now; returns what to tell those before it. */
  watch(part: Counting): Draining;
  /** Watches `stage` and tells those before it; where nobody can be told, its source ends. */
  pass(stage: Subscriber<never> & Counting & { readonly upstream: Upstream }): void;
}

/** What counts values: a stage, a queue. */
export interface Counting {
  /** As `Ledger`, which can not be named here. */
  readonly ledger: {
    readonly stage: string;
    readonly in: number;
    readonly out: number;
    readonly dropped: number;
    readonly reasons: { readonly cancelled?: number };
    readonly held: number;
  };
  /** Of those cancelled, how many a worker had begun on. */
  readonly abandoned?: number;
}

/** What a stage is found by; the same in every copy of the package, so that two copies work in one pipeline. */
const DEMAND: unique symbol = Symbol.for('sluice.demand');

/** Something on the chain of subscribers: a stage carries a demand, RxJS's own subscribers a destination. */
interface Link {
  [DEMAND]?: Demand & { readonly upstream?: Upstream };
  readonly destination?: Link | null;
  readonly isStopped?: boolean;
}

/**
 * The demand behind `subscriber`; unbounded when no stage of sluice is downstream.
 *
 * Use it in a source of your own that can wait: emit only while `requested > 0`, and go on when `onRequest` calls.
 * Call it while you are being subscribed: RxJS takes the chain apart on unsubscribe. Not for sources that can not
 * wait (DOM events, sockets): put a `boundedBuffer` with a named overflow behind those.
 *
 * ```ts
 * import { Observable } from 'rxjs';
 * import { boundedBuffer, demandOf } from 'sluice';
 *
 * const ticks = new Observable<number>((subscriber) => {
 *   const demand = demandOf(subscriber);
 *   let tick = 0;
 *   let emitting = false;
 *   const emit = () => {
 *     if (emitting) return;
 *     emitting = true;
 *     while (demand.requested > 0 && !subscriber.closed && tick < 3) subscriber.next(tick++);
 *     emitting = false;
 *     if (tick === 3) subscriber.complete();
 *   };
 *   const listening = demand.onRequest(emit);
 *   emit();
 *   return listening;
 * });
 *
 * ticks.pipe(boundedBuffer({ capacity: 2 })).subscribe((tick) => console.log(tick));
 * // => 0
 * // => 1
 * // => 2
 * ```
 *
 * @param subscriber what the function given to `new Observable` was called with
 * @returns the demand of the nearest stage downstream
 */
export function demandOf(subscriber: Subscriber<never>): Demand {
  let link = subscriber as unknown as Link | null | undefined;
  let last: Link | undefined;
  while (typeof link === 'object' && link !== null) {
    const demand = link[DEMAND];
    if (demand !== undefined) return demand.upstream?.late() === true ? NOTHING : demand;
    if (isSubscriber(link)) last = link;
    link = link.destination;
  }
  return last === undefined ? UNBOUNDED : (last[DEMAND] = new End());
}

function isSubscriber(link: Link): boolean {
  return typeof (link as Partial<Subscriber<unknown>>).add === 'function';
}

/** Makes `subscriber` the end of the chain that `demandOf` walks: what sources before it find is `subscriber` itself. */
export function carryDemand(subscriber: Subscriber<never> & Demand): void {
  (subscriber as unknown as Link)[DEMAND] = subscriber;
}

/**
 * True when a value sent to `subscriber` now would be ignored, by itself or by one it feeds: RxJS closes a chain only after
 * the callbacks at its end were called, and what is sent from inside these is lost.
 */
export function ignoresValues(subscriber: Subscriber<never>): boolean {
  let link = subscriber as unknown as Link | null | undefined;
  while (typeof link === 'object' && link !== null) {
    if (link.isStopped === true) return true;
    if (link[DEMAND] !== undefined) return false;
    link = link.destination;
  }
  return false;
}

/** What is before the end of a chain that was found from a source or a stage; undefined for any other subscription. */
export function upstreamOf(subscription: Unsubscribable): Upstream | undefined {
  return (subscription as Link | null | undefined)?.[DEMAND]?.upstream;
}

/** Calls `listener` when `subscriber` is about to be told the end. */
export function beforeEnd(
  subscriber: Subscriber<never>,
  listener: (end: { readonly error: unknown } | 'complete') => void,
): void {
  const error = subscriber.error.bind(subscriber);
  const complete = subscriber.complete.bind(subscriber);
  subscriber.error = (reason: unknown) => {
    listener({ error: reason });
    error(reason);
  };
  subscriber.complete = () => {
    listener('complete');
    complete();
  };
}

const NEVER: Unsubscribable = { unsubscribe: () => undefined };

/** Nobody limits. */
export const UNBOUNDED: Demand = { requested: Infinity, onRequest: () => NEVER };

/** True when nobody limits behind `demand`, and nobody will. */
export function isUnbounded(demand: Demand): boolean {
  return demand === UNBOUNDED || demand instanceof End;
}

/** Nothing is asked for, and nothing will be. */
export const NOTHING: Demand = { requested: 0, onRequest: () => NEVER };

/** The listeners of one demand, woken in rotation. */
export class Listeners {
  private readonly entries: { readonly listener: () => void }[] = [];
  private turn = 0;

  get size(): number {
    return this.entries.length;
  }

  add(listener: () => void): Unsubscribable {
    const entry = { listener };
    this.entries.push(entry);
    return { unsubscribe: () => this.remove(entry) };
  }

  /** Calls each listener once at most, the one after the last called first, for as long as `demand` has room. */
  wake(demand: Demand): void {
    const { entries } = this;
    if (entries.length === 1) return entries[0]!.listener();
    for (let left = entries.length; left > 0 && demand.requested > 0; left--) {
      if (this.turn >= entries.length) this.turn = 0;
      entries[this.turn++]?.listener();
    }
  }

  private remove(entry: { readonly listener: () => void }): void {
    const index = this.entries.indexOf(entry);
    if (index < 0) return;
    this.entries.splice(index, 1);
    if (index < this.turn) this.turn--;
  }
}

/**
 * Those before a demand that a drain can tell to end.
 *
 * States: *open* → *draining* (all were told; who comes now gets a demand that asks for nothing).
 */
export class Upstream {
  readonly ends: Set<(draining: Draining) => void> = new Set();
  /** Somebody has been there who could be told. */
  heard: boolean = false;
  /** Set by a drain: is called when one of `ends` has left; with true, when somebody came who might come again and again (`repeat`). */
  look: ((late: boolean) => void) | undefined;

  onDrain(end: (draining: Draining) => void): Unsubscribable {
    if (this.late()) return NEVER;
    const own = (draining: Draining): void => end(draining);
    this.heard = true;
    this.ends.add(own);
    return {
      unsubscribe: () => {
        this.ends.delete(own);
        this.look?.(false);
      },
    };
  }

  /** Somebody comes: true when that is while draining. */
  late(): boolean {
    this.look?.(true);
    return this.look !== undefined;
  }
}

/** The end of a chain on which nobody limits: a drain begins there. */
class End extends Upstream implements Demand {
  readonly upstream: Upstream = this;
  readonly requested = Infinity;

  onRequest(): Unsubscribable {
    return NEVER;
  }
}
