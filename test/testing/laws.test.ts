import { concatMap, config, delay, identity, Observable, of, type OperatorFunction, type Unsubscribable } from 'rxjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { boundedBuffer, OverflowError, Stage, type DropReason } from '../../src/index.js';
import { operatorLaws, type LawSetup, type LawSubject } from '../../src/testing/index.js';

/** A buffer of 3, with room for faults. */
class Buffer extends Stage<number> {
  protected readonly values: number[] = [];

  get requested(): number {
    return this.ending ? 0 : 3 - this.values.length;
  }

  get held(): number {
    return this.values.length;
  }

  protected accept(value: number): void {
    if (this.values.length >= 3) return this.drop(value, 'overflow');
    this.values.push(value);
    this.run();
  }

  protected work(): void {
    while (this.values.length > 0 && this.downstream.requested > 0) this.emit(this.values.shift()!);
  }

  protected clear(): void {
    for (const value of this.values.splice(0)) this.drop(value, 'cancelled');
  }
}

const faults: Record<string, { breaks: string; create: (setup: LawSetup) => OperatorFunction<number, number> }> = {
  'grows past its bound': {
    breaks: 'never holds more than its bound',
    create: stage(
      class extends Buffer {
        protected override accept(value: number): void {
          this.values.push(value);
          this.run();
        }
      },
    ),
  },
  'emits without demand': { breaks: 'emits only what was asked for', create: () => identity },
  'asks for more than it takes': {
    breaks: 'takes what it asked for',
    create: stage(
      class extends Buffer {
        override get requested(): number {
          return this.ending ? 0 : 4 - this.values.length;
        }
      },
    ),
  },
  'loses a value in silence': {
    breaks: 'its ledger adds up at every instant',
    create: stage(
      class extends Buffer {
        protected override work(): void {
          if (this.values.length === 2) this.values.pop();
          super.work();
        }
      },
    ),
  },
  'drops what is old': {
    breaks: 'loses nothing, unless by a policy that was named',
    create: stage(
      class extends Buffer {
        protected override accept(value: number): void {
          if (this.values.length >= 3) this.drop(this.values.shift(), 'evicted');
          super.accept(value);
        }
      },
    ),
  },
  'gives up what it had accepted': {
    breaks: 'what it accepted is delivered, also when it overflows',
    create: stage(
      class extends Buffer {
        protected override accept(value: number): void {
          if (this.values.length < 3) return super.accept(value);
          this.drop(value, 'overflow');
          this.fail(new Error('full'));
        }
      },
    ),
  },
  'serves the newest first': {
    breaks: 'keeps the order it promises',
    create: stage(
      class extends Buffer {
        protected override work(): void {
          while (this.values.length > 0 && this.downstream.requested > 0) this.emit(this.values.pop()!);
        }
      },
    ),
  },
  'ends before what it holds': {
    breaks: 'ends after what it holds, and once',
    create: stage(
      class extends Buffer {
        protected override _complete(): void {
          this.out.complete();
        }
      },
    ),
  },
  'gives up what it holds when it is drained': {
    breaks: 'draining takes nothing more, and loses nothing',
    create: stage(
      class extends Buffer {
        override complete(): void {
          this.clear();
          super.complete();
        }
      },
    ),
  },
  'forgets to let work go': {
    breaks: 'unsubscribing releases everything, and says what was dropped',
    create:
      ({ work, ...options }) =>
      (source) =>
        new Observable((subscriber) =>
          source.pipe(boundedBuffer({ capacity: 3, ...options })).subscribe({
            next: (value) => work(value).subscribe((result) => subscriber.next(result)),
            error: (error) => subscriber.error(error),
          }),
        ),
  },
  'goes on after it was unsubscribed inside next': {
    breaks: 'unsubscribing from inside a callback releases everything too',
    create: stage(
      class extends Buffer {
        private timer: Unsubscribable | undefined;

        protected override work(): void {
          super.work();
          this.timer ??= this.scheduler.schedule(() => (this.timer = undefined), 1_000);
        }

        protected override clear(): void {
          super.clear();
          this.timer?.unsubscribe();
        }
      },
    ),
  },
  recurses: {
    breaks: 'keeps order and a flat stack when a value is sent from inside next',
    create: () => (source) =>
      new Observable((subscriber) =>
        source.subscribe({
          next: (value) => subscriber.next(value),
          error: (error) => subscriber.error(error),
        }),
      ),
  },
  'uses the real clock': {
    breaks: 'takes time from its scheduler only',
    create: () => (source) =>
      source.pipe(
        boundedBuffer({ capacity: 3 }),
        concatMap((value) => of(value).pipe(delay(1))),
      ),
  },
  'shares its values between subscriptions': {
    breaks: 'shares nothing between two subscriptions',
    create: () => {
      const values: number[] = [];
      class Sharing extends Buffer {
        protected override readonly values: number[] = values;
      }
      return operator(Sharing, {});
    },
  },
};

function stage(Class: typeof Buffer): (setup: LawSetup) => OperatorFunction<number, number> {
  return ({ scheduler, monitor, onDrop }) => operator(Class, { scheduler, monitor, onDrop });
}

function operator(Class: typeof Buffer, options: object): OperatorFunction<number, number> {
  return (source) =>
    new Observable((subscriber) => void source.subscribe(new Class(subscriber, { name: 'buffer', ...options })));
}

/** Lets each three values go together, what is left at the end too. */
class Triples extends Stage<number, readonly number[]> {
  protected readonly values: number[] = [];

  get requested(): number {
    return this.ending ? 0 : 3 - this.values.length;
  }

  get held(): number {
    return this.values.length;
  }

  protected accept(value: number): void {
    if (this.values.length === 3) {
      this.drop(value, 'overflow');
      return this.endWith(new OverflowError(this.name, 3, 'make it wait'));
    }
    this.values.push(value);
    this.run();
  }

  protected work(): void {
    while (this.downstream.requested > 0 && this.values.length >= (this.ending ? 1 : 3)) {
      const triple = this.values.splice(0);
      this.countOut(triple.length);
      this.pass(triple);
    }
  }

  protected clear(): void {
    for (const value of this.values.splice(0)) this.drop(value, 'cancelled');
  }
}

function triples(Class: typeof Triples = Triples): LawSubject['create'] {
  return ({ scheduler, monitor, onDrop }) =>
    (source) =>
      new Observable((out) => void source.subscribe(new Class(out, { name: 'triples', scheduler, monitor, onDrop })));
}

const subject = (name: string, create: LawSubject['create']): LawSubject => ({
  name,
  create,
  bound: 3,
  drops: ['overflow', 'rate'] satisfies DropReason[],
});

describe('the laws', () => {
  beforeAll(() => {
    config.onUnhandledError = () => undefined;
  });
  afterAll(() => {
    config.onUnhandledError = null;
  });

  test.each(operatorLaws)('an operator that keeps them passes: $name', (law) => {
    law.check(subject('sound', stage(Buffer)), { runs: 200 });
  });

  test.each(Object.entries(faults))('an operator that %s is found out', async (name, { breaks, create }) => {
    const law = operatorLaws.find((candidate) => candidate.name === breaks);
    expect(law, breaks).toBeDefined();
    expect(() => law!.check(subject(name, create), { runs: 1_000, seed: 1 })).toThrow();
    await new Promise((resolve) => setTimeout(resolve)); // RxJS reports a stack that overflowed in a consumer later
  });

  test.each(operatorLaws)('one that holds values back passes, when its subject says so: $name', (law) => {
    law.check({ ...subject('triples', triples()), holdsBack: 2 }, { runs: 200 });
  });

  describe('of one that holds values back', () => {
    const reentrant = operatorLaws.find(({ name }) => name.includes('sent from inside next'))!;

    test('it is said that it holds back more than its subject says', () => {
      expect(() => reentrant.check({ ...subject('triples', triples()), holdsBack: 1 })).toThrow(
        'it stopped after 0 of 20000, with 1 held back',
      );
    });

    test('one that forgets the rest is found out', () => {
      class Forgetful extends Triples {
        protected override work(): void {
          if (this.ending) this.clear();
          super.work();
        }
      }
      expect(() => reentrant.check({ ...subject('forgetful', triples(Forgetful)), holdsBack: 2 })).toThrow('20000');
    });

    test('one that recurses is found out', async () => {
      const recursing: LawSubject['create'] = () => (source) =>
        new Observable((out) => {
          const values: number[] = [];
          const flush = (): void => out.next(values.splice(0));
          return source.subscribe({
            next: (value) => values.push(value) === 3 && flush(),
            error: (error) => out.error(error),
            complete: () => (flush(), out.complete()),
          });
        });
      expect(() => reentrant.check({ ...subject('recursing', recursing), holdsBack: 2 })).toThrow(
        /^it stopped after \d{3,4} of 20000/,
      );
      await new Promise((resolve) => setTimeout(resolve));
    });
  });

  test('a failure says what is wrong, and how to run it again', () => {
    const law = operatorLaws.find(({ name }) => name === 'emits only what was asked for')!;
    expect(() =>
      law.check(
        subject('identity', () => identity),
        { seed: 7 },
      ),
    ).toThrow(/seed: 7, path: "[^]*it emitted a value that nobody had asked for/);
  });
});
