import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StageWindow, STARVED, type Shares } from '../../src/monitor/stageWindow.js';

const NONE = { in: 0, out: 0 };
const BUSY: Shares = { ...STARVED, busy: 1, starved: 0, itself: 1, before: 0, used: 1 };

const steps = fc.array(
  fc.record({
    ms: fc.oneof(fc.constantFrom(1, 10, 50, 100, 500), fc.double({ min: 0.1, max: 350, noNaN: true })),
    busy: fc.boolean(),
    came: fc.nat(9),
  }),
  { minLength: 1, maxLength: 60 },
);

test('it is about the last half of its length to all of it, however long nobody looked', () => {
  fc.assert(
    fc.property(steps, (steps) => {
      const window = new StageWindow(100, 0, NONE);
      let now = 0;
      for (const { ms } of steps) {
        window.add(STARVED, ms, (now += ms), NONE);
        expect(window.lengthAt(now)).toBeLessThanOrEqual(100.001);
        expect(window.lengthAt(now)).toBeGreaterThanOrEqual(Math.min(now, 50) - 0.001);
      }
    }),
  );
});

test('its shares and counts are those of that time', () => {
  fc.assert(
    fc.property(steps, (steps) => {
      const window = new StageWindow(100, 0, NONE);
      /** What happened, by its end. */
      const past: { begin: number; end: number; busy: boolean; came: number }[] = [];
      let now = 0;
      let count = 0;
      for (const { ms, busy, came } of steps) {
        past.push({ begin: now, end: now + ms, busy, came });
        now += ms;
        count += came;
        window.add(busy ? BUSY : STARVED, ms, now, { in: count, out: 2 * count });
        const from = now - window.lengthAt(now);
        let busyFor = 0;
        let arrived = 0;
        for (const { begin, end, busy, came } of past) {
          const part = Math.max(0, end - Math.max(begin, from));
          if (busy) busyFor += part;
          arrived += (came * part) / (end - begin);
        }
        expect(window.mean('busy')).toBeCloseTo(busyFor / (now - from));
        expect(window.mean('busy') + window.mean('starved')).toBeCloseTo(1);
        const counts = window.since({ in: count, out: 2 * count });
        expect(counts.in).toBeCloseTo(arrived, 5);
        expect(counts.out).toBeCloseTo(2 * arrived, 5);
      }
    }),
  );
});

test('times that were measured are forgotten with the half they are of', () => {
  const window = new StageWindow(100, 0, NONE);
  window.waited(3);
  window.served(5);
  window.add(BUSY, 60, 60, NONE);
  window.waited(4);
  expect(window.wait).toMatchObject({ count: 2, max: 4 });
  expect(window.service).toMatchObject({ count: 1, max: 5 });
  window.add(BUSY, 60, 120, NONE);
  expect(window.wait).toMatchObject({ count: 1, max: 4 });
  expect(window.service).toBeUndefined();
  window.add(BUSY, 200, 320, NONE);
  expect(window.wait).toBeUndefined();
});
