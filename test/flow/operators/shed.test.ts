import fc from 'fast-check';
import { config, Subject, type SchedulerLike, type Subscription } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { shed, type ShedOptions } from '../../../src/flow/operators/shed.js';
import {
  OptionError,
  pool,
  pull,
  ReturnError,
  type Drop,
  type Ledger,
  type MonitoredStage,
} from '../../../src/index.js';
import { ManualConsumer, ManualSource, VirtualTime } from '../../../src/testing/index.js';

interface Job {
  readonly id: string;
  readonly p: number;
  readonly due?: number;
}

/** `a1` is a job of priority 1. */
const job = (id: string, due = Infinity): Job => ({ id, p: Number(id.slice(1)), due });

/** A clock that tests set forward and back. */
class Clock {
  readonly time: VirtualTime = new VirtualTime();
  offset = 0;
  readonly scheduler: SchedulerLike = {
    now: () => this.time.scheduler.now() + this.offset,
    schedule: (work, delay, state) => this.time.scheduler.schedule(work as never, delay ?? 0, state),
  };
}

function setUp(options: Partial<ShedOptions<Job>> = {}) {
  const clock = new Clock();
  const drops: Drop[] = [];
  const source = new ManualSource<Job>();
  const stages: MonitoredStage[] = [];
  const operator = shed<Job>({
    capacity: 3,
    priority: ({ p }) => p,
    onDrop: (drop) => void drops.push(drop),
    scheduler: clock.scheduler,
    monitor: { add: (stage) => void stages.push(stage) },
    ...options,
  });
  const consumer = new ManualConsumer(source.pipe(operator));
  const send = (...ids: string[]): void => ids.forEach((id) => source.send(job(id)));
  const got = (): string[] => consumer.values.map(({ id }) => id);
  const gone = (): string[] => drops.map(({ value, reason }) => `${(value as Job).id} ${reason}`);
  const ledger = () => {
    const { in: arrived, out, dropped, held } = stages[0]!.ledger;
    expect(arrived).toBe(out + dropped + held);
    expect(dropped).toBe(drops.length);
    return { arrived, out, dropped, held };
  };
  return { clock, time: clock.time, drops, source, consumer, send, got, gone, ledger };
}

const throwing = (failure: unknown) => (): never => {
  throw failure;
};

describe('shed: service', () => {
  test('passes straight through when downstream has room and nothing is held', () => {
    const { source, consumer, send, got } = setUp();
    consumer.request(1);
    send('a0');
    expect(got()).toEqual(['a0']);
    expect(source.requested).toBe(3);
    send('b0');
    expect(source.requested).toBe(2);
  });

  test('with nobody limiting downstream it is transparent: marbles', () => {
    new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(
      ({ hot, expectObservable, expectSubscriptions }) => {
        const source = hot('--a-(bc)-d|');
        expectObservable(source.pipe(shed({ capacity: 1, priority: () => 0 }))).toBe('--a-(bc)-d|');
        expectSubscriptions(source.subscriptions).toBe('^---------!');
      },
    );
  });

  test('the highest lane first, in arrival order within one', () => {
    const { consumer, send, got } = setUp({ capacity: 9 });
    send('a1', 'b-2', 'c3', 'd1', 'e3', 'f0');
    consumer.request(9);
    expect(got()).toEqual(['c3', 'e3', 'a1', 'd1', 'f0', 'b-2']);
  });

  test('values sent from inside next are served by priority, not before', () => {
    const source = new Subject<Job>();
    const seen: string[] = [];
    source.pipe(shed({ capacity: 9, priority: ({ p }) => p })).subscribe(({ id }) => {
      seen.push(id);
      if (id === 'a1') for (const next of ['b0', 'c2', 'd1']) source.next(job(next));
    });
    source.next(job('a1'));
    expect(seen).toEqual(['a1', 'c2', 'd1', 'b0']);
  });

  test('drops nothing while downstream has room that it has not called for yet', () => {
    const work: Subject<string>[] = [];
    const drops: Drop[] = [];
    const source = new Subject<Job>();
    const pooled = pool(() => (work.push(new Subject()), work.at(-1)!), { concurrency: 1, waiting: 8 });
    const subscription = source
      .pipe(shed({ capacity: 2, priority: ({ p }) => p, onDrop: (drop) => void drops.push(drop) }), pooled)
      .subscribe();
    for (let i = 0; i < 11; i++) source.next(job('a1'));
    work[0]!.complete(); // the pool has a place again, and calls when it has four
    source.next(job('b1'));
    expect(drops).toEqual([]);
    source.next(job('c1'));
    expect(drops).toMatchObject([{ value: { id: 'c1' }, reason: 'overflow' }]);
    subscription.unsubscribe();
  });
});

describe('shed: overflow', () => {
  test('a higher one evicts the newest of the lowest lane; an equal or lower one goes itself', () => {
    const { consumer, send, got, gone } = setUp();
    send('a1', 'b1', 'c2');
    send('d1', 'e0', 'f3', 'g2', 'h2');
    expect(gone()).toEqual(['d1 overflow', 'e0 overflow', 'b1 evicted', 'a1 evicted', 'h2 overflow']);
    consumer.request(9);
    expect(got()).toEqual(['f3', 'c2', 'g2']);
  });

  test('a capacity of 1 keeps the most important', () => {
    const { consumer, send, got, gone } = setUp({ capacity: 1 });
    send('a0', 'b5', 'c5', 'd4', 'e7');
    expect(gone()).toEqual(['a0 evicted', 'c5 overflow', 'd4 overflow', 'b5 evicted']);
    consumer.request(2);
    expect(got()).toEqual(['e7']);
  });

  test('what is reported: value, reason, stage and age; the ledger adds up from inside onDrop too', () => {
    const drops: Drop[] = [];
    const ledgers: Ledger[] = [];
    const stages: MonitoredStage[] = [];
    const { time, send } = setUp({
      capacity: 1,
      name: 'inbox',
      monitor: { add: (stage) => void stages.push(stage) },
      onDrop: (drop) => {
        drops.push(drop);
        ledgers.push(stages[0]!.ledger);
      },
    });
    send('a1');
    time.advanceBy(7);
    send('b2');
    expect(drops).toEqual([{ value: job('a1'), reason: 'evicted', stage: 'inbox', age: 7 }]);
    expect(ledgers).toEqual([{ stage: 'inbox', in: 2, out: 0, dropped: 1, reasons: { evicted: 1 }, held: 1 }]);
  });

  test('a source that respects demand is paused and never shed', () => {
    const drops: Drop[] = [];
    const all = Array.from({ length: 1_000 }, (_, i) => i);
    const operator = shed<number>({ capacity: 4, priority: (i) => i % 5, onDrop: (drop) => void drops.push(drop) });
    const consumer = new ManualConsumer(pull(all).pipe(operator));
    for (let i = 0; i < 1_000; i++) consumer.request(1);
    expect(drops).toEqual([]);
    expect([...consumer.values].sort((a, b) => a - b)).toEqual(all);
    expect(consumer.end).toBe('complete');
  });

  test('a source that sleeps is woken when half is free', () => {
    const { source, consumer } = setUp({ capacity: 4 });
    for (let i = 1; i <= 6; i++) source.sendOnDemand(job(`a${i}`));
    expect(source.unsent).toBe(2);
    consumer.request(1);
    expect(source.unsent).toBe(2);
    consumer.request(1);
    expect(source.unsent).toBe(0);
  });
});

describe('shed: staleness', () => {
  test('maxAge drops what is stale when its turn comes, by the clock, without a timer', () => {
    const { consumer, send, got, drops, time } = setUp({ maxAge: 100 });
    send('a1');
    time.advanceBy(60);
    send('b0');
    time.advanceBy(41);
    expect(time.pending).toBe(0);
    consumer.request(1);
    expect(got()).toEqual(['b0']);
    expect(drops).toEqual([{ value: job('a1'), reason: 'expired', stage: 'shed', age: 101 }]);
  });

  test('an age of exactly maxAge is not too old', () => {
    const { consumer, send, got, time } = setUp({ maxAge: 100 });
    send('a1');
    time.advanceBy(100);
    consumer.request(1);
    expect(got()).toEqual(['a1']);
  });

  test('a stale one goes before a fresh one is evicted or refused, also a more important one', () => {
    const { consumer, send, got, gone, time } = setUp({ maxAge: 100 });
    send('a5');
    time.advanceBy(50);
    send('b1', 'c1');
    time.advanceBy(51);
    send('d0');
    expect(gone()).toEqual(['a5 expired']);
    consumer.request(9);
    expect(got()).toEqual(['b1', 'c1', 'd0']);
  });

  test('deadline: when its turn comes, when room is needed, and at arrival', () => {
    const { consumer, source, got, gone, time } = setUp({ deadline: ({ due }) => due! });
    time.advanceBy(10);
    for (const [id, due] of [
      ['a1', 9],
      ['b1', 10],
      ['c1', 20],
      ['d1', Infinity],
      ['e1', -Infinity],
    ] as const) {
      source.send(job(id, due));
    }
    expect(gone()).toEqual(['a1 expired', 'e1 expired']);
    time.advanceBy(1);
    source.send(job('f0'));
    expect(gone().slice(2)).toEqual(['b1 expired']);
    time.advanceBy(10);
    consumer.request(9);
    expect(got()).toEqual(['d1', 'f0']);
    expect(gone().slice(3)).toEqual(['c1 expired']);
  });

  test('one past its deadline goes before a live one is evicted, wherever it waits', () => {
    const { source, send, gone, time } = setUp({ deadline: ({ due }) => due! });
    source.send(job('a3', 100));
    source.send(job('b3', 5));
    send('c0');
    time.advanceBy(6);
    send('d4');
    expect(gone()).toEqual(['b3 expired']);
    send('e4');
    expect(gone().slice(1)).toEqual(['c0 evicted']);
  });

  test('a deadline that has passed holds nothing up where downstream has room', () => {
    const { consumer, source, got, gone } = setUp({ deadline: ({ due }) => due! });
    consumer.request(1);
    source.send(job('a1', -1));
    source.send(job('b1'));
    expect([got(), gone()]).toEqual([['b1'], ['a1 expired']]);
  });

  test('a clock set back 10 s: ages go on, nothing becomes immortal', () => {
    const { clock, consumer, send, got, gone, drops, ledger } = setUp({ maxAge: 100 });
    clock.time.advanceBy(60_000);
    send('a1');
    clock.time.advanceBy(60);
    send('b1');
    clock.offset = -10_000;
    send('c1'); // the jump is seen with the next look at the clock
    clock.time.advanceBy(41);
    consumer.request(9);
    expect([got(), gone()]).toEqual([['b1', 'c1'], ['a1 expired']]);
    expect(drops[0]!.age).toBe(101);
    ledger();
  });

  test('a clock set back: what is left until a deadline is told when the value comes, by the clock as it is then', () => {
    const { clock, consumer, source, got, gone } = setUp({ deadline: ({ due }) => due! });
    clock.time.advanceBy(60_000);
    source.send(job('a1', 60_010));
    clock.offset = -10_000;
    source.send(job('b1', 50_030)); // the jump is seen with the next look at the clock
    clock.time.advanceBy(20);
    consumer.request(1);
    expect([got(), gone()]).toEqual([['b1'], ['a1 expired']]);
  });

  test('a clock set forward an hour: what is held is stale, what comes then is served', () => {
    const { clock, consumer, send, got, gone, ledger } = setUp({ maxAge: 100 });
    send('a1', 'b2');
    clock.offset = 3_600_000;
    send('c1');
    consumer.request(1);
    expect([got(), gone()]).toEqual([['c1'], ['b2 expired', 'a1 expired']]);
    send('d1');
    clock.offset = 0;
    consumer.request(1);
    expect(got()).toEqual(['c1', 'd1']);
    ledger();
  });

  test('the clock is not read where nobody needs it', () => {
    let reads = 0;
    const scheduler = { now: () => ++reads, schedule: () => expect.unreachable() } as unknown as SchedulerLike;
    const { consumer, send } = setUp({ scheduler, onDrop: undefined });
    const before = reads;
    send('a1', 'b1', 'c1', 'd1');
    consumer.request(9);
    expect(reads).toBe(before);
  });
});

describe('shed: end', () => {
  test('completion and errors come after what is held', () => {
    for (const how of ['complete', 'error'] as const) {
      const { source, consumer, send, got } = setUp();
      send('a0', 'b1');
      if (how === 'complete') source.complete();
      else source.error('broken');
      expect(consumer.end).toBeUndefined();
      consumer.request(2);
      expect(got()).toEqual(['b1', 'a0']);
      expect(consumer.end).toEqual(how === 'complete' ? 'complete' : { error: 'broken' });
    }
  });

  test('it ends when all that is held is stale', () => {
    const { source, consumer, send, gone, time } = setUp({ maxAge: 1 });
    send('a0', 'b1');
    source.complete();
    time.advanceBy(2);
    consumer.request(1);
    expect(gone()).toEqual(['b1 expired', 'a0 expired']);
    expect(consumer.end).toBe('complete');
  });

  test('unsubscribing drops what is held as cancelled, with its age', () => {
    const { source, consumer, send, drops, gone, time, ledger } = setUp();
    send('a0', 'b1');
    time.advanceBy(5);
    consumer.unsubscribe();
    expect(gone()).toEqual(['b1 cancelled', 'a0 cancelled']);
    expect(drops.map(({ age }) => age)).toEqual([5, 5]);
    expect(source.open).toBe(0);
    expect(ledger()).toEqual({ arrived: 2, out: 0, dropped: 2, held: 0 });
  });

  test('unsubscribing from inside next, while a full buffer takes a value', () => {
    const drops: string[] = [];
    const source = new Subject<Job>();
    const onDrop = ({ value, reason }: Drop): void => void drops.push(`${(value as Job).id} ${reason}`);
    const subscription = source.pipe(shed({ capacity: 1, priority: ({ p }) => p, onDrop })).subscribe(() => {
      for (const id of ['b1', 'c2', 'd0']) source.next(job(id));
      subscription.unsubscribe();
    });
    source.next(job('a1'));
    expect(drops).toEqual(['b1 evicted', 'd0 overflow', 'c2 cancelled']);
  });
});

describe('shed: what users pass in', () => {
  test.each([NaN, 1.5, Infinity, '1', undefined, null, 1n])('a priority of %s is a ReturnError', (priority) => {
    const { source, consumer, send, gone, ledger } = setUp({
      priority: ({ id }) => (id === 'b1' ? (priority as number) : 1),
    });
    send('a1', 'b1');
    const { error } = consumer.end as { error: ReturnError };
    expect(error).toBeInstanceOf(ReturnError);
    expect(error).toMatchObject({ stage: 'shed', received: priority });
    expect(error.message).toMatch(
      /^`shed`: `priority` returned .*, expected an integer, at most 256 different ones at a time$/,
    );
    expect(gone()).toEqual(['a1 cancelled', 'b1 cancelled']);
    expect(source.open).toBe(0);
    ledger();
  });

  test.each([NaN, '1', undefined, new Date(0)])('a deadline of %s is a ReturnError', (deadline) => {
    const { consumer, send, ledger } = setUp({ deadline: () => deadline as number });
    send('a1');
    const { error } = consumer.end as { error: ReturnError };
    expect(error).toBeInstanceOf(ReturnError);
    expect(error.message).toMatch(/`deadline` returned .*, expected a time in milliseconds$/);
    ledger();
  });

  test('a 257th priority is a ReturnError; empty lanes are forgotten', () => {
    const { consumer, send, ledger } = setUp({ capacity: 1_000 });
    for (let p = 0; p < 256; p++) send(`a${p}`);
    consumer.request(1);
    send('a1000', 'a0');
    expect(consumer.end).toBeUndefined();
    send('a2000');
    const { error } = consumer.end as { error: ReturnError };
    expect(error).toBeInstanceOf(ReturnError);
    expect(error.message).toBe(
      '`shed`: `priority` returned 2000 (number), expected an integer, at most 256 different ones at a time',
    );
    ledger();
  });

  test('any number of priorities may pass', () => {
    const { consumer, send, got } = setUp();
    for (let p = 0; p < 1_000; p++) {
      send(`a${p}`, `b${-p}`);
      consumer.request(2);
    }
    expect(got()).toHaveLength(2_000);
  });

  test('a function that throws goes to the error channel, and the ledger adds up', () => {
    const failure = new Error('mine');
    let calls = 0;
    const onDrop = (): void => {
      if (calls++ === 0) throw failure;
    };
    const cases: Partial<ShedOptions<Job>>[] = [{ priority: throwing(failure) }, { deadline: throwing(failure) }];
    for (const options of cases) {
      const { source, consumer, send, ledger } = setUp(options);
      send('a1');
      expect(consumer.end).toEqual({ error: failure });
      expect(source.open).toBe(0);
      ledger();
    }
    const { consumer, send } = setUp({ capacity: 1, onDrop });
    send('a1', 'b2');
    expect(consumer.end).toEqual({ error: failure });
    expect(calls).toBe(2); // what was held then
  });

  test('onDrop that throws when the stream has ended is reported as unhandled', async () => {
    const failure = new Error('mine');
    const reported = new Promise<unknown>((resolve) => (config.onUnhandledError = resolve));
    const { consumer, send } = setUp({ onDrop: throwing(failure) });
    send('a1');
    consumer.unsubscribe();
    expect(await reported).toBe(failure);
    config.onUnhandledError = null;
  });

  test('the ledger adds up inside priority, deadline and onDrop, also when they send another value', () => {
    const stages: MonitoredStage[] = [];
    const source = new ManualSource<Job>();
    let left = 40;
    let calls = 0;
    const look = (): void => {
      const { in: arrived, out, dropped, held } = stages[0]!.ledger;
      expect([arrived, stages[0]!.held <= 3]).toEqual([out + dropped + held, true]);
      calls++;
      if (left-- > 0) source.send(job(`n${left % 5}`));
    };
    const operator = shed<Job>({
      capacity: 3,
      priority: ({ p }) => (look(), p),
      deadline: () => (look(), Infinity),
      onDrop: look,
      monitor: { add: (stage) => void stages.push(stage) },
    });
    const consumer = new ManualConsumer(source.pipe(operator), look);
    for (let i = 0; i < 10; i++) {
      source.send(job(`a${i % 4}`));
      consumer.request(i % 2);
    }
    consumer.request(9);
    expect(calls).toBeGreaterThan(100);
    expect(stages[0]!.ledger).toMatchObject({ in: 50, held: 0 });
    expect(consumer.end).toBeUndefined();
  });

  test('a value whose priority or deadline unsubscribes is not emitted', () => {
    for (const name of ['priority', 'deadline'] as const) {
      const stages: MonitoredStage[] = [];
      const source = new Subject<Job>();
      const operator = shed<Job>({
        capacity: 1,
        priority: ({ p }) => p,
        [name]: (): number => (subscription.unsubscribe(), 1e15),
        monitor: { add: (stage) => void stages.push(stage) },
      });
      const subscription: Subscription = source.pipe(operator).subscribe();
      source.next(job('a1'));
      expect(stages[0]!.ledger).toMatchObject({ in: 1, out: 0, reasons: { cancelled: 1 }, held: 0 });
    }
  });

  test('each value is reported once when the stream is unsubscribed inside an arrival inside another', () => {
    const source = new ManualSource<Job>();
    const gone: string[] = [];
    const operator = shed<Job>({
      capacity: 1,
      priority: ({ id, p }) => {
        if (id === 'a1') source.send(job('b2'));
        return p;
      },
      onDrop: ({ value, reason }) => {
        gone.push(`${value.id} ${reason}`);
        if (reason === 'evicted') consumer.unsubscribe();
      },
    });
    const consumer = new ManualConsumer(source.pipe(operator));
    source.send(job('x0'));
    source.send(job('a1'));
    expect(gone.sort()).toEqual(['a1 cancelled', 'b2 cancelled', 'x0 evicted']);
  });

  test('priority, deadline or onDrop that unsubscribes leaves nothing behind', () => {
    for (const name of ['priority', 'deadline', 'onDrop'] as const) {
      const stages: MonitoredStage[] = [];
      const drops: string[] = [];
      const source = new ManualSource<Job>();
      let calls = 0;
      const leave = (from: string): void => {
        if (from === name && ++calls === (name === 'onDrop' ? 1 : 3)) consumer.unsubscribe();
      };
      const operator = shed<Job>({
        capacity: 2,
        priority: ({ p }) => (leave('priority'), p),
        deadline: () => (leave('deadline'), Infinity),
        onDrop: ({ value, reason }) => {
          drops.push(`${value.id} ${reason}`);
          leave('onDrop');
        },
        monitor: { add: (stage) => void stages.push(stage) },
      });
      const consumer = new ManualConsumer(source.pipe(operator));
      for (const id of ['a1', 'b2', 'c3', 'd4']) source.send(job(id));
      expect([source.open, stages[0]!.held]).toEqual([0, 0]);
      expect(stages[0]!.ledger).toMatchObject({ in: 3, out: 0, dropped: 3 });
      const first =
        name === 'onDrop'
          ? ['a1 evicted', 'c3 cancelled', 'b2 cancelled']
          : ['b2 cancelled', 'a1 cancelled', 'c3 cancelled'];
      expect(drops).toEqual(first);
    }
  });

  test('onDrop that sends another value', () => {
    const source = new ManualSource<Job>();
    const gone: string[] = [];
    const onDrop = ({ value, reason }: Drop): void => {
      gone.push(`${(value as Job).id} ${reason}`);
      if (gone.length === 1) source.send(job('z9'));
    };
    const consumer = new ManualConsumer(source.pipe(shed({ capacity: 2, priority: ({ p }) => p, onDrop })));
    for (const id of ['a1', 'b2', 'c3']) source.send(job(id));
    expect(gone).toEqual(['a1 evicted', 'b2 evicted']);
    consumer.request(9);
    expect(consumer.values.map(({ id }) => id)).toEqual(['z9', 'c3']);
  });

  const priority = (): number => 0;
  test.each([
    [{ capacity: 0 }, 'capacity'],
    [{ capacity: -1 }, 'capacity'],
    [{ capacity: 1.5 }, 'capacity'],
    [{ capacity: NaN }, 'capacity'],
    [{ capacity: '8' }, 'capacity'],
    [{ capacity: undefined }, 'capacity'],
    [{ priority: undefined }, 'priority'],
    [{ priority: 1 }, 'priority'],
    [{ maxAge: 0 }, 'maxAge'],
    [{ maxAge: Infinity }, 'maxAge'],
    [{ deadline: 5 }, 'deadline'],
    [{ onDrop: 'log' }, 'onDrop'],
    [{ name: 7 }, 'name'],
    [{ scheduler: {} }, 'scheduler'],
    [{ monitor: {} }, 'monitor'],
    [{ maxage: 5 }, 'maxage'],
  ])('%j is refused at the call', (options, option) => {
    const call = (): unknown => shed({ capacity: 1, priority, ...options } as never);
    expect(call).toThrow(OptionError);
    expect(call).toThrow(expect.objectContaining({ option }));
  });

  test('an unknown option is refused with a suggestion, Infinity is a capacity where it is written', () => {
    expect(() => shed({ capacity: 1, priority, maxage: 5 } as never)).toThrow('Did you mean `maxAge`?');
    expect(() => shed({ capacity: Infinity, priority })).not.toThrow();
  });
});

describe('shed: as a sorted array would do it', () => {
  /** What is held, best first, and what is known of the rest. */
  class Model {
    held: { readonly nr: number; readonly p: number; readonly expires: number }[] = [];
    served: number[] = [];
    dropped: string[] = [];
    wanted = 0;

    constructor(
      private readonly capacity: number,
      private readonly expiring: boolean,
    ) {}

    send(nr: number, p: number, expires: number, now: number): void {
      if (this.expiring && expires < now) return void this.dropped.push(`${nr} expired`);
      const stale = this.held.filter((item) => item.expires < now).sort((a, b) => a.expires - b.expires)[0];
      this.held.push({ nr, p, expires });
      this.held.sort((a, b) => b.p - a.p || a.nr - b.nr);
      if (this.wanted > 0) this.serve(now);
      if (this.held.length <= this.capacity) return;
      const lowest = this.held.at(-1)!;
      this.give(stale ?? lowest, stale !== undefined ? 'expired' : lowest.nr === nr ? 'overflow' : 'evicted');
    }

    serve(now: number): void {
      while (this.wanted > 0 && this.held.length > 0) {
        const next = this.held[0]!;
        if (next.expires < now) {
          this.give(next, 'expired');
        } else {
          this.held.shift();
          this.served.push(next.nr);
          this.wanted--;
        }
      }
    }

    private give(item: Model['held'][number], reason: string): void {
      this.held.splice(this.held.indexOf(item), 1);
      this.dropped.push(`${item.nr} ${reason}`);
    }
  }

  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ p: fc.integer({ min: -2, max: 2 }), left: fc.integer({ min: -3, max: 40 }) }) },
    { weight: 1, arbitrary: fc.record({ request: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 20 }) }) },
  );
  const script = fc.array(step, { maxLength: 120, size: 'max' });

  test.each(['none', 'maxAge', 'deadline', 'both'] as const)('what is served and what goes, and why: %s', (limits) => {
    const property = fc.property(script, fc.integer({ min: 1, max: 5 }), (steps, capacity) => {
      const [aging, due] = [limits === 'maxAge' || limits === 'both', limits === 'deadline' || limits === 'both'];
      const { source, consumer, time, drops, ledger } = setUp({
        capacity,
        ...(aging && { maxAge: 25 }),
        ...(due && { deadline: ({ due }: Job) => due! }),
      });
      const model = new Model(capacity, due);
      steps.forEach((step, nr) => {
        const now = time.now;
        if ('p' in step) {
          const deadline = now + step.left + nr / 1_000;
          model.send(nr, step.p, Math.min(aging ? now + 25 : Infinity, due ? deadline : Infinity), now);
          source.send({ id: String(nr), p: step.p, due: deadline });
        } else if ('request' in step) {
          model.wanted += step.request;
          model.serve(now);
          consumer.request(step.request);
        } else {
          time.advanceBy(step.advance);
        }
        time.advanceBy(1); // no two come at the same time, so that there is one that expires first
        expect(ledger().held).toBe(model.held.length);
      });
      expect(consumer.values.map(({ id }) => Number(id))).toEqual(model.served);
      expect(drops.map(({ value, reason }) => `${(value as Job).id} ${reason}`)).toEqual(model.dropped);
    });
    fc.assert(property, { numRuns: 300 });
  });
});
