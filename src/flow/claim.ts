/** One who waits for limiters: how it stands in their lines. */
import type { Queued } from '../core/line.js';

/** A place in a line. */
export interface Place extends Queued<Place> {
  readonly claim: Claim;
}

/** What a claim needs of a limiter, which may be of another copy of the package. */
export interface Claimed {
  /** The turn of the last one who came into line here, or for one of the limiters it was waited for with. */
  lastTurn: number;
  /** Whether nobody is in line who came before `turn`. */
  isFirst(key: unknown, turn: number): boolean;
  /** How long until `cost` could be paid if nobody was in line. */
  wait(cost: number, key: unknown): number;
  /** How long the one at `place` has still to wait here. */
  waitAt(place: Place, key: unknown): number;
  /** What one who comes now would be told. */
  peek(cost: number, key: unknown): { readonly retryAfter: number };
  /** Pays; `late` is how many milliseconds ago it could have been paid, where that is to count. */
  spend(cost: number, key: unknown, late: number): void;
  join(key: unknown, place: Place): void;
  /** Takes `place` out of the line of `key`; returns the one that is first by that. */
  leave(key: unknown, place: Place): Claim | undefined;
  /** Calls those who are first in line, if somebody is, in `wait` milliseconds at the latest. */
  wakeIn(wait: number): void;
  /** Calls `claims`, one after the other; from inside such a call, after those that are to be called already. */
  wake(claims: readonly (Claim | undefined)[]): void;
}

/**
 * One who waits for limiters of which all are to be paid, or none.
 *
 * It stands in the line of the first, and in that of each further one while it is first in those before and could pay them. When it
 * is called and finds that this is no longer so, it steps back. In every line those who came first stand first, wherever they have waited till
 * now: so whoever came before all others is held up by nobody, and two who name the same limiters in opposite order do not wait for each
 * other for ever.
 */
export class Claim {
  private keys: readonly unknown[] = [];
  /** In the lines of the first limiters. */
  private readonly places: Place[] = [];
  /** When it came into line: later than all who are in line for any of its limiters. */
  private turn = Infinity;

  /** @param wake called when `take` may succeed, with the milliseconds for which it may have done so already */
  constructor(
    private readonly limiters: readonly Claimed[],
    readonly wake: (late: number) => void,
  ) {}

  /** True while it waits for tokens. */
  get inLine(): boolean {
    return this.places.length > 0;
  }

  /**
   * Pays `cost` to all limiters at once; or else nothing is paid, and it stands in line unless `wait` is false.
   *
   * @param keys one for each limiter; they and the cost are the same until it has left the lines
   */
  take(cost: number, keys: readonly unknown[], late: number = 0, wait: boolean = true): boolean {
    const { limiters, places } = this;
    for (let i = 0; i < limiters.length; i++) {
      const limiter = limiters[i]!;
      const time = limiter.isFirst(keys[i], this.turn) ? limiter.wait(cost, keys[i]) : Infinity;
      if (time === 0) continue;
      if (!wait) return false;
      this.keys = keys;
      this.stand(i + 1, cost);
      if (time < Infinity) limiter.wakeIn(time);
      return false;
    }
    for (let i = 0; i < limiters.length; i++) limiters[i]!.spend(cost, keys[i], late);
    if (places.length > 0) this.leave();
    return true;
  }

  /** How long it would wait if nobody was before it. */
  wait(cost: number, keys: readonly unknown[]): number {
    return Math.max(...this.limiters.map((limiter, i) => limiter.wait(cost, keys[i])));
  }

  /** How long one has to wait who comes now. */
  retryAfter(cost: number, keys: readonly unknown[]): number {
    return Math.max(...this.limiters.map((limiter, i) => limiter.peek(cost, keys[i]).retryAfter));
  }

  /** How long it has still to wait where it stands now. */
  remaining(): number {
    return Math.max(...this.places.map((place, i) => this.limiters[i]!.waitAt(place, this.keys[i])));
  }

  /** Leaves all lines. */
  leave(): void {
    this.stepBack(0);
    this.turn = Infinity;
  }

  /** Stands in the lines of the first `count` limiters. */
  private stand(count: number, cost: number): void {
    const { limiters, keys, places } = this;
    if (places.length === 0) this.turn = nextTurn(limiters);
    while (places.length < count) {
      const place: Place = { claim: this, turn: this.turn, cost, older: undefined, newer: undefined };
      const i = places.push(place) - 1;
      limiters[i]!.join(keys[i], place);
    }
    this.stepBack(count);
  }

  /** Leaves all but the first `count` lines. */
  private stepBack(count: number): void {
    const { limiters, keys, places } = this;
    if (places.length <= count) return;
    const next = places.splice(count).map((place, i) => limiters[count + i]!.leave(keys[count + i], place));
    limiters[0]!.wake(next);
  }
}

/** A later turn than anybody has who may meet one of these limiters in a line: a Lamport clock, so that it takes nothing that all limiters share. */
function nextTurn(limiters: readonly Claimed[]): number {
  const turn = 1 + Math.max(...limiters.map(({ lastTurn }) => lastTurn));
  for (const limiter of limiters) limiter.lastTurn = turn;
  return turn;
}
