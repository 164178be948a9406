/** What the compiler infers for operators. Checked by `npm run typecheck`; nothing here runs. */
import { EMPTY, map, of, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import {
  batch,
  boundedBuffer,
  broadcast,
  demandOf,
  drain,
  pool,
  pull,
  rateLimit,
  scaleSignal,
  shed,
  shedByDelay,
  slidingWindow,
  tokenBucket,
  valve,
  workers,
  type Broadcast,
  type Demand,
  type DrainedStage,
  type DrainReceipt,
  type Drop,
  type Ledger,
  type WorkerSource,
} from 'sluice';
import { expectTypeOf } from 'vitest';

const numbers = pull([1, 2, 3]);

// boundedBuffer keeps the type, from the pipeline or from its own callbacks.
expectTypeOf(numbers.pipe(boundedBuffer({ capacity: 1 }))).toEqualTypeOf<Observable<number>>();
expectTypeOf(boundedBuffer<string>({ capacity: 1 })).toEqualTypeOf<MonoTypeOperatorFunction<string>>();
numbers.pipe(
  boundedBuffer({
    capacity: 1,
    cost: (value) => {
      expectTypeOf(value).toEqualTypeOf<number>();
      return value;
    },
    overflow: { merge: (held, incoming) => held + incoming },
    onDrop: (drop) => expectTypeOf(drop).toEqualTypeOf<Drop<number>>(),
    monitor: { add: (stage) => expectTypeOf(stage.ledger).toEqualTypeOf<Ledger>() },
  }),
  map((value) => value.toFixed()),
);
// @ts-expect-error `capacity` is required
boundedBuffer({});
// @ts-expect-error a policy that does not exist
boundedBuffer({ capacity: 1, overflow: 'drop' });
// @ts-expect-error merge is to return what is held
numbers.pipe(boundedBuffer({ capacity: 1, overflow: { merge: () => 'text' } }));

// batch makes arrays of what comes; valve keeps the type.
expectTypeOf(numbers.pipe(batch({ size: 2, within: 5 }))).toEqualTypeOf<Observable<number[]>>();
numbers.pipe(
  batch({
    maxCost: 9,
    cost: (value) => (expectTypeOf(value).toEqualTypeOf<number>(), 1),
    onDrop: (drop) => expectTypeOf(drop).toEqualTypeOf<Drop<number>>(),
  }),
  map((values) => values.map((value) => value.toFixed())),
);
// @ts-expect-error a cost is a number
numbers.pipe(batch({ maxCost: 9, cost: (value) => value.toFixed() }));
// @ts-expect-error there is no policy: a boundedBuffer before it has one
batch({ size: 1, overflow: 'drop-oldest' });
expectTypeOf(numbers.pipe(valve(of(true)))).toEqualTypeOf<Observable<number>>();
numbers.pipe(
  valve(of(true), {
    overflow: { merge: (held, incoming) => held + incoming },
    onDrop: (drop) => expectTypeOf(drop).toEqualTypeOf<Drop<number>>(),
  }),
);
// @ts-expect-error `open$` says true or false
valve(of(1));
// @ts-expect-error `open$` is an Observable
valve(true);

// pool takes its input from the pipeline and its output from what the worker returns.
const options = { concurrency: 2 };
expectTypeOf(numbers.pipe(pool(async (value) => value.toFixed(), options))).toEqualTypeOf<Observable<string>>();
expectTypeOf(numbers.pipe(pool((value) => of(value, 'end'), options))).toEqualTypeOf<Observable<string | number>>();
expectTypeOf(numbers.pipe(pool((value) => [value === 1], options))).toEqualTypeOf<Observable<boolean>>();
expectTypeOf(numbers.pipe(pool(() => EMPTY, options))).toEqualTypeOf<Observable<never>>();
numbers.pipe(
  pool(
    async (value, { signal, index }) => {
      expectTypeOf(value).toEqualTypeOf<number>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      expectTypeOf(index).toEqualTypeOf<number>();
    },
    { concurrency: 2, key: (value) => value.toFixed(), order: 'source' },
  ),
);
// @ts-expect-error a worker returns something that can be waited for
numbers.pipe(pool((value: number) => value, options));
// @ts-expect-error `concurrency` is required
numbers.pipe(pool(async (value: number) => value, {}));
// @ts-expect-error the orders are 'completion' and 'source'
numbers.pipe(pool(async (value: number) => value, { concurrency: 1, order: 'arrival' }));

// pool takes what a worker source takes, and gives what that gives.
declare const pages: WorkerSource<number, Uint8Array>;
declare const either: WorkerSource<number, string> | ((value: number) => Promise<string>);
expectTypeOf(numbers.pipe(pool(either, { concurrency: 1 }))).toEqualTypeOf<Observable<string>>();
expectTypeOf(numbers.pipe(pool(pages, options))).toEqualTypeOf<Observable<Uint8Array>>();
expectTypeOf(numbers.pipe(pool(pages, { concurrency: 2, key: (value) => value.toFixed() }))).toEqualTypeOf<
  Observable<Uint8Array>
>();
// @ts-expect-error the source sends numbers
numbers.pipe(pool(pages as unknown as WorkerSource<string, string>, options));

// workers infers the worker from `create`, and its results from `run`.
const connections = workers({
  create: async () => ({ id: 1 }),
  run: async (connection, query: number) => `${connection.id}: ${query}`,
  destroy: (connection) => expectTypeOf(connection).toEqualTypeOf<{ id: number }>(),
  healthy: ({ id }) => id === 1,
});
expectTypeOf(connections).toEqualTypeOf<WorkerSource<number, string>>();
expectTypeOf(numbers.pipe(pool(connections, options))).toEqualTypeOf<Observable<string>>();
expectTypeOf(
  numbers.pipe(pool(workers({ create: () => 1, run: (one, value: number) => of(one === value) }), options)),
).toEqualTypeOf<Observable<boolean>>();
// @ts-expect-error `run` returns something that can be waited for
workers({ create: () => 1, run: (one, value: number) => one + value });
// @ts-expect-error `run` is required
workers({ create: () => 1 });
// @ts-expect-error a life is to be wrapped
numbers.pipe(pool({ create: () => 1, run: async () => 1 }, options));

// scaleSignal is a rule for `concurrency`, with numbers.
const scale = scaleSignal({ concurrency: 8, max: 20 });
expectTypeOf(numbers.pipe(pool(async (value) => value.toFixed(), { concurrency: scale }))).toEqualTypeOf<
  Observable<string>
>();
expectTypeOf(scale.value$).toEqualTypeOf<Observable<number>>();
// @ts-expect-error `max` is required
scaleSignal({ concurrency: 8 });

expectTypeOf(demandOf).returns.toEqualTypeOf<Demand>();

// rateLimit keeps the type; a limiter may be named with its own key.
const bucket = tokenBucket({ rate: 1 });
expectTypeOf(numbers.pipe(rateLimit({ rate: of(1, 2) }))).toEqualTypeOf<Observable<number>>();
numbers.pipe(
  rateLimit({
    limiter: [
      { limiter: bucket, key: (value) => expectTypeOf(value).toEqualTypeOf<number>() },
      slidingWindow({ limit: 1, per: 1 }),
    ],
    cost: (value) => expectTypeOf(value).toEqualTypeOf<number>() && 1,
  }),
);
// @ts-expect-error a mode that does not exist
rateLimit({ rate: 1, mode: 'fast' });
// @ts-expect-error `rate` is required
tokenBucket({ burst: 1 });

// shed and shedByDelay keep the type; priorities and deadlines are numbers.
expectTypeOf(numbers.pipe(shed({ capacity: 1, priority: (value) => value }))).toEqualTypeOf<Observable<number>>();
expectTypeOf(numbers.pipe(shedByDelay({ capacity: 1, lifo: true }))).toEqualTypeOf<Observable<number>>();
numbers.pipe(
  shed({
    capacity: 1,
    priority: (value) => (expectTypeOf(value).toEqualTypeOf<number>(), 1),
    deadline: (value) => (expectTypeOf(value).toEqualTypeOf<number>(), Infinity),
    onDrop: (drop) => expectTypeOf(drop).toEqualTypeOf<Drop<number>>(),
  }),
);
numbers.pipe(boundedBuffer({ capacity: 1, deadline: (value) => (expectTypeOf(value).toEqualTypeOf<number>(), 1) }));

// `onDrop` is given what the stage takes, of every stage. The type of the values is not inferred from it: one may listen to many.
declare const drops: { of: (value: number) => void; any: (drop: Drop) => void; texts: (drop: Drop<string>) => void };
const onDrop = ({ value }: Drop<number>) => drops.of(value);
numbers.pipe(
  boundedBuffer({ capacity: 1, onDrop: ({ value }) => drops.of(value) }),
  shed({ capacity: 1, priority: () => 1, onDrop: ({ value }) => drops.of(value) }),
  shedByDelay({ capacity: 1, onDrop: ({ value }) => drops.of(value) }),
  rateLimit({ rate: 1, onDrop: ({ value }) => drops.of(value) }),
  pool(async (value) => value.toFixed(), { concurrency: 1, onDrop: ({ value }) => drops.of(value) }),
);
expectTypeOf(numbers.pipe(boundedBuffer({ capacity: 1, onDrop }))).toEqualTypeOf<Observable<number>>();
expectTypeOf(numbers.pipe(boundedBuffer({ capacity: 1, onDrop: drops.any }))).toEqualTypeOf<Observable<number>>();
expectTypeOf(numbers.pipe(shedByDelay({ capacity: 1, onDrop: drops.any }))).toEqualTypeOf<Observable<number>>();
expectTypeOf(numbers.pipe(pool(async () => 'text', { concurrency: 1, onDrop: drops.any }))).toEqualTypeOf<
  Observable<string>
>();
// @ts-expect-error a number is dropped, not a text
numbers.pipe(boundedBuffer({ capacity: 1, onDrop: drops.texts }));
// @ts-expect-error `priority` is required
shed({ capacity: 1 });
// @ts-expect-error `capacity` is required
shed({ priority: () => 1 });
// @ts-expect-error a priority is a number
shed({ capacity: 1, priority: () => 'high' });
// @ts-expect-error a deadline is a number, not a Date
shed({ capacity: 1, priority: () => 1, deadline: () => new Date() });
// @ts-expect-error `capacity` is required
shedByDelay({ target: 5 });

// broadcast keeps the type, and its method `with`; policies are checked.
const shared = broadcast(numbers, { capacity: 1, onDrop: (drop) => expectTypeOf(drop).toEqualTypeOf<Drop<number>>() });
expectTypeOf(shared).toEqualTypeOf<Broadcast<number>>();
expectTypeOf(shared).toExtend<Observable<number>>();
expectTypeOf(shared.pipe(map((value) => value.toFixed()))).toEqualTypeOf<Observable<string>>();
expectTypeOf(shared.with({ slow: 'evict', maxLag: 1, maxAge: 5 })).toEqualTypeOf<Observable<number>>();
// @ts-expect-error `capacity` is required
broadcast(numbers, {});
// @ts-expect-error it takes the source: `pipe` would forget its method
numbers.pipe(broadcast({ capacity: 1 }));
// @ts-expect-error a policy that does not exist
shared.with({ slow: 'drop' });
// What `subscribe` returned is drained, within a time that is named.
expectTypeOf(drain(numbers.subscribe(), { within: 1_000 })).toEqualTypeOf<Promise<DrainReceipt>>();
expectTypeOf<DrainReceipt['stages'][number]>().toEqualTypeOf<DrainedStage>();
// @ts-expect-error `within` is required
void drain(numbers.subscribe(), {});
