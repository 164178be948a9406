/** Checks of what callers pass in: wrong options throw at the call, naming the option, what was expected and what came. */
import { OptionError } from './errors.js';

/** `value` with its type, as messages show it: `-1 (number)`. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'string') return `'${value}' (string)`;
  if (typeof value === 'function') return `a function`;
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object';
  return `${String(value)} (${typeof value})`;
}

/** Throws an `OptionError` saying what `option` should have been. */
export function expected(option: string, expectation: string, value: unknown): never {
  throw new OptionError(option, value, `Expected \`${option}\` to be ${expectation}, got ${shown(value)}`);
}

/** Refuses what is not an object and, with a suggestion, options that do not exist. */
export function checkOptions<O extends object>(where: string, options: O, known: readonly (keyof O & string)[]): void {
  if (typeof options !== 'object' || options === null) expected(`options of ${where}`, 'an object', options);
  for (const option of Object.keys(options)) {
    if ((known as readonly string[]).includes(option)) continue;
    const near = known.find((name) => distance(name.toLowerCase(), option.toLowerCase()) <= 2);
    const hint = near === undefined ? `It has ${known.join(', ')}` : `Did you mean \`${near}\`?`;
    throw new OptionError(
      option,
      (options as Record<string, unknown>)[option],
      `\`${where}\` has no option \`${option}\`. ${hint}`,
    );
  }
}

/** A whole number of at least `minimum`, or `Infinity`: unbounded only where the user wrote it. */
export function checkCount(option: string, value: unknown, minimum = 1): asserts value is number {
  if (typeof value === 'number' && value >= minimum && (Number.isInteger(value) || value === Infinity)) return;
  expected(option, minimum === 1 ? 'a positive integer' : `an integer of at least ${minimum}`, value);
}

/** A finite number of milliseconds above 0. */
export function checkDuration(option: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return;
  expected(option, 'a number of milliseconds above 0', value);
}

export function checkFunction(option: string, value: unknown): void {
  if (typeof value !== 'function') expected(option, 'a function', value);
}

/** Edits between two words (Levenshtein, one row). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
