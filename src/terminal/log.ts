/** What a monitor tells as lines of a log: few, and only when something has changed. */
import type { Snapshot, Stall } from '../monitor/index.js';
import { summary } from './summary.js';
import { printable } from './text.js';

export class Log {
  private toldAt = -Infinity;
  private told = '';

  constructor(private readonly write: (line: string) => void) {}

  /** Each stall is told at once, the rest when it is time, or it is the `last`. */
  show(snapshot: Snapshot, stalls: readonly Stall[], last: boolean): void {
    for (const { sentence } of stalls) this.write(`stall: ${printable(sentence)}`);
    const { at, stages } = snapshot;
    if (!last && at - this.toldAt < EVERY) return;
    const moved = stages.map(({ stage, active, in: came, out, dropped }) => [stage, active, came, out, dropped]).join();
    if (moved === this.told) return;
    this.told = moved;
    this.toldAt = at;
    this.write(summary(snapshot));
  }
}

/** Milliseconds. */
const EVERY = 5_000;
