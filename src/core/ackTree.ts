/** What becomes of a delivery that others were derived from: it is settled when all of them are. */

/** What became of a delivery. */
export type Outcome =
  | { readonly kind: 'ack' }
  | { readonly kind: 'release' }
  | {
      readonly kind: 'nack';
      /** Undefined: what the queue says, */
      readonly delay?: number | undefined;
      /** but no less than this: a part of it asked for so much, another for none. */
      readonly atLeast?: number | undefined;
      readonly reason?: string | undefined;
      readonly error?: unknown;
    }
  | {
      readonly kind: 'dead';
      readonly reason: string;
      readonly error?: unknown;
      /** Of a batch: what becomes of those of which the reason is not true. */
      readonly others?: Outcome | undefined;
    };

/** What has to be done again wins over what is given up for good: a part that nobody worked on must not be lost with one that died. */
const WEIGHT = { ack: 0, dead: 1, release: 2, nack: 3 } as const;

/** What becomes of the whole, of whose parts these became; the longer delay of two: where one is the queue's to say, that shows later. */
export function combined(one: Outcome, other: Outcome): Outcome {
  if (one.kind === 'nack' && other.kind === 'nack') {
    const longer = Math.max(waitOf(one), waitOf(other));
    if (one.delay !== undefined && other.delay !== undefined) return { ...one, delay: longer };
    return longer > 0 ? { ...one, delay: undefined, atLeast: longer } : { ...one, delay: undefined };
  }
  return WEIGHT[other.kind] > WEIGHT[one.kind] ? other : one;
}

function waitOf({ delay, atLeast = 0 }: Extract<Outcome, { kind: 'nack' }>): number {
  return delay ?? atLeast;
}

/** The parts of a delivery that are not settled yet. */
export class Parts {
  private outcome: Outcome = { kind: 'ack' };

  constructor(private left: number) {}

  /** One more part is settled. Returns the outcome of the whole, once all are. */
  settle(outcome: Outcome): Outcome | undefined {
    this.outcome = combined(this.outcome, outcome);
    return --this.left === 0 ? this.outcome : undefined;
  }
}
