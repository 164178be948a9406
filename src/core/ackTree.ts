/** What becomes of a delivery that others were derived from: it is settled when all of them are. */

/** What became of a delivery. */
export type Outcome =
  | { readonly kind: 'ack' }
  | { readonly kind: 'release' }
  | {
      readonly kind: 'nack';
      readonly delay?: number | undefined;
      readonly reason?: string | undefined;
      readonly error?: unknown;
    }
  | { readonly kind: 'dead'; readonly reason: string; readonly error?: unknown };

/** What has to be done again wins over what is given up for good: a part that nobody worked on must not be lost with one that died. */
const WEIGHT = { ack: 0, dead: 1, release: 2, nack: 3 } as const;

/** What becomes of the whole, of whose parts these became; the longer delay of two. */
export function combined(one: Outcome, other: Outcome): Outcome {
  if (one.kind === 'nack' && other.kind === 'nack') {
    const delay = one.delay === undefined ? other.delay : Math.max(one.delay, other.delay ?? 0);
    return { ...one, delay };
  }
  return WEIGHT[other.kind] > WEIGHT[one.kind] ? other : one;
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
