/** Measured times, and how they are spread: a High Dynamic Range histogram. */
import hdr from 'hdr-histogram-js/dist/Int32Histogram.js'; // the rest of the package is seven times as large
import type { Percentiles } from './snapshot.js';

const { default: Int32Histogram } = hdr;

/** Times of at most an hour in memory of a fixed size; longer ones count as an hour. */
export class TimeHistogram {
  private readonly counts = new Int32Histogram(1, HOUR, DIGITS);

  record(ms: number): void {
    this.counts.recordValue(Math.min(HOUR, Math.round(ms * MICROSECONDS)));
  }

  /** Those of all `histograms` together; undefined where they are empty. */
  static percentiles(histograms: readonly (TimeHistogram | undefined)[]): Percentiles | undefined {
    const filled = histograms.filter((one) => one !== undefined && one.counts.totalCount > 0) as TimeHistogram[];
    if (filled.length === 0) return undefined;
    const all = filled.length === 1 ? filled[0]!.counts : new Int32Histogram(1, HOUR, DIGITS);
    if (filled.length > 1) for (const { counts } of filled) all.add(counts);
    const max = all.maxValue;
    const at = (percentile: number): number => Math.min(max, all.getValueAtPercentile(percentile)) / MICROSECONDS;
    return {
      count: all.totalCount,
      mean: all.mean / MICROSECONDS,
      p50: at(50),
      p90: at(90),
      p99: at(99),
      max: max / MICROSECONDS,
    };
  }
}

const MICROSECONDS = 1_000;
const HOUR = 3_600_000 * MICROSECONDS;
const DIGITS = 2;
