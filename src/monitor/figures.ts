/** The figures of a snapshot that other systems get, by name, unit and kind: one table, so that they are the same everywhere. */
import type { DropReason } from '../flow/stageOptions.js';
import type { Percentiles, Snapshot, StageSnapshot, StageTime } from './snapshot.js';

/** What to read figures of: a monitor, or whatever else gives snapshots. */
export interface SnapshotSource {
  snapshot(): Snapshot;
}

/**
 * A number; none where the stage has no such figure; or several, told apart by a reason, a state, and so on. Counters only rise.
 */
type Reading = number | undefined | readonly (readonly [part: string, value: number])[];

/** A figure of each stage, or of the process. */
export type Figure = {
  /** Words with dots between them, as OpenTelemetry has it. */
  readonly name: string;
  /** `s` for seconds, `1` for a part of a whole; in braces what is counted. */
  readonly unit: 's' | '1' | '{value}' | '{call}' | '{stage}';
  /** `counter` only rises; an `amount` can be added up over processes; a `level`, and `quantiles`, can not. */
  readonly kind: 'counter' | 'amount' | 'level' | 'quantiles';
  readonly description: string;
  /** What tells its numbers apart, where it has several. */
  readonly by?: 'reason' | 'state' | 'limit' | 'quantile';
} & ({ readonly ofStage: (stage: StageSnapshot) => Reading } | { readonly ofProcess: (snapshot: Snapshot) => Reading });

export const FIGURES: readonly Figure[] = [
  {
    ...{ name: 'stage.in', unit: '{value}', kind: 'counter' },
    description: 'Values that arrived.',
    ofStage: (stage) => stage.in,
  },
  {
    ...{ name: 'stage.out', unit: '{value}', kind: 'counter' },
    description: 'Values that left by the output.',
    ofStage: ({ out }) => out,
  },
  {
    ...{ name: 'stage.dropped', unit: '{value}', kind: 'counter', by: 'reason' },
    description: 'Values that were dropped, by reason.',
    ofStage: ({ reasons }) => Object.entries({ ...NO_DROPS, ...reasons }),
  },
  {
    ...{ name: 'stage.held', unit: '{value}', kind: 'amount' },
    description: 'Values in the stage.',
    ofStage: ({ held }) => held,
  },
  {
    ...{ name: 'stage.capacity', unit: '{value}', kind: 'amount' },
    description: 'Values, or units of cost, that the stage holds at most.',
    ofStage: ({ capacity }) => capacity,
  },
  {
    ...{ name: 'stage.requested', unit: '{value}', kind: 'amount' },
    description: 'Values that the stage asks its source for.',
    ofStage: ({ requested }) => requested,
  },
  {
    ...{ name: 'stage.active', unit: '{stage}', kind: 'amount' },
    description: '1 while the stage is at work, 0 once its stream has ended.',
    ofStage: ({ active }) => Number(active),
  },
  {
    ...{ name: 'stage.time', unit: 's', kind: 'counter', by: 'state' },
    description: 'Where the time went: busy, blocked by the stages after it, starved by those before it.',
    ofStage: ({ total }) => STATES.map((state) => [state, total[state] / 1_000]),
  },
  {
    ...{ name: 'stage.limited', unit: '1', kind: 'level', by: 'limit' },
    description:
      'The part of the time in which no more went through because of the stage itself, of those before or after it.',
    ofStage: ({ limits }) => LIMITS.map((limit) => [limit, limits[limit] / 1_000]),
  },
  {
    ...{ name: 'stage.wait', unit: 's', kind: 'quantiles', by: 'quantile' },
    description: 'How long values waited in the stage, over the window of the monitor.',
    ofStage: ({ wait }) => quantilesOf(wait),
  },
  {
    ...{ name: 'stage.service', unit: 's', kind: 'quantiles', by: 'quantile' },
    description: 'How long calls of the worker took, over the window of the monitor.',
    ofStage: ({ service }) => quantilesOf(service),
  },
  {
    ...{ name: 'pool.running', unit: '{call}', kind: 'amount' },
    description: 'Calls of the worker that run.',
    ofStage: ({ pool }) => pool?.running,
  },
  {
    ...{ name: 'pool.waiting', unit: '{value}', kind: 'amount' },
    description: 'Values that wait for a worker.',
    ofStage: ({ pool }) => pool?.waiting,
  },
  {
    ...{ name: 'pool.concurrency', unit: '{call}', kind: 'amount' },
    description: 'Calls of the worker that may run at once.',
    ofStage: ({ pool }) => pool?.concurrency,
  },
  {
    ...{ name: 'pool.utilization', unit: '1', kind: 'level' },
    description: 'The part of those that ran, over the window of the monitor.',
    ofStage: ({ pool }) => pool?.utilisation,
  },
  {
    ...{ name: 'event_loop.busy', unit: '1', kind: 'level' },
    description: 'The part of the time in which the event loop was busy, over the window of the monitor.',
    ofProcess: ({ loopBusy }) => loopBusy / 1_000,
  },
];

/** One number of a figure. */
export interface Sample {
  /** The stage it is of; undefined for the process. */
  readonly stage: string | undefined;
  /** The reason, state, limit or quantile it is for, where the figure has several numbers. */
  readonly part: string | undefined;
  readonly value: number;
}

/** All numbers of a figure in a snapshot. */
export function samplesOf(figure: Figure, snapshot: Snapshot): Sample[] {
  if ('ofProcess' in figure) return samples(undefined, figure.ofProcess(snapshot));
  return snapshot.stages.flatMap((stage) => samples(stage.stage, figure.ofStage(stage)));
}

function samples(stage: string | undefined, reading: Reading): Sample[] {
  if (reading === undefined) return [];
  if (typeof reading === 'number') return [{ stage, part: undefined, value: reading }];
  return reading.map(([part, value]) => ({ stage, part, value }));
}

/** A counter is to be there before it first rises: from nothing to 1 nobody sees a rise. */
const NO_DROPS: Readonly<Record<DropReason, number>> = {
  ...{ overflow: 0, evicted: 0, expired: 0 },
  ...{ rate: 0, merged: 0, cancelled: 0 },
};

const STATES: readonly (keyof StageTime)[] = ['busy', 'blocked', 'starved'];
const LIMITS: readonly (keyof StageSnapshot['limits'])[] = ['itself', 'before', 'after'];

function quantilesOf(times: Percentiles | undefined): Reading {
  if (times === undefined) return undefined;
  const { p50, p90, p99, max } = times;
  return [
    ['0.5', p50 / 1_000],
    ['0.9', p90 / 1_000],
    ['0.99', p99 / 1_000],
    ['1', max / 1_000],
  ];
}
