/** What the compiler infers for deliveries and their operators. Checked by `npm run typecheck`; nothing here runs. */
import type { Observable } from 'rxjs';
import {
  adaptive,
  batchDeliveries,
  createDelivery,
  exponential,
  filterDelivery,
  handle,
  mapDelivery,
  mergeDeliveries,
  splitDelivery,
  type Delivery,
  type Drop,
  type Handled,
  type HandlerContext,
  type Outcome,
  type Settled,
  type Settling,
} from 'sluice';
import { expectTypeOf } from 'vitest';

declare const numbers: Observable<Delivery<number>>;
declare const mixed: Observable<Delivery<number | string>>;
declare const one: Delivery<number>;
declare const text: Delivery<string>;

// A delivery and what is made of it.
expectTypeOf(one.ack()).toEqualTypeOf<Settling>();
expectTypeOf<Exclude<Settling, false>>().toEqualTypeOf<Promise<Settled>>();
expectTypeOf(one.map((value) => value.toFixed())).toEqualTypeOf<Delivery<string>>();
expectTypeOf(one.split('ab')).toEqualTypeOf<Delivery<string>[]>();
expectTypeOf(mergeDeliveries([one, one].slice())).toEqualTypeOf<Delivery<number[]>>();
expectTypeOf(mergeDeliveries([one, text])).toEqualTypeOf<Delivery<[number, string]>>();
const settle = (outcome: Outcome): unknown => outcome.kind;
expectTypeOf(createDelivery('text', { info: { id: '1' }, settle })).toEqualTypeOf<Delivery<string>>();
// @ts-expect-error an id is required
createDelivery('text', { info: {}, settle });
// @ts-expect-error milliseconds
void one.nack({ delay: '5 s' });
// @ts-expect-error a reason is required
void one.deadLetter();

// Operators keep or change the type of the value.
expectTypeOf(numbers.pipe(mapDelivery((value) => value.toFixed()))).toEqualTypeOf<Observable<Delivery<string>>>();
expectTypeOf(numbers.pipe(filterDelivery((value) => value > 1))).toEqualTypeOf<Observable<Delivery<number>>>();
const isText = (value: number | string): value is string => typeof value === 'string';
expectTypeOf(mixed.pipe(filterDelivery(isText))).toEqualTypeOf<Observable<Delivery<string>>>();
expectTypeOf(numbers.pipe(splitDelivery((value) => [String(value)]))).toEqualTypeOf<Observable<Delivery<string>>>();
expectTypeOf(numbers.pipe(batchDeliveries({ size: 2, within: 9 }))).toEqualTypeOf<Observable<Delivery<number[]>>>();
// @ts-expect-error an iterable is needed
numbers.pipe(splitDelivery((value) => value));

// A handler is told the value, and may return anything.
const handled = numbers.pipe(
  handle(
    async (value, context) => {
      expectTypeOf(value).toEqualTypeOf<number>();
      expectTypeOf(context).toEqualTypeOf<HandlerContext<number>>();
      const { retry } = context;
      return value > 1 ? retry(5) : value;
    },
    {
      concurrency: adaptive({ max: 9 }),
      retry: exponential({ base: 5 }),
      onDrop: (drop) => expectTypeOf(drop).toEqualTypeOf<Drop<Delivery<number>>>(),
    },
  ),
);
expectTypeOf(handled).toEqualTypeOf<Observable<Handled<number>>>();
// @ts-expect-error `concurrency` is required
numbers.pipe(handle(() => undefined, {}));
// @ts-expect-error a source that gives no deliveries
(numbers as Observable<unknown> as Observable<number>).pipe(handle(() => undefined, { concurrency: 1 }));
