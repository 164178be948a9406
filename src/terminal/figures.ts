/** Numbers for a terminal: short, and of a width that changes little. */

/** A number in at most six columns: 0.3, 12, 9,999, 12.3k, 1.23M. */
export function count(n: number): string {
  if (!Number.isFinite(n)) return n === Infinity ? '∞' : '–';
  if (n < 0) return `-${count(-n)}`;
  if (n > 0 && n < 0.05) return '<0.1';
  if (n < 9.95 && !Number.isInteger(n)) return n.toFixed(1);
  if (n < 9_999.5) return Math.round(n).toLocaleString('en');
  const size = SIZES.findIndex((_, i) => n < 999.5 * 1_000 ** (i + 1));
  return size < 0 ? n.toExponential(0) : `${threeDigits(n / 1_000 ** (size + 1))}${SIZES[size]!}`;
}

/** Milliseconds as a time: 12 µs, 1.2 ms, 354 ms, 1.2 s, 12 min. */
export function time(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '–';
  if (ms < 0.0995) return `${Math.round(1_000 * ms)} µs`;
  const [unit, size] = UNITS.find(([, , most]) => ms < most) ?? DAYS;
  const value = ms / size;
  return `${value < 9.95 ? value.toFixed(1) : count(value)} ${unit}`;
}

export function percent(perSecond: number): string {
  return `${Math.round(perSecond / 10)} %`;
}

/** Thousands, millions, … */
const SIZES = ['k', 'M', 'G', 'T'];
const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];
/** With how many milliseconds they are, and up to how many they are used. */
const UNITS: readonly [unit: string, size: number, most: number][] = [
  ['ms', 1, 999.5],
  ['s', SECOND, 99.5 * SECOND],
  ['min', MINUTE, 99.5 * MINUTE],
  ['h', HOUR, 99.5 * HOUR],
];
const DAYS: (typeof UNITS)[number] = ['d', DAY, Infinity];

function threeDigits(n: number): string {
  return n.toFixed(n < 9.995 ? 2 : n < 99.95 ? 1 : 0);
}
