/** An exponential moving average that counts its first samples in full, instead of beginning at 0. */
export class MovingAverage {
  private weight = 0;
  private mean = 0;

  /** Undefined before the first sample. */
  get value(): number | undefined {
    return this.weight === 0 ? undefined : this.mean;
  }

  /** @param gain the part of the average that a sample is to be, from 0 to 1 */
  add(sample: number, gain: number): void {
    this.weight += gain * (1 - this.weight);
    this.mean += (gain / this.weight) * (sample - this.mean);
  }
}
