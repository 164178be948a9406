/** What a limiter counts with: how much each key has used. Time is in milliseconds and never runs backwards. */
export interface Meter {
  /** The largest cost that can ever be paid at once. */
  readonly burst: number;
  /** In how many milliseconds so much comes again. */
  readonly period: number;
  /** Keys that are kept: all that are not as good as new, and some others for a while. */
  readonly keys: number;
  /** How long until `cost` can be paid, one after the other where it is more than can be paid at once; 0 when it can be now. */
  wait(cost: number, key: unknown, now: number): number;
  /** Pays `cost` if it can be paid now; otherwise, how long until it can. */
  take(cost: number, key: unknown, now: number): number;
  /** Pays `cost`; `since` is when it could have been paid, 250 ms ago at most, where that is to count. */
  spend(cost: number, key: unknown, now: number, since?: number): void;
  /** What can be paid now, in whole units. */
  left(key: unknown, now: number): number;
  /** How long until the key is as good as new. */
  fullIn(key: unknown, now: number): number;
}
