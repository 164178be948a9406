import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientAddress, type ClientAddressOptions } from '../../src/http/index.js';
import { OptionError } from '../../src/index.js';
import { collectGarbage } from '../rxjs/garbage.js';

const PROXY = '10.0.0.1';
const via = (header: string, options: ClientAddressOptions = { trustProxy: 1 }): string =>
  clientAddress(PROXY, { 'x-forwarded-for': header }, options);
const forwarded = (header: string, hops = 1): string =>
  clientAddress(PROXY, { forwarded: header }, { trustProxy: hops, proxyHeader: 'forwarded' });

describe('clientAddress', () => {
  test('is that of the socket: headers are what anybody may write', () => {
    const headers = { 'x-forwarded-for': '6.6.6.6', forwarded: 'for=6.6.6.6' };
    expect(clientAddress('203.0.113.7', headers)).toBe('203.0.113.7');
    expect(clientAddress('::ffff:203.0.113.7', headers, { trustProxy: 0 })).toBe('203.0.113.7');
    expect(clientAddress('2001:db8::7', headers, { ipv6Prefix: 128 })).toBe('2001:db8::7');
    expect(clientAddress(undefined, headers)).toBe('unknown');
  });

  test('trusts so many proxies, from the right', () => {
    const header = '6.6.6.6, 203.0.113.7,10.0.0.2';
    expect(via(header, { trustProxy: (async () => true) as never })).toBe(PROXY); // a promise trusts nobody
    expect(via(header, { trustProxy: 1 })).toBe('10.0.0.2');
    expect(via(header, { trustProxy: 2 })).toBe('203.0.113.7');
    expect(via('203.0.113.7', { trustProxy: 5 })).toBe('203.0.113.7');
    expect(clientAddress(PROXY, {}, { trustProxy: 5 })).toBe(PROXY);
  });

  test('trusts proxies by their address, each in one form', () => {
    const asked: string[] = [];
    const trustProxy = (address: string): boolean => {
      asked.push(address);
      return address.startsWith('10.') || address === 'fd00::2';
    };
    expect(via('6.6.6.6, 203.0.113.7, [FD00:0::2]:443, ::ffff:10.0.0.2', { trustProxy })).toBe('203.0.113.7');
    expect(asked).toEqual([PROXY, '10.0.0.2', 'fd00::2', '203.0.113.7']);
    expect(clientAddress('203.0.113.9', { 'x-forwarded-for': '6.6.6.6' }, { trustProxy })).toBe('203.0.113.9');
    expect(clientAddress(undefined, { 'x-forwarded-for': '6.6.6.6' }, { trustProxy: (a) => a === 'unknown' })).toBe(
      '6.6.6.6',
    );
  });

  test.each([
    ['203.0.113.7:4711', '203.0.113.7'],
    ['[2001:db8::1]:443', '2001:db8:0:0::/64'],
    ['[2001:db8::1]', '2001:db8:0:0::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
  ])('reads %s', (header, address) => {
    expect(via(header)).toBe(address);
    expect(forwarded(`for="${header}"`)).toBe(address);
  });

  test.each([
    'unknown',
    '',
    ' ',
    ',',
    '6.6.6.6,',
    '6.6.6.6, x',
    '[6.6.6.6',
    '6.6.6.6:x',
    '6.6.6.6\0',
    '6'.repeat(100_000),
    ','.repeat(100_000),
  ])('where %s is written, the proxy counts', (header) => {
    expect(via(header)).toBe(PROXY);
    expect(via(header, { trustProxy: () => true })).toBe(PROXY);
  });

  test.each([
    ['for=203.0.113.7', '203.0.113.7'],
    ['For="[2001:db8:cafe::17]:4711";proto=https', '2001:db8:cafe:0::/64'],
    ['for=6.6.6.6, proto=https; FOR=203.0.113.7;by=10.0.0.1', '203.0.113.7'],
    ['for=6.6.6.6, for=203.0.113.7;host="x;for=6.6.6.6"', '203.0.113.7'],
    ['host="x;for=6.6.6.6";for=203.0.113.7', '203.0.113.7'],
    // What is quoted may be the caller's: none of it is an element, and an open quote swallows nothing.
    ['for=203.0.113.7;host="x, for=6.6.6.6"', PROXY],
    ['for=203.0.113.7;host="x, for=6.6.6.6, y"', PROXY],
    ['for="6.6.6.6, for=203.0.113.7', '203.0.113.7'],
    ['for=203.0.113.7;for=6.6.6.6', PROXY],
    ['for=unknown', PROXY],
    ['for=_hidden', PROXY],
    ['proto=https', PROXY],
    ['for', PROXY],
    ['for=', PROXY],
    ['=;=;=', PROXY],
    [`for=${'6'.repeat(100_000)}`, PROXY],
    ['a=b;'.repeat(50_000), PROXY],
  ])('Forwarded: %s', (header, address) => {
    expect(forwarded(header)).toBe(address);
  });

  test('reads one header only, repeated or not, from Node or from Fetch', () => {
    const both = { 'x-forwarded-for': ['6.6.6.6', '203.0.113.7'], forwarded: 'for=6.6.6.6' };
    expect(clientAddress(PROXY, both, { trustProxy: 1 })).toBe('203.0.113.7');
    const headers = new Headers({ forwarded: 'for=6.6.6.6' });
    headers.append('x-forwarded-for', '6.6.6.6');
    headers.append('x-forwarded-for', '203.0.113.7');
    expect(clientAddress(PROXY, headers, { trustProxy: 1 })).toBe('203.0.113.7');
    expect(clientAddress(PROXY, { forwarded: 'for=6.6.6.6' }, { trustProxy: 1 })).toBe(PROXY);
  });

  test('as a key it keeps nothing of the header that it was in', async () => {
    const keys: string[] = [];
    await collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 2_000; i++) keys.push(via(Buffer.from(`${'x'.repeat(10_000)}${i}, 203.0.113.107`).toString()));
    await collectGarbage();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000);
    expect(keys).toHaveLength(2_000);
  });

  test('what a caller writes is never what it is counted as', () => {
    const text = fc.oneof(fc.string(), fc.ipV4(), fc.constantFrom('"', ',', 'for=', '\\"', ';', 'for="6.6.6.6"'));
    fc.assert(
      fc.property(
        fc.array(text).map((parts) => parts.join('')),
        (said) => {
          expect(via(`${said}, 203.0.113.7`)).toBe('203.0.113.7');
          expect(via(`${said}, 203.0.113.7`, { trustProxy: (a) => a === PROXY })).toBe('203.0.113.7');
          expect(forwarded(`${said}, for=203.0.113.7`)).toBe('203.0.113.7');
          const quoted = forwarded(`${said}, for=203.0.113.7;host="${said.replace(/["\\]/g, '')}"`);
          expect(['203.0.113.7', PROXY]).toContain(quoted);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test.each([
    { trustProxy: -1 },
    { trustProxy: 1.5 },
    { trustProxy: 'loopback' },
    { trustProxy: true },
    { trustProxy: 1, proxyHeader: 'x-real-ip' },
    { proxyHeader: 'forwarded' },
    { trustProxy: undefined, proxyHeader: 'x-forwarded-for' },
    { ipv6Prefix: 0 },
    { ipv6Prefix: 129 },
    { trustProxies: 1 },
  ])('refuses %o', (options) => {
    expect(() => clientAddress(PROXY, {}, options as never)).toThrow(OptionError);
  });

  test('no proxy at all may be said, whatever the header would be', () => {
    const headers = { forwarded: 'for=203.0.113.7' };
    expect(clientAddress(PROXY, headers, { trustProxy: 0, proxyHeader: 'forwarded' })).toBe(PROXY);
  });
});
