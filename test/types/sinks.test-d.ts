/** What the compiler infers for sinks. Checked by `npm run typecheck`; nothing here runs. */
import type { Readable, Writable } from 'node:stream';
import type { Observable } from 'rxjs';
import { Sink, toAsyncIterable, toReadableStream } from 'sluice';
import { toReadable, writeTo } from 'sluice/node';
import { expectTypeOf } from 'vitest';

declare const texts: Observable<string>;
declare const file: Writable;

expectTypeOf(toAsyncIterable(texts)).toExtend<AsyncIterable<string>>();
expectTypeOf(toReadableStream(texts, { capacity: 1 })).toEqualTypeOf<ReadableStream<string>>();
expectTypeOf(toReadable(texts)).toEqualTypeOf<Readable>();
expectTypeOf(writeTo(texts, file)).toEqualTypeOf<Promise<void>>();
expectTypeOf(
  Sink.on(texts, { next: () => undefined, error: () => undefined, complete: () => undefined }),
).toEqualTypeOf<Sink<string>>();

// @ts-expect-error a policy that does not exist
toAsyncIterable(texts, { overflow: 'drop' });
// @ts-expect-error an Observable is needed
toReadableStream('a');
