/** A snapshot in one line, for a log. */
import { bottleneckOf } from '../monitor/bottleneck.js';
import type { Snapshot, StageSnapshot } from '../monitor/index.js';
import { dropsOf } from './columns.js';
import { count } from './figures.js';
import { printable } from './text.js';

/** `ready 396/s, 50 of 50 held | mail 396/s, 8 of 8 running, 12 expired | …` and what limits. */
export function summary(snapshot: Snapshot): string {
  return [...snapshot.stages.map(stageIn), printable(bottleneckOf(snapshot).sentence)].join(' | ');
}

function stageIn(stage: StageSnapshot): string {
  const { active, outRate, held, capacity, pool, dropped } = stage;
  const parts = [
    `${printable(stage.stage)} ${active ? `${count(outRate)}/s` : 'ended'}`,
    ...(pool == null
      ? [`${count(held)}${capacity == null ? '' : ` of ${count(capacity)}`} held`]
      : [`${count(pool.running)} of ${count(pool.concurrency)} running`]),
    ...(dropped > 0 ? [dropsOf(stage)] : []),
  ];
  return parts.join(', ');
}
