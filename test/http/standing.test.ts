import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { retryAfterOf, sentAt, standingOf } from '../../src/http/standing.js';

const NOW = Date.UTC(1994, 10, 6, 8, 49, 0);
const standing = (headers: Record<string, string>): unknown => standingOf(new Headers(headers), NOW);
const retryAfter = (text: string): unknown => retryAfterOf(new Headers({ 'Retry-After': text }), NOW);

test('sentAt is the date of an answer, if that is one', () => {
  expect(sentAt(new Headers({ Date: 'Sun, 06 Nov 1994 08:49:00 GMT' }))).toBe(NOW);
  expect(sentAt(new Headers({ Date: 'yesterday' }))).toBeUndefined();
  expect(sentAt(new Headers())).toBeUndefined();
});

describe('retryAfterOf', () => {
  test.each([
    ['0', 0],
    ['120', 120_000],
    ['999999999999999', 999_999_999_999_999_000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 37_000],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 37_000],
    ['Sun Nov  6 08:49:37 1994', 37_000],
    ['Sat, 05 Nov 1994 08:49:37 GMT', 0],
  ])('%s', (text, wait) => {
    expect(retryAfter(text)).toBe(wait);
  });

  test.each([
    '',
    'soon',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    '5, 7',
    '9'.repeat(99),
    '1994-11-06',
    'Sun, 99 Nov 1994 08:49:37 GMT',
    'Nov 6',
  ])('%s is as if it was not there', (text) => {
    expect(retryAfter(text)).toBeUndefined();
  });
});

describe('standingOf', () => {
  test.each([
    ['"default";r=50;t=30', { left: 50, within: 30_000 }],
    ['"a";r=0;t=1', { left: 0, within: 1_000 }],
    ['"burst";r=5;t=1, "daily";r=3;t=9000', { left: 3, within: 9_000_000 }],
    ['"a";r=0;t=1,"b";r=0;t=7', { left: 0, within: 7_000 }],
    ['"a";r=9;t=5;pk=:cHsdsRa894==:;acme-x="y"', { left: 9, within: 5_000 }],
    ['"a";r=9;pk=:dHJpYWwxMjEzMjM=:', undefined],
  ])('RateLimit: %s', (text, expected) => {
    expect(standing({ RateLimit: text })).toEqual(expected);
  });

  test.each([
    '',
    '"a"',
    'r=1;t=1',
    'a;r=1;t=1',
    '"a";r=-1;t=1',
    '"a";r=1.5;t=1',
    '"a";r="1";t=1',
    '"a";r=1;t=?1',
    '"a;r=1;t=1',
    '("a");r=1;t=1',
    '"a";r=9999999999999999;t=1',
    'limit=10, remaining=0, reset=3',
  ])('RateLimit: %s is as if it was not there', (text) => {
    expect(standing({ RateLimit: text })).toBeUndefined();
    expect(standing({ RateLimit: text, 'X-RateLimit-Remaining': '1', 'X-RateLimit-Reset': '2' })).toEqual({
      left: 1,
      within: 2_000,
    });
  });

  test.each(['X-RateLimit', 'RateLimit', 'X-Rate-Limit'])('%s-Remaining and -Reset', (prefix) => {
    const of = (left: string, reset: string): unknown =>
      standing({ [`${prefix}-Remaining`]: left, [`${prefix}-Reset`]: reset });
    expect(of('7', '30')).toEqual({ left: 7, within: 30_000 });
    expect(of('7', '1.5')).toEqual({ left: 7, within: 1_500 });
    for (const [left, reset] of [
      ['', '30'],
      ['7', ''],
      ['-1', '3'],
      ['1.5', '3'],
      ['1, 2', '3'],
      ['1', '3, 4'],
      ['x', 'y'],
    ]) {
      expect(of(left!, reset!)).toBeUndefined();
    }
  });

  test('a reset may be a time: in seconds, or in milliseconds', () => {
    const now = Date.UTC(2026, 0, 1);
    const at = (reset: number): unknown =>
      standingOf(new Headers({ 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': String(reset) }), now);
    expect(at(now / 1_000 + 60)).toEqual({ left: 0, within: 60_000 });
    expect(at(now + 60_000)).toEqual({ left: 0, within: 60_000 });
    expect(at(now - 60_000)).toEqual({ left: 0, within: 0 });
  });

  test('nothing that a server sends throws, and what is understood is a wait', () => {
    const text = fc.oneof(fc.string({ unit: 'binary-ascii' }), fc.constantFrom('"a";r=0;t=5', '0', '99999999999999'));
    fc.assert(
      fc.property(fc.array(text, { minLength: 4, maxLength: 4 }), (values) => {
        const headers = new Headers();
        ['ratelimit', 'retry-after', 'x-ratelimit-remaining', 'x-ratelimit-reset'].forEach((name, i) => {
          try {
            headers.set(name, values[i]!);
          } catch {
            // no header can carry that
          }
        });
        const found = standingOf(headers, NOW);
        const wait = retryAfterOf(headers, NOW);
        if (found !== undefined) expect(Math.min(found.left, found.within)).toBeGreaterThanOrEqual(0);
        if (wait !== undefined) expect(wait).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 1_000 },
    );
  });
});
