import fc from 'fast-check';
import { map, NEVER, of, Subject, take } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import {
  mergePriority,
  OptionError,
  OverflowError,
  pull,
  type Drop,
  type MergePriorityOptions,
  type MonitoredStage,
} from '../../../src/index.js';
import { ManualConsumer, ManualSource } from '../../../src/testing/index.js';

const runs = Number(process.env['SLUICE_RUNS'] ?? 1_000);

function setUp(priorities: number[], options: MergePriorityOptions<string> = {}) {
  const drops: Drop<string>[] = [];
  const stages: MonitoredStage[] = [];
  const sources = priorities.map(() => new ManualSource<string>());
  const merged = mergePriority(
    priorities.map((priority, i) => ({ source: sources[i]!, priority })),
    {
      onDrop: (drop) => void drops.push(drop),
      monitor: { add: (stage) => void stages.push(stage) },
      ...options,
    },
  );
  return { drops, stages, sources, merged, consumer: new ManualConsumer(merged) };
}

describe('mergePriority', () => {
  test('takes from the most important that has a value; asks a lower one only for what is prefetched', () => {
    const { sources, consumer } = setUp([1, 3, 2]);
    const [low, high, middle] = sources as [ManualSource<string>, ManualSource<string>, ManualSource<string>];
    for (const name of ['a', 'b', 'c']) {
      low.sendOnDemand(`low ${name}`);
      middle.sendOnDemand(`middle ${name}`);
      high.sendOnDemand(`high ${name}`);
    }
    expect([low.unsent, middle.unsent, high.unsent]).toEqual([2, 2, 2]);
    consumer.request(4);
    expect(consumer.values).toEqual(['high a', 'high b', 'high c', 'middle a']);
    expect([low.unsent, middle.unsent]).toEqual([2, 1]);
    consumer.request(9);
    expect(consumer.values.slice(4)).toEqual(['middle b', 'middle c', 'low a', 'low b', 'low c']);
  });

  test('with nobody limiting downstream it is `merge`: marbles', () => {
    new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(
      ({ hot, expectObservable, expectSubscriptions }) => {
        const [a, b] = [hot('--a---(bc)-|'), hot('---x-y|')];
        expectObservable(mergePriority([{ source: a }, { source: b, priority: 1 }])).toBe('--ax-y(bc)-|');
        expectSubscriptions(a.subscriptions).toBe('^----------!');
        expectSubscriptions(b.subscriptions).toBe('^-----!');
      },
    );
  });

  test('a source has a value when one has come: until then a lower one goes', () => {
    const { sources, consumer } = setUp([1, 0]);
    for (const name of ['a', 'b']) sources[1]!.sendOnDemand(`low ${name}`);
    consumer.request(1);
    sources[0]!.sendOnDemand('high');
    consumer.request(2);
    expect(consumer.values).toEqual(['low a', 'high', 'low b']);
  });

  test('maxBypass: one that waits goes after so many of others', () => {
    const { sources, consumer } = setUp([2, 1, 0], { maxBypass: 3 });
    sources.forEach((source, i) => {
      for (let n = 0; n < 12; n++) source.sendOnDemand('hml'[i]!);
    });
    consumer.request(16);
    expect(consumer.values.join('')).toBe('hhhmlhhmlhhmlhhm');
  });

  test('maxBypass: Infinity is a strict order', () => {
    const { sources, consumer } = setUp([1, 0], { maxBypass: Infinity });
    sources[1]!.sendOnDemand('low');
    for (let n = 0; n < 300; n++) sources[0]!.sendOnDemand('high');
    consumer.request(300);
    expect(consumer.values).not.toContain('low');
    consumer.request(1);
    expect(consumer.values.at(-1)).toBe('low');
  });

  test('sources of one priority take turns', () => {
    const { sources, consumer } = setUp([0, 0, 0]);
    sources.forEach((source, i) => {
      for (let n = 0; n < 4; n++) source.sendOnDemand('abc'[i]!);
    });
    consumer.request(9);
    expect(consumer.values.join('')).toBe('abcabcabc');
  });

  test('prefetch: so many are asked for ahead, of each', () => {
    const { sources, stages } = setUp([1, 0], { prefetch: 3, name: 'jobs' });
    expect(sources.map(({ requested }) => requested)).toEqual([3, 3]);
    for (let n = 0; n < 5; n++) sources[1]!.sendOnDemand('low');
    expect(stages.map(({ name, held }) => [name, held])).toEqual([
      ['jobs[0]', 0],
      ['jobs[1]', 3],
    ]);
  });

  test('a source that ignores demand: OverflowError after what it has waiting, or the policy that is named', () => {
    const { sources, consumer, drops } = setUp([1, 0]);
    for (const value of ['x', 'y']) sources[1]!.send(value);
    expect([consumer.end, sources[1]!.open, sources[0]!.open]).toEqual([undefined, 0, 1]);
    consumer.request(1);
    expect(consumer.values).toEqual(['x']);
    const { error } = consumer.end as { error: OverflowError };
    expect(error).toBeInstanceOf(OverflowError);
    expect(error).toMatchObject({ stage: 'mergePriority[1]', capacity: 1 });
    expect(drops.map(({ value, reason }) => [value, reason])).toEqual([['y', 'overflow']]);

    const named = setUp([1, 0], { overflow: 'drop-oldest' });
    for (const value of ['x', 'y']) named.sources[1]!.send(value);
    named.consumer.request(2);
    expect([named.consumer.values, named.drops.map(({ value }) => value)]).toEqual([['y'], ['x']]);
  });

  test('an error ends all, what waits of others is cancelled; it completes when all have; unsubscribing lets all go', () => {
    const { sources, consumer, drops } = setUp([2, 1, 0]);
    sources[2]!.send('low');
    sources[1]!.complete();
    sources[0]!.error('broken');
    expect([consumer.end, sources.map(({ open }) => open)]).toEqual([{ error: 'broken' }, [0, 0, 0]]);
    expect(drops).toMatchObject([{ value: 'low', reason: 'cancelled', stage: 'mergePriority[2]' }]);

    const completing = setUp([1, 0]);
    completing.sources[1]!.send('low');
    completing.sources[1]!.complete();
    completing.sources[0]!.complete();
    expect(completing.consumer.end).toBeUndefined();
    completing.consumer.request(1);
    expect([completing.consumer.values, completing.consumer.end]).toEqual([['low'], 'complete']);

    const leaving = setUp([1, 0]);
    leaving.consumer.unsubscribe();
    expect(leaving.sources.map(({ open }) => open)).toEqual([0, 0]);
  });

  test('no source at all completes; one that ends the stream while others are still to be subscribed', () => {
    expect(new ManualConsumer(mergePriority([])).end).toBe('complete');
    const never = new ManualSource<number>();
    const seen: number[] = [];
    mergePriority([{ source: of(1, 2), priority: 1 }, { source: never }])
      .pipe(take(1))
      .subscribe((value) => seen.push(value));
    expect([seen, never.subscriptions]).toEqual([[1], 0]);
  });

  test('each subscription is on its own', () => {
    const merged = mergePriority([{ source: pull([1, 2]) }, { source: pull([3]), priority: 1 }]);
    const [one, two] = [new ManualConsumer(merged), new ManualConsumer(merged)];
    one.request(9);
    two.request(1);
    expect([one.values, two.values]).toEqual([[3, 1, 2], [3]]);
  });

  test('values sent from inside next keep order, on a flat stack', () => {
    const sources = [new Subject<number>(), new Subject<number>()];
    const seen: number[] = [];
    mergePriority(sources.map((source, priority) => ({ source, priority }))).subscribe((value) => {
      seen.push(value);
      if (value < 40_000) sources[value % 2]!.next(value + 1);
    });
    sources[0]!.next(0);
    expect(seen).toEqual(Array.from({ length: 40_001 }, (_, i) => i));
  });

  test('whatever comes, and whoever asks: as in a model with a queue for each', () => {
    const step = fc.oneof(
      fc.record({ source: fc.nat(3), values: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ request: fc.integer({ min: 1, max: 5 }) }),
    );
    const priorities = fc.array(fc.nat(2), { minLength: 4, maxLength: 4 });
    const limits = fc.record({ prefetch: fc.integer({ min: 1, max: 3 }), maxBypass: fc.integer({ min: 1, max: 5 }) });
    const property = fc.property(
      fc.array(step, { maxLength: 60 }),
      priorities,
      limits,
      (script, priorities, limits) => {
        const { sources, consumer, stages } = setUp(priorities, limits);
        // Those at the front are the most important; of equals, the first that was given.
        const lines = priorities.map((priority, i) => ({ i, priority, queue: [] as string[], passedOver: 0 }));
        lines.sort((a, b) => b.priority - a.priority);
        const expected: string[] = [];
        let credit = 0;
        let sent = 0;
        const settle = (): void => {
          for (; credit > 0; credit--) {
            const waiting = lines.filter(({ queue }) => queue.length > 0);
            const starving = waiting.filter(({ passedOver }) => passedOver >= limits.maxBypass);
            const [most] = [...waiting].map(({ priority }) => priority);
            const among = starving.length > 0 ? starving : waiting.filter(({ priority }) => priority === most);
            const [next] = [...among].sort((a, b) => b.passedOver - a.passedOver);
            if (next === undefined) return;
            for (const line of waiting) line.passedOver++;
            next.passedOver = 0;
            expected.push(next.queue.shift()!);
          }
        };
        for (const act of script) {
          if ('request' in act) {
            credit += act.request;
            settle();
            consumer.request(act.request);
          } else {
            const line = lines.find(({ i }) => i === act.source)!;
            for (let n = 0; n < act.values && sources[act.source]!.requested > 0; n++) {
              const value = `${act.source}:${sent++}`;
              line.queue.push(value);
              settle();
              sources[act.source]!.send(value);
            }
          }
          expect(consumer.values).toEqual(expected);
          for (const { held } of stages) expect(held).toBeLessThanOrEqual(limits.prefetch);
        }
      },
    );
    fc.assert(property, { numRuns: runs });
  }, 60_000);

  test('demand goes past operators to each source', () => {
    let read = 0;
    const numbers = function* (): Generator<number> {
      for (;;) yield ++read;
    };
    const source = pull(numbers()).pipe(map((value) => value * 2));
    const consumer = new ManualConsumer(mergePriority([{ source }, { source: NEVER, priority: 1 }], { prefetch: 4 }));
    expect(read).toBe(4);
    consumer.unsubscribe();
  });

  test.each<[string, unknown, unknown, RegExp]>([
    ['inputs', NEVER, {}, /`inputs` to be an array of \{ source, priority \}, got an object/],
    ['source', [{ source: [1] }], {}, /`source` to be an Observable, got an array/],
    ['source', [{}], {}, /`source` to be an Observable, got undefined/],
    ['priority', [{ source: NEVER, priority: 1.5 }], {}, /`priority` to be an integer, got 1.5/],
    ['weight', [{ source: NEVER, weight: 1 }], {}, /`mergePriority` has no option `weight`/],
    ['prefetch', [], { prefetch: 0 }, /`prefetch` to be a positive integer or Infinity/],
    ['maxBypass', [], { maxBypass: 0 }, /`maxBypass` to be a positive integer or Infinity/],
    ['overflow', [], { overflow: 'drop' }, /`overflow` to be 'error', 'drop-oldest', 'drop-newest' or \{ merge \}/],
    ['onDrop', [], { onDrop: 1 }, /`onDrop` to be a function/],
    ['capacity', [], { capacity: 1 }, /`mergePriority` has no option `capacity`/],
  ])('a wrong `%s` throws at the call', (option, inputs, options, message) => {
    const call = (): unknown => mergePriority(inputs as never, options as never);
    expect(call).toThrow(OptionError);
    expect(call).toThrow(message);
    expect(call).toThrow(expect.objectContaining({ option }));
  });
});
