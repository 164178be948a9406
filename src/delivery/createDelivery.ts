/** Deliveries from a source of the user's own. */
import { checkOptions, COUNT, FUNCTION, OBJECT, required, SIGNAL, STRING, type Rule } from '../options.js';
import { Delivery } from './delivery.js';
import { Lease, type DeliveryInfo, type Outcome, type Settled } from './lease.js';

/** What `createDelivery` is told. */
export interface CreateDeliveryOptions {
  /**
   * What is known of the message; `id` is required. Default of the others: no key, attempt 1, published at 0, no headers, priority 0, no
   * deadline.
   */
  info: Pick<DeliveryInfo, 'id'> & Partial<DeliveryInfo>;
  /** Called once with what became of it. May return, or promise, `'lease-lost'`; anything else counts as settled. Required. */
  settle: (outcome: Outcome) => unknown;
  /** Aborts when the lease is lost. Default: one that never does. */
  signal?: AbortSignal | undefined;
}

/**
 * Makes a delivery of `value`: something that has to be acknowledged, and that `handle` and the other operators for deliveries take.
 *
 * Use it for a source of your own: a message of a broker that sluice has no store for, a row, a file that is deleted when it was read; and
 * in tests. Not where a queue of `sluice/queue` does it: that knows leases, attempts and dead letters.
 *
 * `settle` is called for the first outcome only. When it throws, or what it returns is rejected, so is what `ack` and its like return, and
 * `handle` fails with it.
 *
 * ```ts
 * import { createDelivery } from 'sluice';
 *
 * const order = createDelivery('an order', {
 *   info: { id: '7' },
 *   settle: ({ kind }) => console.log(kind),
 * });
 * console.log(await order.ack());
 * console.log(order.release());
 * // => ack
 * // => settled
 * // => false
 * ```
 *
 * @throws OptionError at the call when an option is wrong
 */
export function createDelivery<T>(value: T, options: CreateDeliveryOptions): Delivery<T> {
  checkOptions('createDelivery', options, { info: required(OBJECT), settle: required(FUNCTION), signal: SIGNAL });
  const { info } = options;
  checkOptions('createDelivery, info', info, {
    id: required(STRING),
    key: STRING,
    attempt: COUNT,
    publishedAt: FINITE,
    headers: HEADERS,
    priority: INTEGER,
    deadline: FINITE,
  });
  return new Delivery(value, new OwnLease(info, options));
}

const FINITE: Rule = ['a finite number', (value: unknown) => Number.isFinite(value)];
const HEADERS: Rule = [
  'an object of strings',
  (headers: unknown) =>
    typeof headers === 'object' &&
    headers !== null &&
    Object.values(headers).every((value) => typeof value === 'string'),
];
const INTEGER: Rule = ['an integer', (value: unknown) => Number.isInteger(value)];

class OwnLease extends Lease {
  readonly info: DeliveryInfo;
  private never: AbortSignal | undefined = undefined;

  constructor(
    { id, key, attempt = 1, publishedAt = 0, headers = {}, priority = 0, deadline }: CreateDeliveryOptions['info'],
    private readonly options: CreateDeliveryOptions,
  ) {
    super();
    this.info = { id, key, attempt, publishedAt, headers, priority, deadline };
  }

  get signal(): AbortSignal {
    return this.options.signal ?? (this.never ??= new AbortController().signal);
  }

  override get lost(): boolean {
    return this.options.signal?.aborted ?? false;
  }

  protected carryOut(outcome: Outcome): void {
    this.tell(outcome).then(
      (settled) => this.answered(settled),
      (error: unknown) => this.failed(error),
    );
  }

  private async tell(outcome: Outcome): Promise<Settled> {
    return (await this.options.settle(outcome)) === 'lease-lost' ? 'lease-lost' : 'settled';
  }
}
