/** Time that never runs backwards, made of a clock that may: where that is set back, time goes on from where it was. */
export class SteadyClock {
  private setBack = 0;
  private latest = 0;

  /** @param origin what the clock says at the start; time is counted from here, so that sums of fractions stay exact */
  constructor(private readonly origin: number) {}

  /** The time, when the clock says `now`. */
  at(now: number): number {
    const time = now - this.origin + this.setBack;
    if (time < this.latest) this.setBack += this.latest - time;
    else this.latest = time;
    return this.latest;
  }
}
