/**
 * The rule, then the limits that find out what a server bears, `Vegas` and `Aimd`, against a model of one: bars C1 to C7.
 *
 * Of C9, the vectors of Netflix's Vegas are of its rule per call and do not apply to this one, which decides per window; those of
 * AIMD are in aimd.test.ts. C8 is about admission, which is the pool's.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mean, quantile, Simulation } from '../../bench/control/simulation.mjs';
import { Aimd } from '../../src/core/aimd.js';
import { RingBuffer } from '../../src/core/ringBuffer.js';
import { Vegas } from '../../src/core/vegas.js';

const options = { min: 1, max: 200, initial: 20 };
const half = (): number => 0.5;

/** Ten calls that end over 250 ms, from `from` on; the tenth ends the window. */
const windowOf = (law: Vegas, time: number, running: number, from: number): void => {
  for (let i = 0; i < 10; i++) {
    const now = from + (i * 250) / 9;
    law.sample(time, now, now, running);
  }
};

describe('Vegas', () => {
  test.each([
    // time of the second window, running, limit after it
    [50, 20, 24], // nothing queues: 22.24 + √22.24 / 2
    [50, 19, 22], // nothing queues, but less than nine tenths of the limit are used
    [62, 22, 22], // 4.3 of 22.24 queue: between A + 5 % and 2 A + 10 %
    [100, 22, 13], // 11.1 queue: 1.1 × 22.24 × 50 / 100 + A / 2
    [1_000, 22, 11], // not below half of it
  ])('a window of %d ms with %i running leads to a limit of %i', (time, running, limit) => {
    const law = new Vegas(options, half);
    windowOf(law, 50, 20, 0);
    expect(law.limit).toBe(22); // 20 + √20 / 2
    windowOf(law, time, running, 250);
    expect(law.limit).toBe(limit);
  });

  test('a drop takes a tenth of the limit, once per window', () => {
    const law = new Vegas(options, half);
    for (const now of [0, 100, 249]) law.dropped(now);
    expect(law.limit).toBe(20);
    law.dropped(250);
    expect(law.limit).toBe(18);
  });

  test('with drops alone a limit goes down, to the minimum', () => {
    const law = new Vegas({ ...options, min: 2 }, half);
    for (let now = 0; now < 30_000; now += 250) law.dropped(now);
    expect(law.limit).toBe(2);
  });

  test('waits for ten calls, however long they take to come', () => {
    const law = new Vegas(options, half);
    for (let i = 0; i < 9; i++) law.sample(50, i * 90, i * 90 + 50, 20);
    expect(law.limit).toBe(20);
    law.sample(50, 810, 860, 20);
    expect(law.limit).toBe(22);
  });

  /** Windows in which nothing queues and nothing grows, until the limit is halved: the time at which it is. */
  const untilProbe = (law: Vegas, from: number): number => {
    const { limit } = law;
    for (let now = from; ; now += 250) {
      windowOf(law, 50, 0, now);
      if (law.limit === limit >> 1) return now + 250;
    }
  };

  test('measures what calls take idle with half of the limit, by calls begun since, and ignores those begun before', () => {
    const law = new Vegas(options, half);
    const cut = untilProbe(law, 0);
    for (let i = 0; i < 200; i++) law.sample(1, cut - 1, cut + 1, 20); // begun before the cut
    expect(law.limit).toBe(10);
    let restored = cut + 100;
    while (law.limit === 10) law.sample(100, cut, ++restored, 10);
    expect([law.limit, restored < cut + 200]).toEqual([20, true]);
    for (let i = 0; i < 200; i++) law.sample(1, restored - 1, restored + 300, 20); // begun before the limit was restored
    windowOf(law, 100, 20, restored + 300);
    expect(law.limit).toBe(22); // 100 ms is what a call takes idle now: none of it is spent in a queue
  });

  test('measures anew every 30 s, 15 % sooner or later by chance', () => {
    const pause = (random: number): number => {
      const law = new Vegas(options, () => random);
      let restored = untilProbe(law, 0);
      for (; law.limit === 10; restored += 250) windowOf(law, 50, 10, restored);
      return untilProbe(law, restored) - restored;
    };
    for (const random of [0, 0.5, 0.999]) {
      expect(Math.abs(pause(random) - (25_500 + random * 9_000))).toBeLessThanOrEqual(500);
    }
  });

  test('a drop ends the measuring', () => {
    const law = new Vegas(options, half);
    const cut = untilProbe(law, 0);
    law.dropped(cut + 50);
    expect(law.limit).toBe(20);
    law.dropped(cut + 350);
    expect(law.limit).toBe(18);
  });

  test('a clock that counts whole milliseconds does not stop it: of short calls some take 0, some 1', () => {
    const law = new Vegas(options, half);
    for (let now = 0; now < 10_000; now += 250) windowOf(law, (now / 250) % 2, 200, now);
    expect(law.limit).toBeGreaterThan(100);
  });

  test('a clock that is set back holds nothing up', () => {
    const law = new Vegas(options, half);
    untilProbe(law, 3_600_000);
    for (let i = 0; i < 10; i++) law.sample(-3_600_000, 3_600_500, 500, 20); // what ran meanwhile
    for (let now = 500; now < 3_000; now += 250) windowOf(law, 50, 0, now);
    expect(law.limit).toBe(20); // what was begun is over
    expect(untilProbe(law, 3_000)).toBeLessThan(40_000); // and done again in time
  });

  test('is an integer from min to max, whatever comes', () => {
    const events = fc.array(fc.tuple(fc.integer({ min: -5_000, max: 10_000 }), fc.nat(9), fc.nat(500), fc.nat(300)), {
      maxLength: 200,
    });
    const bounds = fc
      .tuple(fc.integer({ min: 1, max: 20 }), fc.nat(100), fc.nat(100))
      .map(([min, a, b]) => ({ min, initial: min + a, max: min + a + b }));
    const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    const property = fc.property(bounds, randoms, events, (o, random, script) => {
      const law = new Vegas(o, () => random);
      let now = 0;
      for (const [after, kind, time, running] of script) {
        now += after;
        if (kind === 0) law.dropped(now);
        else windowOf(law, time, running, now);
        expect(Number.isInteger(law.limit)).toBe(true);
        expect(law.limit).toBeGreaterThanOrEqual(o.min);
        expect(law.limit).toBeLessThanOrEqual(o.max);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });
});

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** What a call takes on the idle server. */
const BASE = 50;
/** Calls that wait for the limit at most; more are shed. */
const WAITING = 50;

type Law = Pick<Vegas, 'limit' | 'sample' | 'dropped'>;

interface Call {
  readonly startedAt: number;
  dead: boolean;
}

/** A server that works on `places` calls at once, in the order in which they came, and a caller with a limit. */
class Model {
  readonly limits: { readonly at: number; readonly limit: number; readonly running: number; readonly done: number }[] =
    [];
  readonly times: { readonly at: number; readonly time: number }[] = [];
  readonly sim: Simulation;
  private readonly law: Law;
  private readonly queue = new RingBuffer<Call>();
  private stalled = false;
  private busy = 0;
  private running = 0;
  private waiting = 0;
  private done = 0;
  shed = 0;
  base = BASE;

  /** @param load arrivals, in parts of what the server can do */
  constructor(
    seed: number,
    makeLaw: (random: () => number) => Law,
    public places: number,
    load: number,
  ) {
    this.sim = new Simulation(seed);
    this.law = makeLaw(this.sim.random);
    const rate = (load * places * SECOND) / BASE;
    const arrive = (): void => {
      if (this.waiting < WAITING) this.waiting++;
      else this.shed++;
      this.start();
    };
    this.sim.arrivals(() => rate, arrive);
    this.sim.every(100, () => {
      this.limits.push({ at: this.sim.time, limit: this.law.limit, running: this.running, done: this.done });
    });
  }

  /** From now on every call times out after a second. */
  stall(): void {
    this.stalled = true;
    for (let i = 0; i < this.queue.size; i++) this.timeOut(this.queue.at(i));
  }

  recover(): void {
    this.stalled = false;
    this.serve();
  }

  private start(): void {
    while (this.waiting > 0 && this.running < this.law.limit) {
      this.waiting--;
      this.running++;
      const call = { startedAt: this.sim.time, dead: false };
      this.queue.push(call);
      if (this.stalled) this.timeOut(call);
      else this.serve();
    }
  }

  private timeOut(call: Call): void {
    this.sim.after(call.startedAt + SECOND - this.sim.time, () => {
      if (!this.stalled) return; // it is being served after all
      call.dead = true;
      this.law.dropped(this.sim.time);
      this.running--;
      this.start();
    });
  }

  private serve(): void {
    while (!this.stalled && this.busy < this.places && this.queue.size > 0) {
      const call = this.queue.shift();
      if (call.dead) continue;
      this.busy++;
      this.sim.after(this.sim.lognormal(this.base, 0.25), () => this.end(call.startedAt));
    }
  }

  private end(startedAt: number): void {
    const now = this.sim.time;
    this.busy--;
    this.done++;
    this.times.push({ at: now, time: now - startedAt });
    this.law.sample(now - startedAt, startedAt, now, this.running);
    this.running--;
    this.serve();
    this.start();
  }
}

const during = <T extends { readonly at: number }>(list: readonly T[], from: number, to: number): T[] =>
  list.filter(({ at }) => at >= from && at < to);

const limitsOf = (model: Model, from: number, to: number): number[] =>
  during(model.limits, from, to).map(({ limit }) => limit);

/** What was done in parts of what could have been. */
const throughput = (model: Model, capacity: number, from: number, to: number): number => {
  const part = during(model.limits, from, to);
  const seconds = (part.at(-1)!.at - part[0]!.at) / SECOND;
  return (part.at(-1)!.done - part[0]!.done) / (seconds * capacity * (SECOND / BASE));
};

/** Until the limit stays within 30 % of what it will be, for 8 of the next 10 s. */
const settled = (model: Model, from: number): number => {
  const final = mean(limitsOf(model, from + 20 * SECOND, from + 40 * SECOND));
  for (let at = from; at < from + MINUTE / 2; at += 100) {
    const next = limitsOf(model, at, at + 10 * SECOND);
    if (next.filter((limit) => Math.abs(limit / final - 1) <= 0.3).length >= 0.8 * next.length) return at - from;
  }
  return Infinity;
};

const laws = [
  { name: 'Vegas', settles: 5 * SECOND, makeLaw: (random: () => number) => new Vegas(options, random) },
  { name: 'Aimd', settles: 11 * SECOND, makeLaw: () => new Aimd({ ...options, latencyTarget: 1.5 * BASE }) },
];

describe.each(laws)('$name and a server', ({ makeLaw, settles }) => {
  describe.each([1, 2])('seed %i', (seed) => {
    const loads = [10, 20, 40].flatMap((places) => [1.2, 3, 10].map((load) => ({ places, load })));

    test.each(loads)('C1, C2, C5: uses all of $places places at load $load, with short queues', ({ places, load }) => {
      const model = new Model(seed, makeLaw, places, load);
      model.sim.runUntil(MINUTE);
      const limits = limitsOf(model, 15 * SECOND, MINUTE);
      const limit = mean(limits);
      const times = during(model.times, 15 * SECOND, MINUTE).map(({ time }) => time);
      expect(throughput(model, places, 15 * SECOND, MINUTE)).toBeGreaterThanOrEqual(0.97);
      expect(quantile(times, 0.5)).toBeLessThanOrEqual(1.5 * BASE);
      expect(limit).toBeGreaterThanOrEqual(places);
      expect(limit).toBeLessThanOrEqual(1.6 * places);
      expect(Math.sqrt(mean(limits.map((l) => (l - limit) ** 2)))).toBeLessThanOrEqual(0.15 * limit);
    });

    test('C3: follows the server from 20 to 10 to 40 places', () => {
      const model = new Model(seed, makeLaw, 20, 6);
      model.sim.after(MINUTE, () => (model.places = 10));
      model.sim.after(2 * MINUTE, () => (model.places = 40));
      model.sim.runUntil(3 * MINUTE);
      expect(settled(model, MINUTE)).toBeLessThanOrEqual(settles);
      expect(settled(model, 2 * MINUTE)).toBeLessThanOrEqual(settles);
    });

    test('C4: does not drift in 20 minutes of overload', () => {
      const model = new Model(seed, makeLaw, 20, 3);
      model.sim.runUntil(20 * MINUTE);
      const early = mean(limitsOf(model, 3 * MINUTE, 5 * MINUTE));
      const late = mean(limitsOf(model, 18 * MINUTE, 20 * MINUTE));
      expect(Math.abs(late / early - 1)).toBeLessThanOrEqual(0.15);
    });

    test('C6: does not grow while half of the server is enough', () => {
      const model = new Model(seed, makeLaw, 20, 0.5);
      model.sim.runUntil(2 * MINUTE);
      const peak = Math.max(...model.limits.map(({ running }) => running));
      const { done } = model.limits.at(-1)!;
      expect(Math.max(...limitsOf(model, 0, 2 * MINUTE))).toBeLessThanOrEqual(Math.max(options.initial, 2.5 * peak));
      expect(model.shed / (done + model.shed)).toBeLessThanOrEqual(0.01);
    });

    test('C7: is small at the end of 30 s in which every call times out, and back in 10 s', () => {
      const model = new Model(seed, makeLaw, 20, 3);
      model.sim.after(MINUTE, () => model.stall());
      model.sim.after(1.5 * MINUTE, () => model.recover());
      model.sim.runUntil(100 * SECOND);
      expect(limitsOf(model, 0, 90 * SECOND).at(-1)).toBeLessThanOrEqual(5);
      expect(model.limits.at(-1)!.limit).toBeGreaterThanOrEqual(0.8 * 20);
    });
  });
});

test('Vegas finds a new base when calls take four times as long for good', () => {
  const model = new Model(1, laws[0]!.makeLaw, 20, 3);
  model.sim.after(40 * SECOND, () => (model.base = 4 * BASE));
  model.sim.runUntil(3 * MINUTE);
  expect(mean(limitsOf(model, 2 * MINUTE, 3 * MINUTE))).toBeGreaterThanOrEqual(0.8 * 20);
});

/** What the bars are for: a limit that no rule moves misses them. */
test('C2 can fail: with a fixed limit of 100 calls queue on a server of 20 places', () => {
  const fixed = (): Law => ({ limit: 100, sample: () => undefined, dropped: () => undefined });
  const model = new Model(1, fixed, 20, 3);
  model.sim.runUntil(MINUTE);
  expect(
    quantile(
      model.times.map(({ time }) => time),
      0.5,
    ),
  ).toBeGreaterThan(3 * BASE);
});
