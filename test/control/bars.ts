import { expect, test } from 'vitest';
import { met, shown, type Bar } from '../../bench/control/bars.mjs';

/** One test a bar, so that a miss says which one and by how much; `bars` are computed when the file is loaded. */
export function hold(bars: readonly Bar[]): void {
  test.each(bars.map((bar) => [bar.bar, shown(bar).join(' '), bar] as const))('%s: %s', (_name, _figure, bar) => {
    expect(bar.figure).not.toBeNaN();
    expect(met(bar)).toBe(true);
  });
}
