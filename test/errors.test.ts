import { describe, expect, test } from 'vitest';
import * as sluice from '../src/index.js';

const { OptionError, OverflowError, QueueClosedError, RateLimitError, ReturnError } = sluice;
const { MissingPackageError, RefusedError, SlowSubscriberError, ThreadError } = sluice;
const { SluiceError, SourceError, ThrottledError, WorkerCreateError, WorkerTimeoutError } = sluice;

const errors = [
  new OptionError('capacity', 0, 'no'),
  new OverflowError('buffer', 8, 'wait'),
  new QueueClosedError('orders', new Error('why')),
  new WorkerTimeoutError('pool', 100, 3),
  new ReturnError('pool', undefined, 'no'),
  new SourceError('gone', new Error('why')),
  new RateLimitError('stage', 5),
  new WorkerCreateError('pool', 3, new Error('cause')),
  new ThrottledError(0.5),
  new MissingPackageError('piscina', '^5.3.2', 'threads', new Error('cause')),
  new SlowSubscriberError('broadcast/evict', 9, 'why'),
  new RefusedError('orders', 'full', 1_000, '{}'),
  new ThreadError(new Error('worker exited with code: 1')),
];

describe('errors', () => {
  test('each class is exported, has a code of its own and is an instance of itself and of SluiceError only', () => {
    const classes = Object.values(sluice).filter(
      (value): value is typeof SluiceError => typeof value === 'function' && value.prototype instanceof Error,
    );
    expect(classes).toHaveLength(errors.length + 1);
    expect(new Set(errors.map((error) => error.code)).size).toBe(errors.length);
    for (const error of errors) {
      expect(error).toBeInstanceOf(Error);
      expect(classes.filter((Class) => error instanceof Class)).toEqual([SluiceError, error.constructor]);
    }
  });

  test('an error of another copy of the package is told by its code', () => {
    class OverflowErrorOfAnotherCopy extends Error {
      readonly code = 'SLUICE_OVERFLOW';
    }
    const foreign: unknown = new OverflowErrorOfAnotherCopy();
    expect(foreign).toBeInstanceOf(OverflowError);
    expect(foreign).toBeInstanceOf(SluiceError);
    expect(foreign).not.toBeInstanceOf(OptionError);
  });

  test.each([undefined, null, 7, 'SLUICE_OPTION', {}, { code: 7 }, new Error('x')])(
    '%s is no error of ours',
    (value) => {
      expect((value as unknown) instanceof SluiceError).toBe(false);
    },
  );

  test('a stack says the code', () => {
    expect(errors[0]!.stack).toContain('SluiceError [SLUICE_OPTION]: no');
  });

  test('causes are kept', () => {
    expect((errors[2]!.cause as Error).message).toBe('why');
  });

  test.each([
    [1, '1'],
    [1_001, '2'],
    [1e300, '999999999999999'],
    [Infinity, '999999999999999'],
  ])('a refusal for %d ms says whole seconds that a header carries', (retryAfter, seconds) => {
    const error = new RefusedError('orders', 'full', retryAfter, '{}');
    expect(error.headers).toEqual({ 'Retry-After': seconds });
    expect(error.getResponse().headers.get('retry-after')).toBe(seconds);
  });
});
