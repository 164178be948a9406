import { PassThrough } from 'node:stream';
import { map, take, type Observable } from 'rxjs';
import { boundedBuffer, handle, OptionError, pool, pull, tokenBucket, toAsyncIterable } from 'sluice';
import type { Delivery, Handled, PoolOptions } from 'sluice';
import { admission, type Admission } from 'sluice/http';
import { fromReadable, writeTo } from 'sluice/node';
import { memoryStore } from 'sluice/memory';
import { createMonitor } from 'sluice/monitor';
import { spanSources, traced } from 'sluice/opentelemetry';
import { prometheus, type PrometheusOptions } from 'sluice/prometheus';
import { queue, type Queue, type Store } from 'sluice/queue';
import { sqliteStore, type SqliteStoreOptions } from 'sluice/sqlite';
import { frame, terminal, type TerminalOptions } from 'sluice/terminal';
import { threads, type ThreadsOptions } from 'sluice/threads';

const options: PoolOptions<number> = { concurrency: 2, order: 'source' };
const doubled: Observable<string> = pull([1, 2, 3]).pipe(
  map((value) => value * 2),
  pool(async (value) => `doubled ${value}`, options),
  boundedBuffer({ capacity: 2 }),
);
for await (const value of toAsyncIterable(doubled)) console.log(value.toString());

const monitor = createMonitor();
const labels: PrometheusOptions = { labels: { pipeline: 'squares' } };
prometheus(monitor, labels).unsubscribe();
const view: TerminalOptions = { output: new PassThrough(), every: 100 };
terminal(monitor, view).unsubscribe();
if (frame(monitor.snapshot(), { width: 20 }) === '') throw new Error('nothing was drawn');
const sources = spanSources<{ id: number }>();
const ids: Observable<number> = pull([{ id: 1 }]).pipe(
  pool(
    traced(async ({ id }: { id: number }) => id, { source: sources.of }),
    { concurrency: 1, monitor },
  ),
);
ids.subscribe((id) => console.log(`traced ${id.toFixed()}`));
const admit: Admission<{ url: string }> = admission({ limiter: tokenBucket({ rate: 1 }), key: ({ url }) => url });
console.log(`answered ${admit.fetch({ url: '/' })?.status ?? 'by the handler'}`);

const limits: ThreadsOptions<number> = { max: 2 };
const squares: Observable<number> = pull([2]).pipe(
  pool(threads<number, number>(new URL('../esm/square.js', import.meta.url), limits), options),
);
for await (const value of toAsyncIterable(squares)) console.log(`squared ${value.toFixed()}`);

const file: SqliteStoreOptions = { path: ':memory:', durability: 'normal' };
const store: Store = process.argv.includes('--sqlite') ? sqliteStore(file) : memoryStore();
const orders: Queue<{ id: number }> = queue(store, 'orders');
await orders.publish({ id: 1 }, { key: 'a' });
const deliveries: Observable<Delivery<{ id: number }>> = orders.deliveries({ maxInFlight: 1 });
const handled: Observable<Handled<{ id: number }>> = deliveries.pipe(
  handle(async ({ id }) => id.toFixed(), { concurrency: 1 }),
  take(1),
);
for await (const { outcome, delivery } of toAsyncIterable(handled)) {
  console.log(`${outcome} after ${delivery.attempt.toFixed()} attempt`);
}
await store.close();

const written = new PassThrough();
written.setEncoding('utf8').on('data', (text: string) => console.log(`written ${text}`));
const through = new PassThrough({ objectMode: true });
through.end('a');
await writeTo(fromReadable<string>(through), written);

try {
  // @ts-expect-error `capacity` is required
  boundedBuffer({});
} catch (error) {
  if (error instanceof OptionError) console.log(error.option, error.code);
}
