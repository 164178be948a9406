/** What the compiler infers for sources. Checked by `npm run typecheck`; nothing here runs. */
import type { Readable } from 'node:stream';
import type { Observable } from 'rxjs';
import { boundedQueue, mergePriority, pull, type BoundedQueue, type Offer } from 'sluice';
import { fromReadable } from 'sluice/node';
import { expectTypeOf } from 'vitest';

declare const readable: Readable;

interface Order {
  readonly id: string;
}

expectTypeOf(pull([1, 2])).toEqualTypeOf<Observable<number>>();
expectTypeOf(pull(new Set<Order>())).toEqualTypeOf<Observable<Order>>();
expectTypeOf(pull('text')).toEqualTypeOf<Observable<string>>();
expectTypeOf(pull({} as AsyncIterable<Order>, { readAhead: 4 })).toEqualTypeOf<Observable<Order>>();
expectTypeOf(pull({} as ReadableStream<Uint8Array>)).toEqualTypeOf<Observable<Uint8Array>>();
expectTypeOf(pull({} as readonly Order[])).toEqualTypeOf<Observable<Order>>();

// @ts-expect-error a number can not be read
pull(1);
// @ts-expect-error a promise is no iterable
pull(Promise.resolve([1]));
// @ts-expect-error the option is `readAhead`
pull([1], { readahead: 4 });

const orders = boundedQueue<Order>({ capacity: 1 });
expectTypeOf(orders).toEqualTypeOf<BoundedQueue<Order>>();
expectTypeOf(orders).toExtend<Observable<Order>>();
expectTypeOf(orders.offer({ id: 'a' })).toEqualTypeOf<Offer>();
expectTypeOf<Offer>().toEqualTypeOf<'accepted' | 'full' | 'closed'>();
expectTypeOf(orders.send({ id: 'a' }, { signal: new AbortController().signal })).toEqualTypeOf<Promise<void>>();
// @ts-expect-error the queue takes orders only
orders.offer({ id: 1 });
// @ts-expect-error `capacity` is required
boundedQueue<Order>({});

expectTypeOf(fromReadable<Order>(readable)).toEqualTypeOf<Observable<Order>>();

// mergePriority unites the types of its sources.
const urgent = { source: pull(['now']), priority: 1 };
expectTypeOf(mergePriority([{ source: orders }, urgent])).toEqualTypeOf<Observable<Order | string>>();
expectTypeOf(mergePriority([urgent, urgent], { prefetch: 2, maxBypass: Infinity })).toEqualTypeOf<Observable<string>>();
mergePriority([urgent], { onDrop: ({ value }) => expectTypeOf(value).toEqualTypeOf<string>() });
// @ts-expect-error a source is an Observable
mergePriority([{ source: [1] }]);
// @ts-expect-error a priority is a number
mergePriority([{ source: orders, priority: 'high' }]);
// @ts-expect-error the option is `prefetch`
mergePriority([urgent], { capacity: 1 });
