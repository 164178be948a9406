import { boundedBuffer, boundedQueue, OptionError, pool, pull, toAsyncIterable, toReadableStream } from 'sluice';

async function main() {
  const doubled = pull([1, 2, 3]).pipe(
    pool(async (value) => `doubled ${value * 2}`, { concurrency: 2, order: 'source' }),
    boundedBuffer({ capacity: 2 }),
  );
  for await (const value of toAsyncIterable(doubled)) console.log(value);

  const queue = boundedQueue({ capacity: 1 });
  console.log(queue.offer('a'), queue.offer('b'));
  queue.complete();
  const reader = toReadableStream(queue).getReader();
  console.log((await reader.read()).value, (await reader.read()).done);

  try {
    boundedBuffer({ capacity: 0 });
  } catch (error) {
    console.log(error instanceof OptionError, error.code);
  }
}

main();
