import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boundedQueue, pool, QueueClosedError } from '../../../src/index.js';
import { ManualConsumer } from '../../../src/testing/index.js';

const runs = Number(process.env['SLUICE_RUNS'] ?? 1_000);
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What became of a promise, as far as can be known now. */
function watch(promise: Promise<void>): { state: string } {
  const watched = { state: 'waiting' };
  promise.then(
    () => (watched.state = 'accepted'),
    (error: unknown) => (watched.state = error instanceof QueueClosedError ? 'closed' : 'aborted'),
  );
  return watched;
}

describe('boundedQueue', () => {
  test('offer answers at once', () => {
    const queue = boundedQueue<number>({ capacity: 2 });
    expect([queue.offer(1), queue.offer(2), queue.offer(3)]).toEqual(['accepted', 'accepted', 'full']);
    expect(queue.size).toBe(2);
    queue.complete();
    expect(queue.offer(4)).toBe('closed');
  });

  test('senders wait in turn; a place that becomes free is theirs, not the next offer’s', async () => {
    const queue = boundedQueue<string>({ capacity: 1 });
    const consumer = new ManualConsumer(queue);
    queue.offer('a');
    const [b, c] = [watch(queue.send('b')), watch(queue.send('c'))];
    expect(queue.waiting).toBe(2);
    consumer.request(1);
    expect(queue.offer('d')).toBe('full');
    await settled();
    expect([b.state, c.state]).toEqual(['accepted', 'waiting']);
    consumer.request(9);
    await settled();
    expect(consumer.values).toEqual(['a', 'b', 'c']);
    expect(queue.offer('d')).toBe('accepted');
  });

  test('an offer from inside next does not overtake a sender that waits', async () => {
    const queue = boundedQueue<string>({ capacity: 1 });
    const answers: string[] = [];
    const consumer = new ManualConsumer(queue, (value) => {
      if (value === 'a') answers.push(queue.offer('x'));
    });
    queue.offer('a');
    const b = queue.send('b');
    consumer.request(1);
    expect(answers).toEqual(['full']);
    await b;
  });

  test('send gives up when its signal aborts, and no listener is left', async () => {
    const queue = boundedQueue<number>({ capacity: 1 });
    queue.offer(1);
    const controller = new AbortController();
    const sending = queue.send(2, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(sending).rejects.toThrow('enough');
    expect(queue.waiting).toBe(0);
    await expect(queue.send(3, { signal: controller.signal })).rejects.toThrow('enough');
    const other = new AbortController();
    const accepted = queue.send(4, { signal: other.signal });
    new ManualConsumer(queue).request(9);
    await accepted;
  });

  test('closing settles every waiting sender, and delivers what was accepted', async () => {
    const queue = boundedQueue<number>({ capacity: 1, name: 'orders' });
    queue.offer(1);
    const sending = [watch(queue.send(2)), watch(queue.send(3))];
    queue.complete();
    await settled();
    expect(sending.map(({ state }) => state)).toEqual(['closed', 'closed']);
    await expect(queue.send(4)).rejects.toMatchObject({ code: 'SLUICE_QUEUE_CLOSED', queue: 'orders' });
    const consumer = new ManualConsumer(queue);
    expect(consumer.end).toBeUndefined();
    consumer.request(1);
    expect(consumer.values).toEqual([1]);
    expect(consumer.end).toBe('complete');
    expect(new ManualConsumer(queue).end).toBe('complete');
  });

  test('error: after what was accepted; senders are told the cause', async () => {
    const queue = boundedQueue<number>({ capacity: 1 });
    const failure = new Error('shop burnt down');
    queue.offer(1);
    const sending = queue.send(2);
    queue.error(failure);
    await expect(sending).rejects.toMatchObject({ cause: failure });
    const consumer = new ManualConsumer(queue);
    consumer.request(1);
    expect(consumer.values).toEqual([1]);
    expect(consumer.end).toEqual({ error: failure });
  });

  test('several subscribers compete, in turn among those with room', () => {
    const queue = boundedQueue<number>({ capacity: 9 });
    const [a, b] = [new ManualConsumer(queue), new ManualConsumer(queue)];
    a.request(2);
    b.request(9);
    for (let i = 1; i <= 6; i++) queue.offer(i);
    expect([a.values, b.values]).toEqual([
      [1, 3],
      [2, 4, 5, 6],
    ]);
    b.unsubscribe();
    queue.offer(7);
    a.request(1);
    expect(a.values).toEqual([1, 3, 7]);
  });

  test('feeds a pool, which feeds it back: nothing is lost', async () => {
    const queue = boundedQueue<number>({ capacity: 4 });
    const seen: number[] = [];
    queue.pipe(pool((n) => Promise.resolve(n), { concurrency: 2 })).subscribe((n) => {
      seen.push(n);
      if (n < 50) void queue.send(n + 1);
    });
    await queue.send(0);
    while (seen.length < 51) await settled();
    expect(seen).toEqual(Array.from({ length: 51 }, (_, i) => i));
    const { in: arrived, out, held } = queue.ledger;
    expect([arrived, out, held]).toEqual([51, 51, 0]);
  });

  test('against a model', () => {
    const step = fc.tuple(fc.constantFrom('offer', 'request', 'send', 'unsubscribe'), fc.nat(3));
    const property = fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { maxLength: 40 }),
      (capacity, steps) => {
        const queue = boundedQueue<number>({ capacity });
        let consumer = new ManualConsumer(queue);
        const [held, waiting, got]: number[][] = [[], [], []];
        let credit = 0;
        let next = 0;
        const flow = (): void => {
          while (held!.length > 0 && credit > 0) {
            got!.push(held!.shift()!);
            credit--;
            if (waiting!.length > 0) held!.push(waiting!.shift()!);
          }
        };
        const seen: number[] = [];
        for (const [kind, n] of steps) {
          if (kind === 'offer') {
            const answer = queue.offer(next);
            expect(answer).toBe(held!.length < capacity ? 'accepted' : 'full');
            if (answer === 'accepted') held!.push(next);
            next++;
          } else if (kind === 'send') {
            void queue.send(next);
            if (held!.length < capacity) held!.push(next++);
            else waiting!.push(next++);
          } else if (kind === 'request') {
            consumer.request(n);
            credit += n;
          } else {
            consumer.unsubscribe();
            seen.push(...consumer.values);
            consumer = new ManualConsumer(queue);
            credit = 0;
          }
          flow();
          expect([...seen, ...consumer.values]).toEqual(got);
          expect([queue.size, queue.waiting]).toEqual([held!.length, waiting!.length]);
          expect(queue.ledger.in).toBe(queue.ledger.out + queue.ledger.held);
        }
      },
    );
    fc.assert(property, { numRuns: runs });
  });
});
