/** What is said of a message when it is published, checked. */
import { checkOptions, expected, ITERABLE, SIGNAL, type Rule } from '../options.js';
import { OptionError } from '../errors.js';
import type { Features } from './features.js';
import type { Headers, NewMessage } from './store.js';

/** Options of `publish`. */
export interface PublishOptions {
  /** Which messages belong together: with `order: 'key'` they are handled one after the other. 1 to 255 characters. Default: none. */
  readonly key?: string | undefined;
  /** Milliseconds before it is delivered. 0 to 100 years. Not together with `at`. Default: 0. */
  readonly delay?: number | undefined;
  /** When it is to be delivered: a Date, or milliseconds since 1970. Default: at once. */
  readonly at?: Date | number | undefined;
  /** A larger one is delivered first. An integer. Not with `order: 'queue'`. Default: 0. */
  readonly priority?: number | undefined;
  /** A second message of the same id is not put while the first is remembered (`dedupeWindow`). 1 to 255 characters. Default: none. */
  readonly dedupeId?: string | undefined;
  /** Strings that go with the message. They count as bytes of it. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** From when on it is not worth delivering, and is a dead letter: a Date, or milliseconds since 1970. Default: never. */
  readonly deadline?: Date | number | undefined;
  /** Gives up: the promise rejects with its reason, and the message was not put. Once it is being put, that is too late. */
  readonly signal?: AbortSignal | undefined;
}

/** Names and keys are kept by databases, which take neither NUL nor halves of characters. */
const NOT_STORABLE = /\0|[\uD800-\uDFFF]/u;

/** The rule of names, keys and ids. */
export const NAME: Rule = [
  'a string of 1 to 255 characters, with no NUL and no half of a surrogate pair',
  (value: unknown) => typeof value === 'string' && value.length > 0 && value.length <= 255 && !NOT_STORABLE.test(value),
];
/** A string is one value, not one for each of its characters. */
export const VALUES: Rule = [
  'an iterable of values, and no string',
  (values: unknown) => typeof values !== 'string' && ITERABLE[1](values as never),
];
const TIME: Rule = [
  'a Date, or a number of milliseconds since 1970 that a Date can hold',
  (value: unknown) =>
    value instanceof Date ? !Number.isNaN(value.getTime()) : typeof value === 'number' && Math.abs(value) <= 8.64e15,
];
/** A hundred years: what waits longer is lost, and its time is none that a Date, or each database, can hold. */
export const LONGEST_DELAY = 3_155_760_000_000;
export const DELAY: Rule = [
  'a number of milliseconds from 0 to 3,155,760,000,000 (100 years)',
  (value: unknown) => typeof value === 'number' && value >= 0 && value <= LONGEST_DELAY,
];
/** No Map, no `Headers` of fetch, no promise: their own properties are none of what is in them. */
function isPlain(value: unknown): value is object {
  if (Object.prototype.toString.call(value) !== '[object Object]') return false;
  return !(Symbol.iterator in (value as object));
}

export const PUBLISH_RULES: Record<keyof PublishOptions, Rule> = {
  key: NAME,
  delay: DELAY,
  at: TIME,
  priority: ['an integer', (value: unknown) => Number.isSafeInteger(value)],
  dedupeId: NAME,
  headers: ['an object of strings', (value: unknown) => isPlain(value) && Object.entries(value).every(isHeader)],
  deadline: TIME,
  signal: SIGNAL,
};

function isHeader([name, value]: [string, unknown]): boolean {
  return name !== '' && typeof value === 'string' && !NOT_STORABLE.test(name) && !NOT_STORABLE.test(value);
}

/** `checkOptions`, at a small part of its cost where nothing is wrong. */
function checkPublish(options: PublishOptions, features: Features): void {
  if (!isPlain(options)) expected('options', 'an object', options, 'publish');
  let wrong = false;
  for (const option in options) {
    const value: unknown = options[option as keyof PublishOptions];
    const rule = Object.hasOwn(PUBLISH_RULES, option) ? PUBLISH_RULES[option as keyof PublishOptions] : undefined;
    if (rule === undefined || (value !== undefined && !rule[1](value as never))) wrong = true;
  }
  if (wrong) checkOptions('publish', options, PUBLISH_RULES);
  if (options.delay !== undefined && options.at !== undefined) {
    throw new OptionError('at', options.at, 'Expected `delay` or `at`, got both (publish)');
  }
  features.checkPublish(options);
}

/** What is said of a message, or of many: all but its body. */
export type Terms = Omit<NewMessage, 'body'>;

/** What `options` say of what is published at `now`. */
export function termsOf(options: PublishOptions | undefined, now: number, features: Features): Terms {
  if (options === undefined) return plainTerms(now);
  checkPublish(options, features);
  const { key, headers, priority = 0, delay = 0, at, deadline, dedupeId } = options;
  const notBefore = at === undefined ? (delay > 0 ? now + delay : 0) : timeOf(at);
  if (notBefore - now > features.publishDelay) {
    expected(
      'delay',
      `at most ${features.publishDelay} ms, which is the most that the store can wait`,
      notBefore - now,
    );
  }
  return {
    key,
    headers: headers === undefined ? undefined : copyOf(headers),
    priority,
    publishedAt: now,
    notBefore,
    deadline: deadline === undefined ? undefined : timeOf(deadline),
    dedupeId,
  };
}

function plainTerms(publishedAt: number): Terms {
  return {
    key: undefined,
    headers: undefined,
    priority: 0,
    publishedAt,
    notBefore: 0,
    deadline: undefined,
    dedupeId: undefined,
  };
}

/** The message of `body`. */
export function message(body: string | Uint8Array, terms: Terms): NewMessage {
  const { key, headers, priority, publishedAt, notBefore, deadline, dedupeId } = terms;
  return { body, key, headers, priority, publishedAt, notBefore, deadline, dedupeId };
}

function timeOf(time: Date | number): number {
  return typeof time === 'number' ? time : time.getTime();
}

/** A copy, for the caller's may change before it is put; undefined for none. A header may be called `__proto__`. */
function copyOf(headers: Headers): Headers | undefined {
  for (const _ in headers) return { ...headers };
  return undefined;
}
