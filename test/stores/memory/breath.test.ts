import { interval } from 'rxjs';
import { expect, test } from 'vitest';
import { handle, pull, type HandlerContext } from '../../../src/index.js';
import { queue } from '../../../src/queue/index.js';
import { memoryStore } from '../../../src/stores/memory/index.js';
import { settled } from '../../queue/rig.js';

const COUNT = 100_000;

function* numbers(count = Infinity): Generator<number> {
  for (let i = 0; i < count; i++) yield i;
}

/** Turns of the event loop until it is stopped. */
function turns(): { count: number; stop(): void } {
  let timer: ReturnType<typeof setImmediate>;
  const state = { count: 0, stop: () => clearImmediate(timer) };
  const turn = (): void => {
    state.count++;
    timer = setImmediate(turn);
  };
  timer = setImmediate(turn);
  return state;
}

test('the event loop has its turns while messages are published and handled', async () => {
  const store = memoryStore();
  const orders = queue<number>(store, 'orders', { capacity: 1_000 });
  const seen = turns();
  let handled = 0;
  let finish = (): void => undefined;
  const done = new Promise<void>((resolve) => (finish = resolve));
  const work = async (): Promise<void> => {
    if (++handled === COUNT) finish();
  };
  const subscription = orders
    .deliveries()
    .pipe(handle(work, { concurrency: 64 }))
    .subscribe();
  await orders.publishFrom(pull(numbers(COUNT)));
  await done;
  expect(seen.count).toBeGreaterThan(COUNT / 8_192);
  seen.stop();
  subscription.unsubscribe();
  await settled();
  await store.close();
});

test('an endless publisher can be stopped by a timer', async () => {
  const store = memoryStore();
  const orders = queue<number>(store, 'orders');
  const control = new AbortController();
  const publishing = orders.publishFrom(pull(numbers()), { signal: control.signal });
  setTimeout(() => control.abort(), 1);
  await expect(publishing).rejects.toThrow('aborted');
  await settled();
  await store.close();
});

test.each([
  ['retry(0)', async (_: number, context: HandlerContext) => context.retry(0)],
  ['a failure with a backoff of 0', () => Promise.reject(new Error('no'))],
])('%s goes round once in a turn of the event loop', async (_name, work) => {
  const store = memoryStore();
  const orders = queue<number>(store, 'orders', { maxAttempts: Infinity, backoff: () => 0 });
  let calls = 0;
  const seen = turns();
  const subscription = orders
    .deliveries()
    .pipe(handle((value, context) => (calls++, work(value, context)), { concurrency: 4 }))
    .subscribe();
  await orders.publish(1);
  await new Promise<void>((resolve) => {
    const watching = interval(1).subscribe(() => {
      if (calls < 100) return;
      watching.unsubscribe();
      resolve();
    });
  });
  expect(seen.count).toBeGreaterThanOrEqual(calls - 1);
  seen.stop();
  subscription.unsubscribe();
  await settled();
  await store.close();
});

test('a message that is released again and again lets the event loop run', async () => {
  const store = memoryStore();
  const orders = queue<number>(store, 'orders');
  const subscription = orders.deliveries().subscribe((delivery) => void delivery.release());
  await orders.publish(1);
  await new Promise((resolve) => setTimeout(resolve, 1)); // never, where nothing else runs
  subscription.unsubscribe();
  await settled();
  await store.close();
});
