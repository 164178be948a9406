/*! Contains structured-headers, Copyright (c) 2018-2026 Evert Pot, MIT License: https://github.com/evert/structured-header */
/** What an answer says about how much more its server takes, and when. What is malformed is as if it was not there. */
import { parseList } from 'structured-headers';

/** How one stands with a server. */
export interface Standing {
  /** Requests that it takes. */
  readonly left: number;
  /** For how many milliseconds they have to do. */
  readonly within: number;
}

/** When an answer was sent by its server's clock, with which times in it are compared: then no clock has to be right. */
export function sentAt(headers: Headers): number | undefined {
  return timeOf(headers.get('date') ?? '');
}

/** What `headers` say about the requests that come next; undefined where they say nothing. */
export function standingOf(headers: Headers, now: number): Standing | undefined {
  const said = [ofRateLimit(headers), ...OLDER.map((prefix) => ofOlder(headers, prefix, now))];
  return said.filter((standing) => standing !== undefined).sort(byScarcity)[0];
}

/** Milliseconds that `Retry-After` says to wait: seconds, or a date. */
export function retryAfterOf(headers: Headers, now: number): number | undefined {
  const text = headers.get('retry-after') ?? '';
  if (/^\d{1,15}$/.test(text)) return Number(text) * 1_000;
  const at = timeOf(text);
  return at === undefined ? undefined : Math.max(0, at - now);
}

/** The field of draft-ietf-httpapi-ratelimit-headers: of several policies the one with the least left, for the longest time. */
function ofRateLimit(headers: Headers): Standing | undefined {
  const text = headers.get('ratelimit');
  if (text === null) return undefined;
  try {
    const standings = parseList(text).map(([policy, parameters]) => {
      const [left, seconds] = [parameters.get('r'), parameters.get('t')];
      if (typeof policy !== 'string' || !isCount(left) || !(seconds === undefined || isCount(seconds))) throw MALFORMED;
      return seconds === undefined ? undefined : { left, within: seconds * 1_000 };
    });
    return standings.filter((standing) => standing !== undefined).sort(byScarcity)[0];
  } catch {
    return undefined;
  }
}

const MALFORMED = new SyntaxError('not a RateLimit field');

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

function byScarcity(a: Standing, b: Standing): number {
  return a.left - b.left || b.within - a.within;
}

/** What came before the draft: GitHub's, that of the draft's first versions, Twitter's. */
const OLDER = ['x-ratelimit', 'ratelimit', 'x-rate-limit'];

function ofOlder(headers: Headers, prefix: string, now: number): Standing | undefined {
  const [left, reset] = [headers.get(`${prefix}-remaining`), headers.get(`${prefix}-reset`)];
  if (left === null || reset === null || !/^\d{1,15}$/.test(left) || !/^\d{1,15}(\.\d{1,9})?$/.test(reset))
    return undefined;
  return { left: Number(left), within: Math.max(0, untilReset(Number(reset), now)) };
}

/** Some say in how many seconds, some at which second of the epoch, some at which millisecond. The numbers are far apart. */
function untilReset(reset: number, now: number): number {
  if (reset < 1e9) return reset * 1_000;
  return (reset < 1e12 ? reset * 1_000 : reset) - now;
}

/** An HTTP date in milliseconds, in any of the three forms of RFC 9110; `Date.parse` alone takes much else. */
function timeOf(text: string): number | undefined {
  const time = HTTP_DATE.test(text) ? Date.parse(text.endsWith('GMT') ? text : `${text} GMT`) : NaN;
  return Number.isNaN(time) ? undefined : time;
}

const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const TIME = '\\d\\d:\\d\\d:\\d\\d';
const HTTP_DATE = new RegExp(
  `^[A-Z][a-z]{2}, \\d\\d ${MONTH} \\d{4} ${TIME} GMT$|` +
    `^[A-Z][a-z]{5,8}, \\d\\d-${MONTH}-\\d\\d ${TIME} GMT$|` +
    `^[A-Z][a-z]{2} ${MONTH} [ \\d]\\d ${TIME} \\d{4}$`,
);
