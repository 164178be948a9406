/** Deliveries whose outcomes a test sees. */
import type { Delivery, DeliveryInfo, Outcome } from '../../src/index.js';
import { createDelivery } from '../../src/index.js';

/** Messages that were given out, and what became of each, in order. */
export class Messages {
  readonly outcomes = new Map<string, Outcome[]>();

  /** @param settle what the store answers */
  constructor(private readonly settle: (outcome: Outcome, id: string) => unknown = () => 'settled') {}

  make<T>(value: T, info: Partial<DeliveryInfo> & { signal?: AbortSignal } = {}): Delivery<T> {
    const { signal, ...known } = info;
    const id = known.id ?? String(value);
    this.outcomes.set(id, []);
    const settle = (outcome: Outcome): unknown => {
      this.outcomes.get(id)!.push(outcome);
      return this.settle(outcome, id);
    };
    return createDelivery(value, { info: { ...known, id }, settle, signal });
  }

  /** What became of message `id`, by kind: `ack`, `nack 5`, `dead expired`; undefined where nothing has. */
  of(id: string | number): string | undefined {
    const [first, ...others] = this.outcomes.get(String(id)) ?? [];
    if (others.length > 0) return `${others.length + 1} outcomes`;
    return first === undefined ? undefined : shown(first);
  }

  /** The same of all. */
  get all(): (string | undefined)[] {
    return [...this.outcomes.keys()].map((id) => this.of(id));
  }
}

function shown(outcome: Outcome): string {
  if (outcome.kind === 'dead') return `dead ${outcome.reason}`;
  return outcome.kind === 'nack' && outcome.delay !== undefined ? `nack ${outcome.delay}` : outcome.kind;
}

/** All that can happen without time passing has happened: a store waits for the event loop now and then, more often on a slow machine. */
export const settled = async (): Promise<void> => {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
};

const TURNS = 20;
