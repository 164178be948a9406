import { lastValueFrom, throwError, type ObservableInput } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { adaptive, pool, pull } from '../../../src/index.js';

describe('an `isOverload` of adaptive that throws fails the stream', () => {
  const thrown = new Error('isOverload');
  const isOverload = (): never => {
    throw thrown;
  };
  test.each<[string, () => ObservableInput<number>]>([
    ['a promise that rejects', () => Promise.reject(new Error('no'))],
    ['an Observable that fails', () => throwError(() => new Error('no'))],
    [
      'a worker that throws',
      () => {
        throw new Error('no');
      },
    ],
    ['a result', () => Promise.resolve(1)],
  ])('judging %s', async (_, worker) => {
    const concurrency = adaptive({ max: 5, isOverload });
    const done = lastValueFrom(pull([1, 2, 3]).pipe(pool(worker, { concurrency })));
    await expect(done).rejects.toBe(thrown);
  });
});
