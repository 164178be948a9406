/** What stages do, and what limits a pipeline. Runs in browsers. */
import type { Monitor as AnyMonitor } from './monitor.js';

export { createMonitor } from './createMonitor.js';
export type { MonitorOptions } from './monitor.js';
export type { Bottleneck } from './bottleneck.js';
export type { Percentiles, Snapshot, StageSnapshot, StageTime } from './snapshot.js';
export type { Stall } from './stalls.js';

/** What `createMonitor` returns. */
export type Monitor = AnyMonitor;
