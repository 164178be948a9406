import { describe, expect, test } from 'vitest';
import {
  boundedBuffer,
  boundedQueue,
  OptionError,
  pool,
  pull,
  SluiceError,
  toAsyncIterable,
  toReadableStream,
} from '../src/index.js';
import { toReadable } from '../src/node/index.js';

const wrong = (call: () => unknown): OptionError => {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(OptionError);
    return error as OptionError;
  }
  throw new Error('the call did not throw');
};

describe('options', () => {
  test.each([
    [0, '0 (number)'],
    [-1, '-1 (number)'],
    [1.5, '1.5 (number)'],
    [NaN, 'NaN (number)'],
    ['8', "'8' (string)"],
    [undefined, 'undefined'],
    [null, 'null'],
    [8n, '8 (bigint)'],
    [[8], 'an array'],
    [{}, 'an object'],
    [() => 8, 'a function'],
  ])('capacity %s is refused, naming option, expectation and what came', (capacity, shown) => {
    const calls = {
      boundedBuffer: () => boundedBuffer({ capacity: capacity as number }),
      boundedQueue: () => boundedQueue({ capacity: capacity as number }),
    };
    for (const [where, call] of Object.entries(calls)) {
      const error = wrong(call);
      expect(error.message).toBe(`Expected \`capacity\` to be a positive integer or Infinity, got ${shown} (${where})`);
      expect(error).toMatchObject({ code: 'SLUICE_OPTION', option: 'capacity', received: capacity });
    }
  });

  test('Infinity is a capacity, where it is written', () => {
    expect(() => boundedBuffer({ capacity: Infinity })).not.toThrow();
    expect(() => pool(() => [], { concurrency: Infinity })).not.toThrow();
  });

  test('a queuing strategy may be any object that is one', () => {
    class Counting {
      readonly own = 1;
      highWaterMark = Infinity;
      size = (): number => this.own;
    }
    for (const strategy of [{}, { highWaterMark: 0 }, new CountQueuingStrategy({ highWaterMark: 2 }), new Counting()])
      expect(() => toReadableStream(pull<never>([]), { strategy })).not.toThrow();
  });

  test.each([
    ['boundedBuffer', () => boundedBuffer({ capacity: 1, capasity: 2 } as never), 'capasity', 'capacity'],
    ['boundedBuffer', () => boundedBuffer({ capacity: 1, overFlow: 'error' } as never), 'overFlow', 'overflow'],
    ['pool', () => pool(() => [], { concurrency: 1, wait: 2 } as never), 'wait', 'waiting'],
    ['pool', () => pool(() => [], { conurrency: 1 } as never), 'conurrency', 'concurrency'],
    ['pull', () => pull([], { readahead: 2 } as never), 'readahead', 'readAhead'],
  ])('%s refuses an unknown option and suggests the like', (where, call, option, suggestion) => {
    expect(wrong(call).message).toBe(`\`${where}\` has no option \`${option}\`. Did you mean \`${suggestion}\`?`);
  });

  test('an option that is like none is answered with those there are', () => {
    const message = wrong(() => boundedQueue({ capacity: 1, onDrop: () => undefined } as never)).message;
    expect(message).toBe('`boundedQueue` has no option `onDrop`. It has `capacity`, `name`, `monitor`');
  });

  test('missing options are refused as a whole', () => {
    expect(wrong(() => boundedBuffer(undefined as never)).message).toBe(
      'Expected `options` to be an object, got undefined (boundedBuffer)',
    );
    expect(wrong(() => pool(() => [], null as never)).message).toContain('got null');
  });

  test.each([
    () => pool('work' as never, { concurrency: 1 }),
    () => pool(() => [], { concurrency: 0 }),
    () => pool(() => [], { concurrency: 1, waiting: -1 }),
    () => pool(() => [], { concurrency: 1, window: 0 }),
    () => pool(() => [], { concurrency: 1, order: 'random' as never }),
    () => pool(() => [], { concurrency: 1, key: 'id' as never }),
    () => pool(() => [], { concurrency: 1, timeout: 0 }),
    () => pool(() => [], { concurrency: 1, timeout: Infinity }),
    () => boundedBuffer({ capacity: 1, overflow: 'drop' as never }),
    () => boundedBuffer({ capacity: 1, overflow: { merge: 1 } as never }),
    () => boundedBuffer({ capacity: 1, overflow: null as never }),
    () => boundedBuffer({ capacity: 1, cost: 1 as never }),
    () => boundedBuffer({ capacity: 1, maxAge: -1 }),
    () => boundedBuffer({ capacity: 1, name: 7 as never }),
    () => boundedBuffer({ capacity: 1, onDrop: 'log' as never }),
    () => boundedBuffer({ capacity: 1, scheduler: {} as never }),
    () => boundedBuffer({ capacity: 1, monitor: null as never }),
    () => pull(7 as never),
    () => pull(null as never),
    () => pull([], { readAhead: 0 }),
    () => pull([], { readAhead: Infinity }), // without demand downstream it would read for ever, in one go
    () => toReadableStream(pull([]), { strategy: { hwm: 3 } as never }),
    () => toReadableStream(pull([]), { strategy: { highWaterMark: NaN } }),
    () => toReadableStream(pull([]), { strategy: { highWaterMark: -1 } }),
    () => toReadableStream(pull([]), { strategy: { highWaterMark: '3' as never } }),
    () => toReadableStream(pull([]), { strategy: { size: 1 as never } }),
    () => toReadableStream(pull([]), { strategy: 3 as never }),
    () => toReadable(pull([]), { highWaterMark: Infinity }),
    () => toReadable(pull([]), { highWaterMark: 1.5 }),
    () => toReadable(pull([]), { highWaterMark: -1 }),
    () => toAsyncIterable(pull([]), { capacity: 0 }),
  ])('wrong option %# throws at the call', (call) => {
    expect(wrong(call)).toBeInstanceOf(SluiceError);
  });
});
