/** What docs/writing-your-own.md shows: sources by hand share a stage and neither overrun it nor starve; an operator by hand is lawful. */
import fc from 'fast-check';
import { merge, Observable } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { boundedBuffer, demandOf, pull, Sink, Stage, type MonitoredStage } from '../../src/index.js';
import { operatorLaws, type LawSubject } from '../../src/testing/index.js';

/** Asks `read` for one value after the other, until it gives undefined. */
function poll<T>(read: () => Promise<T | undefined>): Observable<T> {
  return new Observable((subscriber) => {
    const demand = demandOf(subscriber);
    let asking = false;
    let arrived: T | undefined;
    const go = (): void => {
      if (arrived !== undefined && demand.requested > 0) {
        const value = arrived;
        arrived = undefined;
        subscriber.next(value);
      }
      if (asking || arrived !== undefined || subscriber.closed || demand.requested <= 0) return;
      asking = true;
      read().then(
        (value) => {
          asking = false;
          if (value === undefined) return subscriber.complete();
          arrived = value;
          go();
        },
        (error: unknown) => subscriber.error(error),
      );
    };
    subscriber.add(demand.onRequest(go));
    go();
  });
}

/** The same without a look at the room when a value arrives: what not to do. */
function pollBlindly<T>(read: () => Promise<T | undefined>): Observable<T> {
  return new Observable((subscriber) => {
    const demand = demandOf(subscriber);
    let asking = false;
    const go = (): void => {
      if (asking || subscriber.closed || demand.requested <= 0) return;
      asking = true;
      void read().then((value) => {
        asking = false;
        if (value === undefined) return subscriber.complete();
        subscriber.next(value);
        go();
      });
    };
    subscriber.add(demand.onRequest(go));
    go();
  });
}

type Poll = typeof poll;

/** Merges sources of `lengths[i]` values each; `scheduler` says who is next to answer, or when the consumer asks for a value. */
async function mergeIn(scheduler: fc.Scheduler, make: Poll, lengths: number[], capacity: number): Promise<Outcome> {
  const outcome: Outcome = { values: [], mostHeld: 0, error: undefined };
  let stage: MonitoredStage;
  const turn = async (): Promise<void> => {
    await scheduler.schedule(Promise.resolve());
    outcome.mostHeld = Math.max(outcome.mostHeld, stage.held);
  };
  const sources = lengths.map((length, source) => {
    let n = 0;
    return make(async () => {
      await turn();
      return n < length ? { source, n: n++ } : undefined;
    });
  });
  const ended = new Promise<void>((resolve) => {
    const sink = Sink.on(
      merge(...sources).pipe(boundedBuffer({ capacity, monitor: { add: (added) => (stage = added) } })),
      {
        next: (value) => outcome.values.push(value),
        error: (error) => resolve(void (outcome.error = error)),
        complete: resolve,
      },
    );
    const consume = async (): Promise<void> => {
      for (; !sink.closed; await turn()) if (sink.requested === 0) sink.request(1);
    };
    void turn().then(consume);
  });
  await scheduler.waitFor(ended);
  return outcome;
}

interface Outcome {
  readonly values: { readonly source: number; readonly n: number }[];
  mostHeld: number;
  error: unknown;
}

const lengths = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 2, maxLength: 4 });
const capacity = fc.integer({ min: 1, max: 4 });

describe('asynchronous sources that share a stage', () => {
  test('never overrun it, and lose nothing, in whatever order they answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), lengths, capacity, async (scheduler, lengths, capacity) => {
        const { values, mostHeld, error } = await mergeIn(scheduler, poll, lengths, capacity);
        expect(error).toBeUndefined();
        expect(mostHeld).toBeLessThanOrEqual(capacity);
        for (const [source, length] of lengths.entries()) {
          const own = values.filter((value) => value.source === source).map(({ n }) => n);
          expect(own).toEqual(Array.from({ length }, (_, n) => n));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('would overrun it if they did not look again when a value arrives', async () => {
    const overrun = fc.asyncProperty(fc.scheduler(), lengths, capacity, async (scheduler, lengths, capacity) => {
      const { error } = await mergeIn(scheduler, pollBlindly, lengths, capacity);
      expect(error).toBeUndefined();
    });
    const { failed } = await fc.check(overrun, { numRuns: 500 });
    expect(failed).toBe(true);
  });

  test('take turns', async () => {
    const counts = [0, 0, 0];
    const sources = counts.map((_, source) => poll(async () => source));
    await new Promise<void>((resolve) => {
      const sink = Sink.on(merge(...sources).pipe(boundedBuffer({ capacity: 1 })), {
        next: (source) => {
          counts[source]!++;
          if (counts.reduce((a, b) => a + b) < 300) queueMicrotask(() => sink.request(1));
          else resolve(sink.unsubscribe());
        },
        error: () => resolve(),
        complete: () => resolve(),
      });
      sink.request(1);
    });
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(90);
  });
});

describe('synchronous sources that share a stage', () => {
  /** Endless, written by hand. */
  const endless = (name: string): Observable<string> =>
    new Observable((subscriber) => {
      const demand = demandOf(subscriber);
      let emitting = false;
      const emit = (): void => {
        if (emitting) return;
        emitting = true;
        while (demand.requested > 0 && !subscriber.closed) subscriber.next(name);
        emitting = false;
      };
      subscriber.add(demand.onRequest(emit));
      emit();
    });

  test('take turns, and so do those of `pull` beside them', () => {
    const seen: string[] = [];
    const named = function* (): Generator<string> {
      for (;;) yield 'c';
    };
    const sink = Sink.on(merge(endless('a'), endless('b'), pull(named())), {
      next: (name) => seen.push(name),
      error: () => undefined,
      complete: () => undefined,
    });
    for (let i = 0; i < 30; i++) sink.request(1);
    sink.unsubscribe();
    expect(seen.join('')).toBe('abc'.repeat(10));
  });

  test('behind a buffer, none gets ahead of another by more than two buffers', () => {
    const counts: Record<string, number> = { a: 0, b: 0 };
    const sink = Sink.on(merge(endless('a'), endless('b')).pipe(boundedBuffer({ capacity: 8 })), {
      next: (name) => counts[name]!++,
      error: () => undefined,
      complete: () => undefined,
    });
    for (let i = 0; i < 400; i++) {
      sink.request(1);
      expect(Math.abs(counts['a']! - counts['b']!)).toBeLessThanOrEqual(16);
    }
    sink.unsubscribe();
  });
});

describe('an operator by hand, `latest`', () => {
  class Latest<T> extends Stage<T> {
    private readonly values: T[] = [];

    get requested(): number {
      return this.ending ? 0 : 1 - this.values.length;
    }

    get held(): number {
      return this.values.length;
    }

    protected accept(value: T): void {
      this.clear('evicted');
      this.values.push(value);
      this.run();
    }

    protected work(): void {
      while (this.values.length > 0 && this.downstream.requested > 0) this.emit(this.values.pop()!);
    }

    protected clear(reason: 'evicted' | 'cancelled' = 'cancelled'): void {
      for (const value of this.values.splice(0)) this.drop(value, reason);
    }
  }

  const subject: LawSubject = {
    name: 'latest',
    create: (setup) => (source) =>
      new Observable<number>((out) => void source.subscribe(new Latest<number>(out, { ...setup, name: 'latest' }))),
    bound: 1,
    drops: ['evicted'],
  };

  test.each(operatorLaws)('$semantics: $name', (law) => {
    law.check(subject, { runs: 300 });
  });
});
