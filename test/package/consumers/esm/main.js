import { PassThrough, Readable } from 'node:stream';
import { map } from 'rxjs';
import { boundedBuffer, OptionError, pool, pull, toAsyncIterable } from 'sluice';
import { fromReadable, writeTo } from 'sluice/node';

const doubled = pull([1, 2, 3]).pipe(
  map((value) => value * 2),
  pool(async (value) => `doubled ${value}`, { concurrency: 2, order: 'source' }),
  boundedBuffer({ capacity: 2 }),
);
for await (const value of toAsyncIterable(doubled)) console.log(value);

const written = new PassThrough();
written.setEncoding('utf8').on('data', (text) => console.log(`written ${text}`));
await writeTo(fromReadable(Readable.from(['a', 'b'])), written);

try {
  boundedBuffer({ capacity: 0 });
} catch (error) {
  console.log(error instanceof OptionError, error.code);
}
