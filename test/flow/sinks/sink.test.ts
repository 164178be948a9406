import { of, Subject } from 'rxjs';
import { describe, expect, test, vi } from 'vitest';
import { OverflowError, pull, Sink, OptionError } from '../../../src/index.js';

describe('Sink', () => {
  test('takes as many values as were requested, also from inside next', () => {
    const seen: number[] = [];
    const sink: Sink<number> = Sink.on(pull([1, 2, 3, 4, 5]), {
      next: (value) => {
        seen.push(value);
        if (value < 3) sink.request(1);
      },
      error: expect.unreachable,
      complete: expect.unreachable,
    });
    sink.request(1);
    expect(seen).toEqual([1, 2, 3]);
    expect(sink.requested).toBe(0);
    sink.unsubscribe();
  });

  test('a value nobody asked for is an OverflowError, and unsubscribes', () => {
    const error = vi.fn();
    const source = new Subject<number>();
    Sink.on<number>(source, { next: () => expect.unreachable(), error, complete: expect.unreachable });
    source.next(1);
    expect(error.mock.calls[0]![0]).toBeInstanceOf(OverflowError);
    expect(source.observed).toBe(false);
  });

  test('completion needs no request', () => {
    const complete = vi.fn();
    Sink.on(of(), { next: expect.unreachable, error: expect.unreachable, complete });
    expect(complete).toHaveBeenCalledOnce();
  });

  test.each([NaN, -1, 1.5, '2', undefined])('request(%j) is refused, and changes nothing', (n) => {
    const seen: number[] = [];
    const sink = Sink.on(pull([1, 2]), {
      next: (v) => seen.push(v),
      error: expect.unreachable,
      complete: () => undefined,
    });
    expect(() => sink.request(n as number)).toThrow(OptionError);
    expect([sink.requested, seen]).toEqual([0, []]);
    sink.request(0);
    sink.request(Infinity);
    expect(seen).toEqual([1, 2]);
  });

  test('refuses an observer without its three functions, and a source that is no Observable', () => {
    expect(() => new Sink({ next: () => undefined } as never)).toThrow('Expected `error` to be a function');
    expect(() => new Sink(undefined as never)).toThrow(OptionError);
    const observer = { next: () => undefined, error: () => undefined, complete: () => undefined };
    expect(() => Sink.on([1] as never, observer)).toThrow('Expected `source` to be an Observable');
  });
});
