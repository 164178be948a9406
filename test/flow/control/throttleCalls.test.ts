import { afterEach, describe, expect, test, vi } from 'vitest';
import { OptionError, ThrottledError, throttleCalls } from '../../../src/index.js';
import { VirtualTime } from '../../../src/testing/index.js';
import { JumpingClock } from './jumpingClock.js';

const overload = Object.assign(new Error('busy'), { status: 503 });

describe('throttleCalls', () => {
  afterEach(() => vi.restoreAllMocks());

  test('calls through, results, errors and arguments', async () => {
    const call = throttleCalls(async (a: number, b: number) => a + b);
    expect(await call(1, 2)).toBe(3);
    const failing = throttleCalls(() => {
      throw new Error('no');
    });
    await expect(failing()).rejects.toThrow('no');
  });

  test('calls with the `this` it is called with', async () => {
    class Bank {
      readonly name = 'bank';
      readonly charge = throttleCalls(function (this: Bank, cents: number) {
        return `${this.name} charged ${cents}`;
      });
    }
    expect(await new Bank().charge(100)).toBe('bank charged 100');
  });

  test('refuses a part of the calls while most are refused there, and none once they are accepted again', async () => {
    const time = new VirtualTime();
    let healthy = false;
    let made = 0;
    const call = throttleCalls(
      () => {
        made++;
        if (!healthy) throw overload;
        return 'ok';
      },
      { window: 10_000, scheduler: time.scheduler },
    );
    vi.spyOn(Math, 'random').mockReturnValue(0.9);
    const outcomes: unknown[] = [];
    for (let i = 0; i < 20; i++) outcomes.push(await call().catch((error: unknown) => error));
    expect(made).toBe(10); // from there on (n - 0) / (n + 1) is above 0.9
    expect(outcomes.slice(10).every((outcome) => outcome instanceof ThrottledError)).toBe(true);
    expect(outcomes.at(-1)).toMatchObject({ code: 'SLUICE_THROTTLED' });
    healthy = true;
    time.advanceBy(10_000);
    for (let i = 0; i < 20; i++) expect(await call()).toBe('ok');
  });

  test('what was refused is forgotten in time after the clock was set back', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const time = new VirtualTime();
    const clock = new JumpingClock(time);
    let healthy = false;
    const work = (): Promise<string> => (healthy ? Promise.resolve('ok') : Promise.reject(overload));
    const call = throttleCalls(work, { window: 10_000, scheduler: clock });
    for (let i = 0; i < 9; i++) await call().catch(() => undefined);
    await expect(call()).rejects.toBeInstanceOf(ThrottledError);
    healthy = true;
    clock.by = -3_600_000;
    time.advanceBy(5_000);
    await expect(call()).rejects.toBeInstanceOf(ThrottledError);
    time.advanceBy(10_000);
    expect(await call()).toBe('ok');
  });

  test('errors that say nothing about load are no reason', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const call = throttleCalls(() => Promise.reject(new Error('no such customer')));
    for (let i = 0; i < 50; i++) await expect(call()).rejects.toThrow('no such customer');
    const judged = throttleCalls(() => Promise.reject(new Error('no')), { isOverload: () => true });
    for (let i = 0; i < 50; i++) await judged().catch(() => undefined);
    await expect(judged()).rejects.toBeInstanceOf(ThrottledError);
  });

  test.each([
    { status: 429 },
    { statusCode: 504 },
    { response: { status: 503 } },
    { name: 'TimeoutError' },
    { code: 'ETIMEDOUT' },
  ])('an error with %j is an overload', async (facts) => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const call = throttleCalls(() => Promise.reject(Object.assign(new Error('x'), facts)));
    for (let i = 0; i < 9; i++) await call().catch(() => undefined);
    await expect(call()).rejects.toBeInstanceOf(ThrottledError);
  });

  test('refuses wrong options', () => {
    expect(() => throttleCalls(5 as never)).toThrow(OptionError);
    expect(() => throttleCalls(() => 1, { k: 1 })).toThrow('Expected `k` to be a number above 1');
    expect(() => throttleCalls(() => 1, { window: 0 })).toThrow(OptionError);
  });
});
