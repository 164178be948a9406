/** What the compiler infers for `sluice/opentelemetry`. Checked by `npm run typecheck`; nothing here runs. */
import type { Context } from '@opentelemetry/api';
import { of, type Observable } from 'rxjs';
import { pool, pull, workers, type WorkerSource } from 'sluice';
import { observeMonitor, spanSources, traced } from 'sluice/opentelemetry';
import { prometheus } from 'sluice/prometheus';
import { expectTypeOf } from 'vitest';

interface Order {
  readonly id: number;
}
const orders = pull<Order>([]);

// traced has the types of the worker, whatever it returns.
expectTypeOf(traced(async (value: number) => `${value}`)).toEqualTypeOf<WorkerSource<number, string>>();
expectTypeOf(traced((value: number) => of(value))).toEqualTypeOf<WorkerSource<number, number>>();
expectTypeOf(traced((value: number) => [`${value}`])).toEqualTypeOf<WorkerSource<number, string>>();
const mailers = workers({ create: () => 'mailer', run: async (mailer, { id }: Order) => `${mailer} ${id}` });
expectTypeOf(traced(mailers)).toEqualTypeOf<WorkerSource<Order, string>>();

const sources = spanSources<Order>();
const send = async ({ id }: Order): Promise<string> => `sent ${id}`;
expectTypeOf(orders.pipe(pool(traced(send, { source: sources.of }), { concurrency: 1 }))).toEqualTypeOf<
  Observable<string>
>();
// @ts-expect-error the values are of another type
pull(['a']).pipe(pool(traced(send), { concurrency: 1 }));
// @ts-expect-error it returns nothing that can be waited for
traced((value: number) => value);

expectTypeOf(sources.mark({ id: 1, urgent: true })).toEqualTypeOf<{ id: number; urgent: boolean }>();
expectTypeOf(sources.of).returns.toEqualTypeOf<Context | undefined>();
// @ts-expect-error a number is no object
spanSources<number>();

// @ts-expect-error a StageMonitor that gives no snapshots
observeMonitor({ add: () => undefined });
// @ts-expect-error labels are strings
prometheus({ snapshot: () => null! }, { labels: { shard: 1 } });
