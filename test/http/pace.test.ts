import { describe, expect, test } from 'vitest';
import { Pace } from '../../src/http/pace.js';
import { Paces } from '../../src/http/paces.js';
import { SteadyTime } from '../../src/flow/steadyTime.js';
import { VirtualTime } from '../../src/testing/index.js';

class Trial {
  readonly time: VirtualTime = new VirtualTime();
  readonly pace: Pace = new Pace(new SteadyTime(this.time.scheduler));
  readonly gone: number[] = [];
  private count = 0;

  /** `n` requests want to go. */
  readonly enter = async (n: number, signal?: AbortSignal): Promise<void> => {
    for (let i = 0; i < n; i++) {
      const id = ++this.count;
      this.pace.enter(signal).then(
        () => void this.gone.push(id),
        () => void this.gone.push(-id),
      );
    }
    await turn();
  };
  readonly after = async (ms: number): Promise<void> => {
    this.time.advanceBy(ms);
    await turn();
  };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Pace', () => {
  test('free: all go', async () => {
    const { pace, gone, enter } = new Trial();
    await enter(3);
    expect(gone).toEqual([1, 2, 3]);
    for (let i = 0; i < 3; i++) pace.answered(undefined);
    expect(pace.isIdle).toBe(true);
  });

  test('counted: as many as are left, less those on their way; then one asks, and its answer says how it goes on', async () => {
    const { pace, gone, enter, after, time } = new Trial();
    await enter(2);
    pace.answered({ left: 3, within: 1_000 });
    await enter(5);
    expect(gone).toEqual([1, 2, 3, 4]);
    expect(time.pending).toBe(1);
    await after(999);
    expect(gone).toHaveLength(4);
    await after(1);
    expect(gone).toEqual([1, 2, 3, 4, 5]);
    await after(999);
    expect(gone).toHaveLength(5);
    for (let i = 0; i < 3; i++) pace.failed();
    pace.answered({ left: 9, within: 1_000 });
    await turn();
    expect(gone).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(time.pending).toBe(0);
  });

  test('asking: an answer that says nothing sets free; a failure has the next ask', async () => {
    const { pace, gone, enter, after } = new Trial();
    await enter(1);
    pace.answered({ left: 0, within: 10 });
    await enter(4);
    await after(10);
    expect(gone).toEqual([1, 2]);
    pace.failed();
    await turn();
    expect(gone).toEqual([1, 2, 3]);
    pace.answered(undefined);
    await turn();
    expect(gone).toEqual([1, 2, 3, 4, 5]);
  });

  test('asking: where there is no answer yet, one more goes each second', async () => {
    const { pace, gone, enter, after, time } = new Trial();
    await enter(1);
    pace.refused(10);
    await enter(3);
    await after(10);
    expect(gone).toEqual([1, 2]);
    await after(1_000);
    expect(gone).toEqual([1, 2, 3]);
    await after(1_000);
    expect(gone).toEqual([1, 2, 3, 4]);
    expect(time.pending).toBe(0);
  });

  test('asking: one whose only request failed is forgotten', async () => {
    const { pace, enter, after } = new Trial();
    await enter(1);
    pace.refused(10);
    await after(10);
    await enter(1);
    pace.failed();
    expect(pace.isIdle).toBe(false);
    await after(1_000);
    expect(pace.isIdle).toBe(true);
  });

  test('shut: whatever answers to others say that were on their way, none goes; of two refusals the longer counts', async () => {
    const { pace, gone, enter, after } = new Trial();
    await enter(4);
    pace.refused(1_000);
    pace.refused(500);
    pace.answered({ left: 100, within: 1 });
    pace.answered(undefined);
    await enter(1);
    await after(999);
    expect(gone).toHaveLength(4);
    expect(pace.isIdle).toBe(false);
    await after(1);
    expect(gone).toHaveLength(5);
  });

  test('a signal ends the wait of one; the others go in order', async () => {
    const { pace, gone, enter, after, time } = new Trial();
    const controller = new AbortController();
    await enter(1);
    pace.refused(10);
    await enter(1, controller.signal);
    await enter(1);
    await enter(1, AbortSignal.abort());
    controller.abort();
    await turn();
    expect(gone).toEqual([1, -4, -2]);
    await after(10);
    expect(gone).toEqual([1, -4, -2, 3]);
    expect(time.pending).toBe(0);
  });

  test('no timer runs while nobody waits, and what was said is forgotten when its time is over', async () => {
    const { pace, enter, time } = new Trial();
    await enter(1);
    pace.answered({ left: 0, within: 100 });
    expect([time.pending, pace.isIdle]).toEqual([0, false]);
    time.advanceBy(100);
    expect(pace.isIdle).toBe(true);
  });
});

test('Paces keep nothing of keys that they are done with, and all that is in use', async () => {
  const time = new VirtualTime();
  const paces = new Paces(new SteadyTime(time.scheduler));
  const shut = paces.of('shut');
  await shut.enter(undefined);
  shut.refused(1_000_000);
  for (let i = 0; i < 20_000; i++) {
    const pace = paces.of(i);
    await pace.enter(undefined);
    if (i % 3 === 0) pace.answered({ left: 0, within: 10 });
    else if (i % 3 === 1) pace.failed();
    else pace.answered(undefined);
    time.advanceBy(1);
  }
  expect(paces.size).toBeLessThan(3_000);
  expect(paces.of('shut')).toBe(shut);
});
