import { isIP, isIPv4 } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { networkOf } from '../../src/http/ipAddress.js';

test.each([
  ['1.2.3.4', '1.2.3.4'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['::FFFF:1.2.3.4', '1.2.3.4'],
  ['::ffff:102:304', '1.2.3.4'],
  ['0:0:0:0:0:ffff:c0a8:1', '192.168.0.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['64:ff9b::1.2.3.4', '64:ff9b:0:0::/64'],
])('%s is counted as %s', (address, network) => {
  expect(networkOf(address, 64)).toBe(network);
});

test.each([
  [128, '2001:db8:1:2:3:4:5:6'],
  [127, '2001:db8:1:2:3:4:5:6/127'],
  [56, '2001:db8:1:0::/56'],
  [48, '2001:db8:1::/48'],
  [1, '0::/1'],
])('of %i bits it keeps %s', (prefix, network) => {
  expect(networkOf('2001:db8:1:2:3:4:5:6', prefix)).toBe(network);
});

const garbage = [
  '',
  '1',
  '1.2.3',
  '1.2.3.4.5',
  '256.1.1.1',
  '01.2.3.4',
  '0x7f.1',
  '1.2.3.4 ',
  '::1]/x[::',
  ':::',
  '1::2::3',
];

test.each([
  ...garbage,
  'unknown',
  '_hidden',
  '::ffff:1.2.3.456',
  'g::1',
  '2001:db8::1/64',
  '%',
  '[::1]',
  'a'.repeat(99_999),
])('%s is no address', (text) => {
  expect(networkOf(text, 64)).toBeUndefined();
});

test('it agrees with Node on what is an address, and two ways to write one are one', () => {
  const text = fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), fc.string(), fc.stringMatching(/^[\da-f:.]{1,40}$/));
  fc.assert(
    fc.property(text, (address) => {
      expect(networkOf(address, 64) !== undefined).toBe(isIP(address) !== 0);
      if (isIPv4(address)) expect(networkOf(address, 64)).toBe(address);
      const whole = networkOf(address, 128);
      if (whole !== undefined) expect(networkOf(whole.toUpperCase(), 64)).toBe(networkOf(address, 64));
    }),
    { numRuns: 1_000 },
  );
});
