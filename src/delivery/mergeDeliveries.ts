/** Several messages as one: what becomes of it becomes of all. */
import { expected } from '../options.js';
import { abort, signalOf, type Abortable } from '../flow/lazySignal.js';
import { Delivery, isDelivery, leaseOf, RELEASE } from './delivery.js';
import { Lease, promised, type DeliveryInfo, type Outcome, type Settled } from './lease.js';

/** The values of deliveries. */
export type DeliveredValues<D extends readonly Delivery<unknown>[]> = {
  -readonly [K in keyof D]: D[K] extends Delivery<infer T> ? T : never;
};

/**
 * One delivery of all their values: its first outcome settles each of them.
 *
 * Use it for work that is done for several messages at once: one insert, one request. In a stream `batchDeliveries` does it. Not where one
 * of them may fail by itself: what is nacked is nacked for all.
 *
 * The answer is `settled` when all were, and `lease-lost` when one was lost, though the others are settled then. What it tells of the
 * messages: the first one's `id`, and all `ids`; the `key` and those `headers` on which all agree; the highest `attempt` and `priority`; the earliest
 * `publishedAt` and `deadline`. Its signal aborts when one lease is lost. Those that were settled before have no say.
 *
 * A dead letter `'expired'` is that only of those of the earliest deadline, and `'attempts'` of those of the highest attempt: the others are
 * released, or nacked where the handler has failed.
 *
 * ```ts
 * import { createDelivery, mergeDeliveries } from 'sluice';
 *
 * const delivery = (id: string) =>
 *   createDelivery(id.toUpperCase(), { info: { id }, settle: ({ kind }) => console.log(id, kind) });
 * const both = mergeDeliveries([delivery('a'), delivery('b')]);
 * console.log(both.value);
 * console.log(await both.ack());
 * // => [ 'A', 'B' ]
 * // => a ack
 * // => b ack
 * // => settled
 * ```
 *
 * @param deliveries at least one; from here on it is only the one returned that settles them
 * @throws OptionError at the call when `deliveries` is anything else
 */
export function mergeDeliveries<D extends readonly Delivery<unknown>[] | []>(
  deliveries: D,
): Delivery<DeliveredValues<D>> {
  const all = deliveries as readonly Delivery<unknown>[];
  if (!Array.isArray(all) || all.length === 0 || !all.every(isDelivery)) {
    expected('deliveries', 'an array of at least one delivery', deliveries, 'mergeDeliveries');
  }
  const values = all.map(({ value }) => value) as DeliveredValues<D>;
  return new Delivery(values, new MergedLease(all.map(leaseOf)));
}

class MergedLease extends Lease implements Abortable {
  readonly info: DeliveryInfo;
  abortState: Abortable['abortState'] = undefined;
  /** Those that it settles: others were settled before, or are others' to settle. */
  private readonly own: Lease[] = [];
  private readonly settleEach: ((outcome: Outcome) => Promise<Settled>)[] = [];
  private watching = false;

  constructor(private readonly leases: readonly Lease[]) {
    super();
    this.info = commonInfo(leases.map(({ info }) => info));
    for (const lease of leases) {
      const settle = lease.shareOut();
      if (settle === undefined) continue;
      this.own.push(lease);
      const own = (outcome: Outcome): Outcome => this.ownOf(lease.info, outcome);
      this.settleEach.push((outcome) => promised((listener) => settle(own(outcome), listener)));
    }
  }

  override get ids(): readonly string[] {
    return this.leases.flatMap(({ ids }) => ids);
  }

  get signal(): AbortSignal {
    if (!this.watching && !this.over && this.abortState === undefined) this.watch();
    return signalOf(this);
  }

  override get lost(): boolean {
    return this.leases.some(({ lost }) => lost);
  }

  /** A dead letter where one of them is. */
  override becomes(outcome: Outcome): Outcome {
    if (outcome.kind !== 'nack') return outcome;
    for (const lease of this.leases) {
      const own = lease.becomes(outcome);
      if (own.kind === 'dead') return own;
    }
    return outcome;
  }

  protected override onKept(): void {
    for (const lease of this.own) lease.keep();
  }

  protected override onLetGo(): void {
    for (const lease of this.own) lease.letGo();
  }

  protected carryOut(outcome: Outcome): void {
    this.unwatch();
    Promise.all(this.settleEach.map((settle) => settle(outcome))).then(
      (answers) => this.answered(answers.includes('lease-lost') ? 'lease-lost' : 'settled'),
      (error: unknown) => this.failed(error),
    );
  }

  /** What is true of one message becomes of that one only: the others come again, having failed if the handler has. */
  private ownOf({ deadline, attempt }: DeliveryInfo, outcome: Outcome): Outcome {
    if (outcome.kind !== 'dead') return outcome;
    const { info } = this;
    const { others, ...own } = outcome;
    if (own.reason === 'expired' && deadline !== info.deadline) return RELEASE;
    if (own.reason !== 'attempts' || attempt === info.attempt) return own;
    return others ?? (own.error === undefined ? RELEASE : { kind: 'nack', error: own.error });
  }

  private watch(): void {
    const signals = this.leases.map(({ signal }) => signal);
    const lost = signals.find(({ aborted }) => aborted);
    if (lost !== undefined) return abort(this, lost.reason);
    this.watching = true;
    for (const signal of signals) signal.addEventListener('abort', this.onLost);
  }

  private unwatch(): void {
    if (!this.watching) return;
    this.watching = false;
    for (const { signal } of this.leases) signal.removeEventListener('abort', this.onLost);
  }

  private readonly onLost = (event: Event): void => {
    this.unwatch();
    abort(this, (event.target as AbortSignal).reason);
  };
}

function commonInfo(infos: readonly DeliveryInfo[]): DeliveryInfo {
  const first = infos[0]!;
  const agreed = Object.entries(first.headers).filter(([name, value]) =>
    infos.every(({ headers }) => Object.hasOwn(headers, name) && headers[name] === value),
  );
  const deadline = Math.min(...infos.map(({ deadline = Infinity }) => deadline));
  return {
    id: first.id,
    key: infos.every(({ key }) => key === first.key) ? first.key : undefined,
    attempt: Math.max(...infos.map(({ attempt }) => attempt)),
    publishedAt: Math.min(...infos.map(({ publishedAt }) => publishedAt)),
    headers: Object.fromEntries(agreed),
    priority: Math.max(...infos.map(({ priority }) => priority)),
    deadline: deadline === Infinity ? undefined : deadline,
  };
}
