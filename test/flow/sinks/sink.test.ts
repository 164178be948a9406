import { config, finalize, map, of, Subject, type Observable, type Observer, type Subscription } from 'rxjs';
import { afterEach, describe, expect, test, vi } from 'vitest';
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

  test('tells its observer the end as any subscriber does: first the observer, then the finalizers', () => {
    const logged = (subscribe: (source: Observable<number>, observer: Observer<number>) => unknown) =>
      (['complete', 'error', 'throw', 'unsubscribe'] as const).map((end) => {
        const log: string[] = [];
        const source = new Subject<number>();
        const traced = source.pipe(
          finalize(() => log.push('inner')),
          map((value) => {
            if (end === 'throw') throw new Error('map');
            return value;
          }),
          finalize(() => log.push('outer')),
        );
        const subscription = subscribe(traced, {
          next: () => undefined,
          error: () => log.push('error'),
          complete: () => log.push('complete'),
        }) as Subscription;
        subscription.add(() => log.push('added'));
        if (end === 'throw') source.next(1);
        else if (end === 'unsubscribe') subscription.unsubscribe();
        else source[end](new Error('broken'));
        return log;
      });
    const sink = logged((source, observer) => Sink.on(source, observer));
    expect(sink).toEqual(logged((source, observer) => source.subscribe(observer)));
    expect(sink[0]).toEqual(['complete', 'inner', 'outer', 'added']);
  });

  test('asks for nothing once it has ended, not even from inside complete', () => {
    const source = new Subject<number>();
    const asked: number[] = [];
    const sink: Sink<number> = Sink.on(source, {
      next: () => undefined,
      error: expect.unreachable,
      complete: () => {
        sink.request(3);
        asked.push(sink.requested);
      },
    });
    sink.request(2);
    source.complete();
    sink.request(1);
    expect([...asked, sink.requested]).toEqual([0, 0]);
  });

  test('what next throws lets the source go and becomes the error; the source’s loop never sees it', () => {
    const failure = new Error('consumer');
    const error = vi.fn();
    const source = new Subject<number>();
    const others: number[] = [];
    const sink = Sink.on(source, {
      next: () => {
        throw failure;
      },
      error,
      complete: expect.unreachable,
    });
    source.subscribe((value) => others.push(value));
    sink.request(2);
    source.next(1);
    source.next(2);
    expect(error.mock.calls).toEqual([[failure]]);
    expect([sink.closed, others]).toEqual([true, [1, 2]]);
  });

  test('what next throws lets a pulled source go', () => {
    const failure = new Error('consumer');
    let closed = false;
    function* numbers(): Generator<number> {
      try {
        for (let n = 0; ; n++) yield n;
      } finally {
        closed = true;
      }
    }
    const error = vi.fn();
    const sink = Sink.on(pull(numbers()), {
      next: (n) => {
        if (n === 2) throw failure;
      },
      error,
      complete: expect.unreachable,
    });
    sink.request(9);
    expect(error.mock.calls).toEqual([[failure]]);
    expect(closed).toBe(true);
  });

  describe('what an observer throws when it has ended', () => {
    afterEach(() => {
      config.onUnhandledError = null;
    });

    test.each(['next', 'error', 'complete'] as const)('%s: is reported as unhandled', async (kind) => {
      const reported = new Promise<unknown>((resolve) => (config.onUnhandledError = resolve));
      const failure = new Error('observer');
      const source = new Subject<number>();
      let finalized = false;
      const fail = (): never => {
        sink.unsubscribe();
        throw failure;
      };
      const sink: Sink<number> = Sink.on(source.pipe(finalize(() => (finalized = true))), {
        next: fail,
        error: fail,
        complete: fail,
      });
      sink.request(1);
      source[kind](1);
      expect(await reported).toBe(failure);
      expect(finalized).toBe(true);
    });
  });
});
