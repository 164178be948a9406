/** Checks of what callers pass in: wrong options throw at the call, naming the option, what was expected and what came. */
import { OptionError } from './errors.js';

/** What an option is to be, in words and as a test; whether it may be left out. */
export type Rule = readonly [expectation: string, holds: (value: never) => boolean, required?: 'required'];

/** `Infinity` counts as an integer: unbounded only where the user wrote it. */
export const POSITIVE: Rule = ['a positive integer or Infinity', (value: unknown) => isInteger(value) && value > 0];
export const NOT_NEGATIVE: Rule = [
  'an integer of at least 0 or Infinity',
  (value: unknown) => isInteger(value) && value >= 0,
];
export const COUNT: Rule = [
  'a positive integer below Infinity',
  (value: unknown) => Number.isInteger(value) && Number(value) > 0,
];
export const DURATION: Rule = ['a number of milliseconds above 0', (value: unknown) => isFinite(value) && value > 0];
export const FUNCTION: Rule = ['a function', (value: unknown) => typeof value === 'function'];
export const BOOLEAN: Rule = ['true or false', (value: unknown) => typeof value === 'boolean'];
export const OBJECT: Rule = ['an object', (value: unknown) => typeof value === 'object' && value !== null];
export const OBSERVABLE: Rule = [
  'an Observable',
  (value: { pipe?: unknown } | null) => typeof value?.pipe === 'function',
];
export const ITERABLE: Rule = [
  'an iterable',
  (value: Partial<Iterable<unknown>> | null | undefined) => typeof value?.[Symbol.iterator] === 'function',
];
export const SIGNAL: Rule = [
  'an AbortSignal',
  (value: Partial<AbortSignal> | null) => typeof value?.addEventListener === 'function',
];
export const SCHEDULER: Rule = [
  'a SchedulerLike',
  (value: { now?: unknown } | null) => typeof value?.now === 'function',
];
export const STRING: Rule = ['a string', (value: unknown) => typeof value === 'string'];

/** The same rule for an option that can not be left out. */
export function required([expectation, holds]: Rule): Rule {
  return [expectation, holds, 'required'];
}

/** Throws an `OptionError` unless `options` has only what `rules` name, and each as its rule says. */
export function checkOptions<O extends object>(where: string, options: O, rules: Record<keyof O, Rule>): void {
  if (typeof options !== 'object' || options === null || Symbol.iterator in options) {
    expected('options', 'an object', options, where); // an array, or a Map, is none: what is in it would be ignored
  }
  const values = options as Record<string, unknown>;
  const known = Object.keys(rules);
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue;
    const [near = ''] = [...known].sort((a, b) => likeness(b, option) - likeness(a, option));
    const alike = likeness(near, option) >= option.length / 3;
    const hint = alike ? `Did you mean \`${near}\`?` : `It has \`${known.join('`, `')}\``;
    throw new OptionError(option, values[option], `\`${where}\` has no option \`${option}\`. ${hint}`);
  }
  for (const [option, rule] of Object.entries<Rule>(rules)) {
    const value = values[option];
    if (value === undefined && rule[2] === undefined) continue;
    check(option, rule, value, where);
  }
}

/** Throws an `OptionError` unless `value` is as the rule says. */
export function check(option: string, [expectation, holds]: Rule, value: unknown, where?: string): void {
  if (!holds(value as never)) expected(option, expectation, value, where);
}

/** Throws an `OptionError` where `max` is below `min`. */
export function checkRange(min: number, max: number, where: string): void {
  if (max < min) expected('max', `an integer of at least \`min\`, which is ${min}`, max, where);
}

/** Throws an `OptionError` saying what `option` should have been, and what for. */
export function expected(option: string, expectation: string, value: unknown, where?: string): never {
  const whose = where === undefined ? '' : ` (${where})`;
  throw new OptionError(option, value, `Expected \`${option}\` to be ${expectation}, got ${shown(value)}${whose}`);
}

/** `value` with its type, as messages show it: `-1 (number)`. */
export function shown(value: unknown): string {
  const type = typeof value;
  if (type === 'string') return `'${value as string}' (string)`;
  if (type === 'function') return 'a function';
  if (type === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return value == null ? String(value) : `${(value as number).toString()} (${type})`;
}

/** How many pairs of letters of `word` are in `name`, whatever their case. */
function likeness(name: string, word: string): number {
  const pairs = Array.from(word.slice(1), (_, i) => word.slice(i, i + 2).toLowerCase());
  return pairs.filter((pair) => name.toLowerCase().includes(pair)).length;
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value) || value === Infinity;
}

function isFinite(value: unknown): value is number {
  return Number.isFinite(value);
}
