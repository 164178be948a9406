/** The rule, then the workers that it wants, against a model of their queue: bars E1 to E7. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mean, quantile, Simulation } from '../../bench/control/simulation.mjs';
import { LittleLaw } from '../../src/core/littleLaw.js';
import { RingBuffer } from '../../src/core/ringBuffer.js';

const TICK = 500;
const options = { min: 1, max: 200, drainWithin: 1_000, smoothing: 5_000, stabilise: 15_000 };

/** So many looks with the same figures; the workers wanted after each. */
const looks = (
  law: LittleLaw,
  { from = 0, count, arrivals, waiting = 0 }: { from?: number; count: number; arrivals: number; waiting?: number },
): number[] =>
  Array.from({ length: count }, (_, i) => {
    law.arrived(arrivals);
    return law.decide(from + i * TICK, waiting, 0);
  });

const served = (ms: number, over: Partial<typeof options> = {}): LittleLaw => {
  const law = new LittleLaw({ ...options, ...over });
  law.served(ms);
  return law;
};

describe('LittleLaw', () => {
  test('100 a second for 100 ms each need 10, and √10 for chance; it doubles, or adds 4, to get there', () => {
    const law = served(100);
    law.decide(-TICK, 0, 0);
    expect(looks(law, { count: 5, arrivals: 50 })).toEqual([5, 10, 14, 14, 14]);
  });

  test('what waits beyond what chance makes wait is to be worked off within a second', () => {
    const law = served(100);
    law.decide(-TICK, 0, 0);
    const backlog = ((100 - Math.sqrt(10)) * 100) / 1_000;
    const need = Math.ceil(10 + Math.sqrt(10) + backlog);
    expect(looks(law, { count: 4, arrivals: 50, waiting: 100 })).toEqual([5, 10, 20, need]);
    const patient = served(100, { drainWithin: 10_000 });
    patient.decide(-TICK, 0, 0);
    expect(looks(patient, { count: 4, arrivals: 50, waiting: 100 }).at(-1)).toBe(Math.ceil(13.17 + backlog / 10));
  });

  test('while nothing has been measured it needs one for each that waits or runs', () => {
    const law = new LittleLaw({ ...options, min: 2 });
    expect([law.decide(0, 0, 0), law.decide(500, 1, 2), law.decide(1_000, 9, 3)]).toEqual([2, 3, 7]);
    expect(law.decide(1_500, 9, 3)).toBe(12);
  });

  test('goes down only to the most that was needed for as long as it takes to be sure', () => {
    const law = served(100);
    law.decide(-TICK, 0, 0);
    looks(law, { count: 10, arrivals: 50 });
    const after = looks(law, { from: 10 * TICK, count: 120, arrivals: 0 });
    expect(after.slice(0, 28)).toEqual(new Array<number>(28).fill(14));
    expect(after.every((n, i) => i === 0 || n <= after[i - 1]!)).toBe(true);
    expect(after.at(-1)).toBe(1);
  });

  test('follows calls that take longer', () => {
    const law = served(100);
    law.decide(-TICK, 0, 0);
    looks(law, { count: 5, arrivals: 50 });
    for (let i = 0; i < 2_000; i++) law.served(300);
    expect(looks(law, { from: 5 * TICK, count: 10, arrivals: 50 }).at(-1)).toBe(Math.ceil(30 + Math.sqrt(30)));
  });

  test('two looks at one time count nothing twice', () => {
    const law = served(100);
    law.decide(-TICK, 0, 0);
    for (let i = 0; i < 100; i++) {
      law.arrived(50);
      law.decide(i * TICK, 0, 0);
      expect(law.decide(i * TICK, 0, 0)).toBeLessThanOrEqual(14);
    }
    expect(law.decide(100 * TICK, 0, 0)).toBe(14);
  });

  test('a clock that is set back holds nothing up, neither growing nor shrinking', () => {
    const law = served(100);
    looks(law, { from: 3_600_000, count: 20, arrivals: 50 });
    const later = looks(law, { count: 60, arrivals: 250 });
    expect(later.at(-1)).toBeGreaterThanOrEqual(57); // 50 and √50
    const idle = looks(law, { from: 60 * TICK, count: 120, arrivals: 0 });
    expect(idle.at(-1)).toBe(1);
  });

  test('E6: an integer from min to max; what it went up to it keeps for as long as it takes to be sure', () => {
    const steps = fc.array(
      fc.record({
        after: fc.constantFrom(0, 1, 100, 500, 500, 500, 20_000),
        arrivals: fc.nat(500),
        served: fc.array(fc.double({ min: 0, max: 5_000, noNaN: true }), { maxLength: 3 }),
        waiting: fc.nat(1_000),
        running: fc.nat(100),
      }),
      { maxLength: 100 },
    );
    const bounds = fc.tuple(fc.integer({ min: 1, max: 50 }), fc.nat(200)).map(([min, more]) => [min, min + more]);
    const property = fc.property(bounds, steps, ([min, max], script) => {
      const law = new LittleLaw({ ...options, min: min!, max: max! });
      let [now, workers] = [0, min!];
      const raised: { at: number; to: number }[] = [];
      for (const { after, arrivals, served: times, waiting, running } of script) {
        now += after;
        law.arrived(arrivals);
        for (const time of times) law.served(time);
        const wanted = law.decide(now, waiting, running);
        expect(Number.isInteger(wanted) && wanted >= min! && wanted <= max!).toBe(true);
        expect(wanted - workers).toBeLessThanOrEqual(Math.max(4, workers));
        if (wanted > workers) raised.push({ at: now, to: wanted });
        const kept = raised.filter(({ at }) => now - at < options.stabilise).map(({ to }) => to);
        expect(wanted).toBeGreaterThanOrEqual(Math.max(min!, ...kept));
        workers = wanted;
      }
    });
    fc.assert(property, { numRuns: 500 });
  });

  test.each([1, 7, 50, 333])('E6: the same all the time (%i a look) changes nothing, once it is known', (arrivals) => {
    const law = served(100);
    const wanted = looks(law, { count: 1_000, arrivals });
    const known = (3 * options.smoothing + options.stabilise) / TICK;
    expect(new Set(wanted.slice(known)).size).toBe(1);
  });
});

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const SERVICE = 100;

/** What decides how many workers there are; asked every `TICK`. */
type Rule = Pick<LittleLaw, 'arrived' | 'served' | 'decide'>;

/** Workers that take from a queue; a new one takes `startUp` ms to start, one too many goes when it is idle. */
class Model {
  readonly waits: { readonly at: number; readonly wait: number }[] = [];
  readonly wanted: { readonly at: number; readonly workers: number }[] = [];
  readonly sim: Simulation;
  service = SERVICE;
  private readonly queue = new RingBuffer<number>();
  private target = 1;
  private starting = 0;
  private idle = 1;
  private busy = 0;

  constructor(
    seed: number,
    private readonly rule: Rule,
    rate: (time: number) => number,
    private readonly startUp: number,
  ) {
    this.sim = new Simulation(seed);
    const arrive = (): void => {
      this.rule.arrived(1);
      this.queue.push(this.sim.time);
      this.work();
    };
    this.sim.arrivals(() => rate(this.sim.time), arrive);
    this.sim.every(TICK, () => this.look());
  }

  private get workers(): number {
    return this.starting + this.idle + this.busy;
  }

  private look(): void {
    this.target = this.rule.decide(this.sim.time, this.queue.size, this.busy);
    this.wanted.push({ at: this.sim.time, workers: this.target });
    while (this.workers < this.target) this.hire();
    while (this.workers > this.target && this.idle > 0) this.idle--;
  }

  private hire(): void {
    this.starting++;
    this.sim.after(this.startUp, () => {
      this.starting--;
      if (this.workers < this.target) this.idle++;
      this.work();
    });
  }

  private work(): void {
    while (this.idle > 0 && this.queue.size > 0) {
      const at = this.queue.shift();
      this.waits.push({ at, wait: this.sim.time - at });
      this.idle--;
      this.busy++;
      const time = this.sim.exponential(this.service);
      this.sim.after(time, () => {
        this.rule.served(time);
        this.busy--;
        if (this.workers < this.target) this.idle++;
        this.work();
      });
    }
  }
}

const during = <T extends { readonly at: number }>(list: readonly T[], from: number, to: number): T[] =>
  list.filter(({ at }) => at >= from && at < to);

const workersOf = (model: Model, from: number, to: number): number[] =>
  during(model.wanted, from, to).map(({ workers }) => workers);

const p95Wait = (model: Model, from: number, to: number): number =>
  quantile(
    during(model.waits, from, to).map(({ wait }) => wait),
    0.95,
  );

/** Changes a minute, and those of them that turn back. */
const changes = (model: Model, from: number, to: number): { all: number; reversals: number } => {
  const workers = workersOf(model, from, to);
  const directions = workers.map((n, i) => Math.sign(n - (workers[i - 1] ?? n))).filter((it) => it !== 0);
  const minutes = (to - from) / MINUTE;
  const reversals = directions.filter((it, i) => i > 0 && it !== directions[i - 1]).length;
  return { all: directions.length / minutes, reversals: reversals / minutes };
};

/** 50, 500 and 50 calls a second, for which 5, 50 and 5 workers are the least: 24.3 on average. */
const wave = (time: number): number => (time >= MINUTE && time < 4 * MINUTE ? 500 : 50);
const NEED = 24.3;

describe.each([1, 2])('the workers that LittleLaw wants (seed %i)', (seed) => {
  test.each([
    { startUp: 0, drainWithin: 1_000, quietAfter: 8 * SECOND, peak: 1.6 },
    { startUp: SECOND, drainWithin: 1_500, quietAfter: 10 * SECOND, peak: 2 },
  ])('E1 to E5: follow a wave, $startUp ms to start', ({ startUp, drainWithin, quietAfter, peak }) => {
    const model = new Model(seed, new LittleLaw({ ...options, drainWithin }), wave, startUp);
    model.sim.runUntil(7 * MINUTE);
    const all = workersOf(model, 0, 7 * MINUTE);
    const many = changes(model, 2 * MINUTE, 4 * MINUTE);
    const few = changes(model, 5 * MINUTE, 7 * MINUTE);
    expect(p95Wait(model, MINUTE + quietAfter, MINUTE + quietAfter + 5 * SECOND)).toBeLessThanOrEqual(2 * SERVICE);
    expect(p95Wait(model, MINUTE + quietAfter, 4 * MINUTE)).toBeLessThanOrEqual(2 * SERVICE);
    expect(Math.max(...all)).toBeLessThanOrEqual(peak * 50);
    expect(many.reversals).toBeLessThanOrEqual(1);
    expect(few.reversals).toBeLessThanOrEqual(3);
    expect(Math.max(many.all, few.all)).toBeLessThanOrEqual(4);
    expect(mean(all)).toBeLessThanOrEqual(1.6 * NEED);
    expect(Math.max(...workersOf(model, 4 * MINUTE + 35 * SECOND, 7 * MINUTE))).toBeLessThanOrEqual(2 * 5);
  });

  test('E7: follow a sine of ±50 % in 20 s', () => {
    const rate = (time: number): number => 500 * (1 + 0.5 * Math.sin((2 * Math.PI * time) / (20 * SECOND)));
    const model = new Model(seed, new LittleLaw(options), rate, 0);
    model.sim.runUntil(3 * MINUTE);
    expect(p95Wait(model, MINUTE, 3 * MINUTE)).toBeLessThanOrEqual(SERVICE);
    expect(changes(model, MINUTE, 3 * MINUTE).reversals).toBeLessThanOrEqual(3);
  });

  test('calls that take three times as long all at once: the wait is short again after 15 s', () => {
    const model = new Model(seed, new LittleLaw(options), () => 100, 0);
    model.sim.after(MINUTE, () => (model.service = 3 * SERVICE));
    model.sim.runUntil(2 * MINUTE);
    expect(p95Wait(model, MINUTE + 15 * SECOND, 2 * MINUTE)).toBeLessThanOrEqual(2 * 3 * SERVICE);
  });
});

test('E3 can fail: workers by the number of calls come and go all the time', () => {
  let workers = 1;
  const byDepth: Rule = {
    arrived: () => undefined,
    served: () => undefined,
    // Kubernetes HPA: one for each waiting or running call, within a tenth as it is, doubling at most.
    decide: (_now, waiting, running) => {
      const wanted = Math.max(1, Math.min(options.max, 2 * workers, waiting + running));
      if (Math.abs(wanted / workers - 1) > 0.1) workers = wanted;
      return workers;
    },
  };
  const model = new Model(1, byDepth, wave, 0);
  model.sim.runUntil(7 * MINUTE);
  expect(changes(model, 2 * MINUTE, 4 * MINUTE).reversals).toBeGreaterThan(10);
});
