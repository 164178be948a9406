/** What stands behind the deliveries that were made of one, and settles it when all of them are settled. */
import { Parts } from '../core/ackTree.js';
import { Lease, type DeliveryInfo, type Outcome, type SettleListener } from './lease.js';

/** The message that parts were made of. */
export class Whole {
  private readonly parts: Parts;

  constructor(
    readonly lease: Lease,
    count: number,
    private readonly settle: (outcome: Outcome, listener: SettleListener) => void,
  ) {
    this.parts = new Parts(count);
  }

  /** Only the last part waits for what came of the whole: others that waited could keep it from ever being worked on. */
  settlePart(outcome: Outcome, part: Part): void {
    const combined = this.parts.settle(outcome);
    if (combined === undefined) part.answered('settled');
    else this.settle(combined, part);
  }
}

/** One of the parts. */
export class Part extends Lease {
  constructor(protected readonly whole: Whole) {
    super();
  }

  get info(): DeliveryInfo {
    return this.whole.lease.info;
  }

  override get ids(): readonly string[] {
    return this.whole.lease.ids;
  }

  get signal(): AbortSignal {
    return this.whole.lease.signal;
  }

  override get lost(): boolean {
    return this.whole.lease.lost;
  }

  /** That of the whole, unless others of its parts have a say. */
  override becomes(outcome: Outcome): Outcome {
    return this.whole.lease.becomes(outcome);
  }

  protected override onKept(): void {
    this.whole.lease.keep();
  }

  protected override onLetGo(): void {
    this.whole.lease.letGo();
  }

  protected carryOut(outcome: Outcome): void {
    this.whole.settlePart(outcome, this);
  }
}

/** One that has an id of its own: what was done for it is not done for the others. */
export class NumberedPart extends Part {
  private known: DeliveryInfo | undefined = undefined;

  constructor(
    whole: Whole,
    private readonly place: number,
  ) {
    super(whole);
  }

  override get info(): DeliveryInfo {
    return (this.known ??= this.numbered(super.info));
  }

  override get ids(): readonly string[] {
    return super.ids.map((id) => `${id}#${this.place}`);
  }

  private numbered({ id, key, attempt, publishedAt, headers, priority, deadline }: DeliveryInfo): DeliveryInfo {
    return { id: `${id}#${this.place}`, key, attempt, publishedAt, headers, priority, deadline };
  }
}
