/** The bars of bench/control/shed.mjs for one seed and a short time: the real operators in virtual time. */
import { describe, expect, test } from 'vitest';
import { goodputAgainstLoad, goodputThroughStep, shedBars, yieldPerClass } from '../../bench/control/shed.mjs';
import { met } from '../../bench/control/bars.mjs';
import * as library from '../../src/index.js';

const sluice = (): Promise<typeof library> => Promise.resolve(library);
const short = { end: 12_000, sluice };

describe('load shedding in a simulation', () => {
  test('the bars S1 to S10 are reached, and the control fails', async () => {
    const bars = await shedBars([1], { ...short, throttle: { window: 10 } });
    expect(bars.map(({ bar }) => bar.split(' ')[0])).toEqual(expect.arrayContaining(NAMES));
    expect(bars.filter((bar) => !met(bar))).toEqual([]);
  });

  test('a bar that is not reached says so', async () => {
    // Another library in the place of `shed`: first come, first served, 500 of them.
    const naive = (): Promise<typeof library> =>
      Promise.resolve({
        ...library,
        shed: <T>({ name, onDrop, scheduler, monitor }: library.ShedOptions<T>) =>
          library.boundedBuffer<T>({ capacity: 500, overflow: 'drop-newest', name, onDrop, scheduler, monitor }),
      });
    const bars = await shedBars([1], { end: 6_000, sluice: naive, throttle: { window: 1 } });
    const missed = bars.filter((bar) => !met(bar)).map(({ bar }) => bar.split(' ')[0]);
    expect(missed).toEqual(expect.arrayContaining(['S1', 'S2', 'S3', 'S4', 'S6', 'S7', 'S10']));
  });

  test('what the charts are drawn from', async () => {
    const goodput = await goodputAgainstLoad([1], { ...short, loads: [2], policies: ['FIFO 500', 'shed'] });
    expect(goodput.map((point) => [point.policy, point.load, point.goodput > 0.9])).toEqual([
      ['FIFO 500', 2, false],
      ['shed', 2, true],
    ]);
    const yields = await yieldPerClass([1], { ...short, policies: ['shed'] });
    expect(yields.map((row) => row.class)).toEqual([5, 4, 3, 2, 1]);
    expect(yields.map((row) => row.ideal)).toEqual([1, 1, expect.closeTo(2 / 3), 0, 0]);
    const step = await goodputThroughStep([1], { policies: ['shed'], sluice });
    expect(step).toHaveLength(20);
    expect(step.map((second) => second.capacity).filter((capacity) => capacity === 500)).toHaveLength(8);
  });
});

const NAMES = Array.from({ length: 10 }, (_, i) => `S${i + 1}`);
