import fc from 'fast-check';
import { parseList } from 'structured-headers';
import { expect, test } from 'vitest';
import { POLICY_NAME, QuotaFields, seconds } from '../../src/http/quotaFields.js';
import { slidingWindow, tokenBucket } from '../../src/index.js';
import { VirtualTime } from '../../src/testing/index.js';

const { scheduler } = new VirtualTime();

test.each([
  [tokenBucket({ rate: 100, per: 60_000, burst: 100, scheduler }), '"p";q=100;w=60'],
  [tokenBucket({ rate: 100, per: 60_000, burst: 10, scheduler }), '"p";q=10;w=6'],
  [tokenBucket({ rate: 10, burst: 2, scheduler }), '"p";q=10;w=1'],
  [tokenBucket({ rate: 1, per: 3_000, scheduler }), '"p";q=1;w=3'],
  [tokenBucket({ rate: 1e30, scheduler }), ''],
  [tokenBucket({ rate: 1, burst: Infinity, scheduler }), ''],
  [slidingWindow({ limit: 100, per: 60_000, scheduler }), '"p";q=100;w=60'],
  [slidingWindow({ limit: 3, per: 200, scheduler }), '"p";q=15;w=1'],
])('%#: the policy is %s', (limiter, policy) => {
  expect(new QuotaFields('p', limiter).policy).toBe(policy);
});

test('a policy follows the rate', () => {
  const bucket = tokenBucket({ rate: 10, burst: 10, scheduler });
  const fields = new QuotaFields('p', bucket);
  expect(fields.policy).toBe('"p";q=10;w=1');
  bucket.rate = 1;
  expect(fields.policy).toBe('"p";q=10;w=10');
});

test('what is left has to do till all is there again; nothing, till the next one is', () => {
  const bucket = tokenBucket({ rate: 1, per: 10_000, burst: 3, scheduler });
  const fields = new QuotaFields('p', bucket);
  const windows = [1, 2, 3].map(() => fields.window(bucket.tryTake(1, 'key'), 'key'));
  expect(windows).toEqual([10, 20, 10]);
});

test('names, counts and times are structured fields, whatever they are', () => {
  const name = fc.string().filter((text) => POLICY_NAME[1](text as never));
  const limiter = tokenBucket({ rate: 1, scheduler });
  fc.assert(
    fc.property(name, fc.double({ noNaN: true }).map(Math.floor), fc.double({ noNaN: true }), (name, left, ms) => {
      const fields = new QuotaFields(name, limiter);
      const [[policy, { size }]] = parseList(fields.policy) as [[string, Map<string, number>]];
      const [[known, parameters]] = parseList(fields.left(left, seconds(ms))) as [[string, Map<string, number>]];
      expect([policy, size, known]).toEqual([name, 2, name]);
      expect(parameters.get('r')).toBeGreaterThanOrEqual(0);
      expect(parameters.get('t')).toBeGreaterThanOrEqual(1);
    }),
  );
});
