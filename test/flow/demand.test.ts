import { EMPTY, filter, map, merge, Observable, scan, Subscriber, take } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { demandOf, pull, Sink, type Demand } from '../../src/index.js';

/** Subscribes a source that only looks at its demand. */
function demandBehind(pipe: (source: Observable<number>) => Observable<unknown>, sink: Subscriber<unknown>): Demand {
  let demand: Demand | undefined;
  pipe(new Observable<number>((subscriber) => void (demand = demandOf(subscriber)))).subscribe(sink);
  return demand!;
}

const ignore = { next: () => undefined, error: () => undefined, complete: () => undefined };

describe('demandOf', () => {
  test('finds the stage through operators', () => {
    const sink = new Sink<unknown>(ignore);
    const demand = demandBehind(
      (source) =>
        source.pipe(
          map((n) => n + 1),
          filter((n) => n > 0),
          scan((a, b) => a + b),
          take(3),
        ),
      sink,
    );
    expect(demand.requested).toBe(0);
    sink.request(2);
    expect(demand.requested).toBe(2);
  });

  test('is unbounded when nobody limits', () => {
    const demand = demandBehind((source) => source.pipe(map((n) => n)), new Subscriber());
    expect(demand.requested).toBe(Infinity);
    demand.onRequest(() => undefined).unsubscribe();
  });

  test('of a subscriber that is closed is unbounded, and nothing is emitted to it', () => {
    const closed = new Subscriber<number>();
    closed.unsubscribe();
    expect(demandOf(closed).requested).toBe(Infinity);
    pull([1]).subscribe(closed);
  });

  test('two copies of the package work in one pipeline', async () => {
    const { vi } = await import('vitest');
    vi.resetModules();
    const copy = await import('../../src/index.js');
    expect(copy.Sink).not.toBe(Sink);
    const seen: number[] = [];
    const sink = new copy.Sink<number>({ ...ignore, next: (value) => seen.push(value) });
    pull([1, 2, 3]).subscribe(sink);
    expect(seen).toEqual([]);
    sink.request(2);
    expect(seen).toEqual([1, 2]);
    sink.unsubscribe();
  });
});

describe('several sources of one demand', () => {
  test('are woken in turn', () => {
    const seen: string[] = [];
    const sink = new Sink<string>({ ...ignore, next: (value) => seen.push(value) });
    merge(pull('aaaa'), pull('bbbb'), pull('cccc')).subscribe(sink);
    for (let i = 0; i < 12; i++) sink.request(1);
    expect(seen.join('')).toBe('abcabcabcabc');
  });

  test('one that ends leaves the others their turn', () => {
    const seen: string[] = [];
    const sink = new Sink<string>({ ...ignore, next: (value) => seen.push(value) });
    merge(pull('a'), pull('bbb'), EMPTY, pull('ccc')).subscribe(sink);
    for (let i = 0; i < 7; i++) sink.request(1);
    expect([...seen].sort().join('')).toBe('abbbccc');
  });
});
