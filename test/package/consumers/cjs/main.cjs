const { PassThrough } = require('node:stream');
const { boundedBuffer, OptionError, pool, pull, toAsyncIterable } = require('sluice');
const { writeTo } = require('sluice/node');

async function main() {
  const doubled = pull([1, 2, 3]).pipe(
    pool(async (value) => `doubled ${value * 2}`, { concurrency: 2, order: 'source' }),
    boundedBuffer({ capacity: 2 }),
  );
  for await (const value of toAsyncIterable(doubled)) console.log(value);

  const written = new PassThrough();
  written.setEncoding('utf8').on('data', (text) => console.log(`written ${text}`));
  await writeTo(pull(['a', 'b']), written);

  // The package is in the process twice now, once for `require` and once for `import`: the copies understand each other.
  const other = await import('sluice');
  console.log('two copies', other.pool !== pool);
  let read = 0;
  const naturals = (function* () {
    for (;;) yield ++read;
  })();
  const never = () => new Promise(() => undefined);
  other
    .pull(naturals)
    .pipe(pool(never, { concurrency: 4, waiting: 2 }))
    .subscribe()
    .unsubscribe();
  console.log('read', read);
  try {
    other.boundedBuffer({ capacity: 0 });
  } catch (error) {
    console.log(error instanceof OptionError, error.code);
  }
}

main();
