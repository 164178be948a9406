/** The life of workers under random interleavings: calls, makings and checks settle in any order, while concurrency and time change. */
import fc from 'fast-check';
import { BehaviorSubject, Observable, type Subscriber, type Subscription } from 'rxjs';
import { expect, test } from 'vitest';
import { fixed, pool, workers } from '../../../src/index.js';
import { ManualSource, VirtualTime } from '../../../src/testing/index.js';

const runs = Number(process.env['SLUICE_RUNS'] ?? 1_000);

/** Something whose outcome the run has yet to choose; a PromiseLike that settles at once, so that no run needs to wait. */
class Open<V> implements PromiseLike<V> {
  private callbacks: [(value: V) => void, (error: unknown) => void][] = [];

  then<A, B>(
    yes?: ((value: V) => A | PromiseLike<A>) | null,
    no?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    this.callbacks.push([(value) => yes?.(value), (error) => no?.(error)]);
    return undefined as never;
  }

  settle(outcome: { readonly value: V } | 'rejected'): void {
    for (const [yes, no] of this.callbacks.splice(0)) {
      if (outcome === 'rejected') no(new Error('rejected'));
      else yes(outcome.value);
    }
  }
}

type Step =
  | { readonly do: 'send' | 'made' | 'not made' | 'healthy' | 'sick' | 'finish' | 'fail'; readonly which: number }
  | { readonly do: 'concurrency' | 'advance'; readonly to: number };

interface Setting {
  readonly max: number;
  readonly idling: { readonly min: number; readonly idleTimeout: number | undefined };
  readonly timeout: number | undefined;
  readonly callTimeout: number | undefined;
  readonly checked: boolean;
  readonly end: 'complete' | 'error' | 'unsubscribe';
}

class Model {
  readonly time: VirtualTime = new VirtualTime();
  readonly source: ManualSource<number> = new ManualSource<number>();
  readonly concurrency: BehaviorSubject<number> = new BehaviorSubject(2);
  readonly making: Open<number>[] = [];
  readonly checking: Open<boolean>[] = [];
  readonly calls: { readonly worker: number; readonly subscriber: Subscriber<string> }[] = [];
  /** Workers that were made and not destroyed. */
  readonly alive: Set<number> = new Set<number>();
  readonly results: string[] = [];
  highest = 2;
  made = 0;
  sent = 0;
  ended: unknown;
  subscription: Subscription;

  constructor(setting: Setting) {
    const { max, idling, timeout, callTimeout, checked } = setting;
    const life = workers({
      create: () => {
        const making = new Open<number>();
        this.making.push(making);
        return making;
      },
      run: (worker: number) => {
        expect(this.alive, 'a call on a worker that was destroyed').toContain(worker);
        expect(
          this.calls.map((call) => call.worker),
          'two calls on one worker',
        ).not.toContain(worker);
        return new Observable<string>((subscriber) => {
          const call = { worker, subscriber };
          this.calls.push(call);
          return () => this.calls.splice(this.calls.indexOf(call), 1);
        });
      },
      destroy: (worker) => {
        expect(this.alive.delete(worker), 'destroyed twice').toBe(true);
      },
      healthy: checked
        ? () => {
            const check = new Open<boolean>();
            this.checking.push(check);
            return check;
          }
        : undefined,
      backoff: fixed(10),
      attempts: Infinity,
      ...{ max, ...idling, timeout },
    });
    this.subscription = this.source
      .pipe(
        pool(life, {
          concurrency: this.concurrency,
          waiting: Infinity,
          scheduler: this.time.scheduler,
          timeout: callTimeout,
          retry: { attempts: Infinity, backoff: fixed(5) },
        }),
      )
      .subscribe({
        next: (result) => this.results.push(result),
        error: (error: unknown) => (this.ended = error),
        complete: () => (this.ended = 'complete'),
      });
  }

  take(step: Step): void {
    switch (step.do) {
      case 'send':
        return this.source.send(this.sent++);
      case 'made':
        return pick(this.making, step.which)?.settle({ value: this.newWorker() });
      case 'not made':
        return pick(this.making, step.which)?.settle('rejected');
      case 'healthy':
        return pick(this.checking, step.which)?.settle({ value: true });
      case 'sick':
        return pick(this.checking, step.which)?.settle(step.which % 2 === 0 ? { value: false } : 'rejected');
      case 'finish': {
        const call = this.calls[step.which % Math.max(1, this.calls.length)];
        call?.subscriber.next('done');
        return call?.subscriber.complete();
      }
      case 'fail':
        return this.calls[step.which % Math.max(1, this.calls.length)]?.subscriber.error(new Error('failed'));
      case 'concurrency':
        this.highest = Math.max(this.highest, step.to);
        return this.concurrency.next(step.to);
      case 'advance':
        return this.time.advanceBy(step.to);
    }
  }

  check(max: number): void {
    this.time.advanceBy(0); // a call that failed, or was aborted, has its successor start after it
    expect(this.alive.size, 'more workers than ever ran at once').toBeLessThanOrEqual(Math.min(this.highest, max));
    expect(new Set(this.calls.map(({ worker }) => worker)).size).toBe(this.calls.length);
    const idle = this.alive.size - this.calls.length - this.checking.length;
    if (this.checking.length === 0)
      expect(idle, 'idle above the concurrency').toBeLessThanOrEqual(Math.max(0, this.concurrency.value));
    expect(this.time.pending, 'a timer each of the pool and its workers').toBeLessThanOrEqual(2);
  }

  /** Lets everything succeed until there is nothing to do. */
  finish(): void {
    this.concurrency.next(Math.max(1, this.concurrency.value));
    for (let round = 0; this.results.length < this.sent && round < 1_000; round++) {
      for (const step of ['made', 'healthy', 'finish'] as const) this.take({ do: step, which: 0 });
      this.time.advanceBy(1);
    }
  }

  private newWorker(): number {
    this.alive.add(++this.made);
    return this.made;
  }
}

function pick<V>(from: V[], which: number): V | undefined {
  return from.length === 0 ? undefined : from.splice(which % from.length, 1)[0];
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('send', 'made', 'finish'), which: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('not made', 'healthy', 'sick', 'fail'), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('concurrency'), to: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('advance'), to: fc.nat(40) }) },
);

const setting: fc.Arbitrary<Setting> = fc.record({
  max: fc.constantFrom(1, 2, Infinity),
  idling: fc.constantFrom({ min: 0, idleTimeout: undefined }, { min: 0, idleTimeout: 20 }, { min: 1, idleTimeout: 20 }),
  timeout: fc.constantFrom(undefined, 30),
  callTimeout: fc.constantFrom(undefined, 25),
  checked: fc.boolean(),
  end: fc.constantFrom('complete', 'error', 'unsubscribe'),
});

test('one call a worker, never more workers than calls, nothing lost, all destroyed at the end', () => {
  let cutShort = 0;
  fc.assert(
    fc.property(setting, fc.array(step, { maxLength: 60, size: 'max' }), (chosen, steps) => {
      const model = new Model(chosen);
      for (const one of steps) {
        if (one.do === 'made' && model.making.length === 0) continue;
        model.take(one);
        model.check(chosen.max);
      }
      if (chosen.end === 'complete') {
        model.finish();
        expect(model.results).toHaveLength(model.sent);
        model.source.complete();
        expect(model.ended).toBe('complete');
      } else if (chosen.end === 'error') {
        const waits = model.sent > model.results.length;
        model.concurrency.error(new Error('over'));
        expect(model.ended).toMatchObject({ message: 'over' });
        if (waits) cutShort++;
      } else {
        model.subscription.unsubscribe();
      }
      // What is made when nobody waits any more is destroyed as soon as it is there.
      while (model.making.length > 0) model.take({ do: 'made', which: 0 });
      while (model.checking.length > 0) model.take({ do: 'healthy', which: 0 });
      expect([...model.alive]).toEqual([]);
      expect(model.calls).toEqual([]);
      expect(model.time.pending).toBe(0);
    }),
    { numRuns: runs },
  );
  expect(cutShort, 'runs that ended with work in the pool').toBeGreaterThan(runs / 20);
});
