/**
 * Tells by how long values wait whether there are too many of them, and which to give up.
 *
 * It is the rule of Facebook's folly (`folly/executors/Codel.cpp`; Maurer, "Fail at Scale", ACM Queue 2015). A queue that only evens
 * out bursts is short at some time in each interval; if even the shortest wait of an interval was longer than `target`, more comes than is
 * served, and in the next interval what waited for more than twice `target` is shed. Unlike in CoDel, how much is shed needs no time to
 * build up.
 */
export class DelayShedder {
  private shortest = 0;
  private intervalEnd = -Infinity;
  private tooMany = false;

  /**
   * @param target milliseconds
   * @param interval milliseconds
   */
  constructor(
    private readonly target: number,
    private readonly interval: number,
  ) {}

  /** Whether more comes than is served, by the last interval. */
  get overloaded(): boolean {
    return this.tooMany;
  }

  /** Whether a value whose turn came at `now`, after it waited for `delay`, is to be shed. */
  sheds(delay: number, now: number): boolean {
    if (now > this.intervalEnd) {
      this.tooMany = this.shortest > this.target;
      this.shortest = delay;
      this.intervalEnd = now + this.interval;
      return false; // the first of an interval never: one value is not yet a queue
    }
    if (delay < this.shortest) this.shortest = delay;
    return this.tooMany && delay > 2 * this.target;
  }
}
