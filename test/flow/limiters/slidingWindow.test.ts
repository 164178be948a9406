import { describe, expect, test } from 'vitest';
import { OptionError, slidingWindow, type SlidingWindowOptions } from '../../../src/index.js';
import { VirtualTime } from '../../../src/testing/index.js';

describe('slidingWindow', () => {
  test('never more than the limit in any window, wherever it begins', () => {
    const time = new VirtualTime();
    const quota = slidingWindow({ limit: 3, per: 100, scheduler: time.scheduler });
    const taken: number[] = [];
    for (let ms = 0; ms < 1_000; ms += 7) {
      while (quota.tryTake().ok) taken.push(time.now);
      time.advanceBy(7);
    }
    for (const start of taken)
      expect(taken.filter((at) => at >= start && at < start + 100).length).toBeLessThanOrEqual(3);
    expect(taken.length).toBeGreaterThanOrEqual(27);
  });

  test('answers like a bucket', () => {
    const time = new VirtualTime();
    const quota = slidingWindow({ limit: 3, per: 100, scheduler: time.scheduler });
    quota.tryTake(2);
    time.advanceBy(30);
    expect(quota.tryTake(1)).toEqual({ ok: true, remaining: 0, retryAfter: 0, resetAfter: 100 });
    expect(quota.tryTake(1)).toEqual({ ok: false, remaining: 0, retryAfter: 70, resetAfter: 100 });
    expect(quota.peek(3).retryAfter).toBe(100);
    expect(() => quota.tryTake(4)).toThrow(OptionError);
  });

  test('those who wait are served in turn', async () => {
    const time = new VirtualTime();
    const quota = slidingWindow({ limit: 1, per: 10, scheduler: time.scheduler });
    const served: number[] = [];
    const all = [1, 2, 3].map((n) => quota.take().then(() => served.push(n)));
    for (let i = 0; i < 3; i++) {
      await Promise.resolve();
      time.advanceBy(10);
    }
    await Promise.all(all);
    expect(served).toEqual([1, 2, 3]);
  });

  test('past clients are forgotten, whatever is asked afterwards', () => {
    const time = new VirtualTime();
    const quota = slidingWindow({ limit: 1, per: 1_000, scheduler: time.scheduler });
    for (let client = 0; client < 100_000; client++) quota.tryTake(1, client);
    expect(quota.keys).toBe(100_000);
    for (let ms = 0; ms < 2_000; ms += 500) {
      time.advanceBy(500);
      quota.peek(1, 'another');
    }
    expect(quota.keys).toBe(0);
  });

  test.each([{}, { limit: 0, per: 1 }, { limit: 1 }, { limit: 1, per: -1 }, { limit: NaN, per: 1 }])(
    'refuses %j',
    (options) => {
      expect(() => slidingWindow(options as SlidingWindowOptions)).toThrow(OptionError);
    },
  );
});
