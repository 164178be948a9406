import type { ConcurrencyWatcher, MeasuredSlot } from '../concurrency.js';
import type { StageProbe } from '../stageOptions.js';
import type { SteadyTime } from '../steadyTime.js';

/** Measures what some calls of a pool take, for its monitor; a rule that sets the concurrency is told of all. */
export class CallMeter implements ConcurrencyWatcher {
  constructor(
    private readonly probe: StageProbe,
    private readonly time: SteadyTime,
    private readonly rule: ConcurrencyWatcher | undefined,
  ) {}

  arrived(): void {
    this.rule?.arrived();
  }

  started(slot: MeasuredSlot): void {
    if (this.probe.called()) slot.sampledAt = this.time.now();
    this.rule?.started(slot);
  }

  ended(slot: MeasuredSlot, result?: unknown): void {
    const { sampledAt } = slot;
    if (sampledAt >= 0) {
      slot.sampledAt = -1;
      this.probe.served(this.time.now() - sampledAt);
    }
    this.rule?.ended(slot, result);
  }

  failed(slot: MeasuredSlot, error: unknown): void {
    slot.sampledAt = -1;
    this.rule?.failed(slot, error);
  }

  look(): void {
    this.rule?.look();
  }
}
