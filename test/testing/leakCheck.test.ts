import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { leakCheck } from '../../src/testing/index.js';

const nothing = (): void => undefined;

describe('leakCheck', () => {
  test('names each timer and abort listener that is left, and only those', async () => {
    const before = setTimeout(nothing, 100_000);
    const leaks = leakCheck();
    const controller = new AbortController();
    const [timer, interval] = [setTimeout(nothing, 100_000), setInterval(nothing, 100_000)];
    controller.signal.addEventListener('abort', nothing);
    await new Promise((resolve) => setTimeout(resolve));
    await expect(leaks.check()).rejects.toThrow(/^Left over: setTimeout, setInterval, abort listener$/);
    for (const each of [before, timer, interval]) clearTimeout(each);
    controller.abort();
  });

  test('nothing is left of timers that fired or were cleared, by object or id, and of listeners that are gone', async () => {
    const leaks = leakCheck();
    clearTimeout(setTimeout(nothing, 100_000));
    clearTimeout(Number(setTimeout(nothing, 100_000)));
    clearInterval(setInterval(nothing, 100_000));
    clearImmediate(setImmediate(nothing));
    const [removed, aborted] = [new AbortController(), new AbortController()];
    removed.signal.addEventListener('abort', nothing);
    removed.signal.removeEventListener('abort', nothing);
    aborted.signal.addEventListener('abort', nothing);
    aborted.abort();
    await leaks.check();
  });

  test('nothing is left of timers that were closed or disposed of, and one that was refreshed is running', async () => {
    const leaks = leakCheck();
    setTimeout(nothing, 100_000).close();
    setInterval(nothing, 100_000).close();
    setTimeout(nothing, 100_000)[Symbol.dispose]();
    setInterval(nothing, 100_000)[Symbol.dispose]();
    setImmediate(nothing)[Symbol.dispose]();
    let fired: (() => void) | undefined;
    const firing = new Promise<void>((resolve) => (fired = resolve));
    const again = setTimeout(() => fired!(), 1);
    await firing;
    again.refresh();
    await expect(leaks.check()).rejects.toThrow(/^Left over: setTimeout$/);
    again.close();
  });

  test('a listener is not gone when one of another type is removed', async () => {
    const leaks = leakCheck();
    const controller = new AbortController();
    controller.signal.addEventListener('abort', nothing);
    controller.signal.removeEventListener('other', nothing);
    await expect(leaks.check()).rejects.toThrow('abort listener');
    controller.abort();
  });

  test('promisified timers work while it watches, and the globals are put back', async () => {
    const originals = [setTimeout, setInterval, clearTimeout, setImmediate];
    const leaks = leakCheck();
    expect(await promisify(setTimeout)(1, 'value')).toBe('value');
    expect(await promisify(setImmediate)('now')).toBe('now');
    await leaks.check();
    expect([setTimeout, setInterval, clearTimeout, setImmediate]).toEqual(originals);
  });
});
