/** Snapshots made by hand. */
import type { Snapshot, StageSnapshot } from '../../src/monitor/snapshot.js';

const TIMES = { count: 4, mean: 20, p50: 10, p90: 30, p99: 40, max: 50 };

/** A stage of which all is known. */
export const stageSnapshot = (changes: Partial<StageSnapshot> = {}): StageSnapshot => ({
  ...{ stage: 'email', active: true, feeds: undefined, fedBy: undefined },
  ...{ in: 12, out: 7, dropped: 3, reasons: { overflow: 1, expired: 2 }, held: 2, capacity: 8, requested: 6 },
  ...{ inRate: 1.5, outRate: 1, waitsFor: 'its workers', wait: TIMES, service: TIMES },
  limits: { itself: 250, before: 100, after: 50 },
  perSecond: { busy: 500, blocked: 300, starved: 200 },
  total: { busy: 5_000, blocked: 3_000, starved: 2_000 },
  pool: { running: 2, waiting: 0, concurrency: 4, utilisation: 0.5 },
  ...changes,
});

export const snapshotOf = (...stages: StageSnapshot[]): Snapshot => ({
  ...{ at: 1_000, window: 10_000, loopBusy: 40 },
  stages,
});
