/** Pipelines that stand still, and operators between stages that do not pass demand on. */
import type { MonitoredStage } from '../flow/stageOptions.js';

/** What a monitor found that should not be. */
export interface Stall {
  /**
   * `SLUICE_STALL`: the stage holds values and may send them, and nothing has moved for `stallAfter`. `SLUICE_BOUNDARY_FLOOD`: an operator
   * before the stage overruns it, or holds more and more, though the stage before that operator waits for demand. `SLUICE_BOUNDARY_STARVE`: the
   * stage has room, values leave the one before it, and none has arrived for `stallAfter`.
   */
  readonly code: 'SLUICE_STALL' | 'SLUICE_BOUNDARY_FLOOD' | 'SLUICE_BOUNDARY_STARVE';
  /** The stage that does not move, or is flooded or starved. */
  readonly stage: string;
  /** The stage before the operator that floods or starves. */
  readonly after: string | undefined;
  /** What the stage waits for. */
  readonly waitsFor: string;
  /** How many milliseconds nothing has moved; of a flood 0. */
  readonly ms: number;
  /** All that in one sentence, with what to do. */
  readonly sentence: string;
}

/** Watches one subscription of a stage, and what leads to it. It tells of each thing once, until that has passed. */
export class StallWatch {
  /** When anything last came or went. */
  movedAt: number;
  private moved = 0;
  private told = false;
  private fed = false;
  private boundary: Boundary | undefined;

  constructor(
    private readonly stage: MonitoredStage,
    private readonly stallAfter: number,
    now: number,
  ) {
    this.movedAt = now;
  }

  /** Notes a stage that begins to feed it; undefined when it is fed by another as well: then what is between can not be told apart. */
  fedBy(feeder: MonitoredStage | undefined, now: number): void {
    const first = !this.fed;
    this.fed = true;
    this.boundary = feeder && new Boundary(feeder, this.stage, this.stallAfter, now, first);
  }

  look(now: number): Stall[] {
    const { stage, stallAfter } = this;
    const { in: came, out, dropped } = stage.ledger;
    if (came + out + dropped !== this.moved) {
      this.moved = came + out + dropped;
      this.movedAt = now;
      this.told = false;
    }
    const found = this.boundary?.look(now) ?? [];
    const ms = now - this.movedAt;
    if (this.told || ms < stallAfter || !stands(stage)) return found;
    this.told = true;
    return [...found, stallOf(stage, ms)];
  }
}

/** What is between two stages, as long as it is the same two: where the one before is subscribed anew, from then on. */
class Boundary {
  private readonly inBefore: number;
  private readonly overrunBefore: number;
  /** Values that left the first and had not arrived at the second, at most. */
  private peak = 0;
  private arrived: number;
  private arrivedAt: number;
  private outThen = 0;
  private flooded = false;
  private starved = false;

  constructor(
    private readonly from: MonitoredStage,
    private readonly to: MonitoredStage,
    private readonly stallAfter: number,
    now: number,
    first: boolean,
  ) {
    this.arrived = this.inBefore = first ? 0 : to.ledger.in;
    this.overrunBefore = first ? 0 : overrun(to);
    this.arrivedAt = now;
  }

  look(now: number): Stall[] {
    const { out } = this.from.ledger;
    const { in: arrived } = this.to.ledger;
    if (arrived !== this.arrived) {
      this.arrived = arrived;
      this.arrivedAt = now;
      this.outThen = out;
      this.starved = false;
    }
    return [...this.flood(out, arrived), ...this.starve(now, out)];
  }

  private flood(out: number, arrived: number): Stall[] {
    const between = out - (arrived - this.inBefore);
    this.peak = Math.max(this.peak, between);
    const over = overrun(this.to) - this.overrunBefore;
    const held = between >= 0 ? this.peak - between : 0; // a filter lets them never arrive; these came after all
    const most = Math.max(FEW, 2 * (this.to.capacity ?? 0));
    if (this.flooded || (over === 0 && held <= most)) return [];
    this.flooded = true;
    const what = over > 0 ? `overran \`${this.to.name}\`` : `held some ${held} values`;
    return [this.stall('SLUICE_BOUNDARY_FLOOD', 0, `${what}: it does not wait for demand`)];
  }

  private starve(now: number, out: number): Stall[] {
    const ms = now - this.arrivedAt;
    const { to } = this;
    if (this.starved || ms < this.stallAfter || out === this.outThen || to.held > 0 || to.requested <= 0) return [];
    this.starved = true;
    const lost = out - this.outThen;
    const what = `has let none of ${lost} values through for ${seconds(ms)}: it holds them, or they are filtered out`;
    return [this.stall('SLUICE_BOUNDARY_STARVE', ms, what)];
  }

  private stall(code: Stall['code'], ms: number, what: string): Stall {
    const { from, to } = this;
    const waitsFor = `the operator between \`${from.name}\` and \`${to.name}\``;
    return { code, stage: to.name, after: from.name, waitsFor, ms, sentence: `${waitsFor} ${what}` };
  }
}

/** Fewer values on their way prove nothing. */
const FEW = 100;

function overrun({ ledger: { reasons } }: MonitoredStage): number {
  return (reasons.overflow ?? 0) + (reasons.evicted ?? 0);
}

/**
 * It has work, and room for what comes of it. One that is busy otherwise than with calls waits for what it is to wait for: tokens, an open
 * valve, another attempt. One that is blocked may wait until the stage after it has more room, but not for a consumer that is no stage.
 */
function stands(stage: MonitoredStage): boolean {
  const { activity, downstream } = stage;
  if (stage.held === 0 || (downstream?.requested ?? 1) <= 0) return false;
  if (activity === 'blocked') return downstream !== undefined && !('ledger' in downstream);
  return (stage.figures?.().running ?? 0) > 0;
}

function stallOf(stage: MonitoredStage, ms: number): Stall {
  const blocked = stage.activity === 'blocked';
  const running = stage.figures?.().running ?? 0;
  const waitsFor = blocked ? 'its consumer' : (stage.waitsFor ?? 'its workers');
  const what = blocked
    ? 'its consumer has room, and did not say so (`onRequest`)'
    : `${running} ${running === 1 ? 'call has' : 'calls have'} not ended; give the pool a \`timeout\``;
  const sentence = `\`${stage.name}\` has stood still for ${seconds(ms)} with ${stage.held} values: ${what}`;
  return { code: 'SLUICE_STALL', stage: stage.name, after: undefined, waitsFor, ms, sentence };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
