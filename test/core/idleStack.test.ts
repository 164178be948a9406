import { describe, expect, test } from 'vitest';
import { IdleStack } from '../../src/core/idleStack.js';

describe('IdleStack', () => {
  test('the last in is the first out, and the first in retires', () => {
    const idle = new IdleStack<string>();
    idle.push('a', 1);
    idle.push('b', 2);
    idle.push('c', 3);
    expect([idle.pop(), idle.shift(), idle.size]).toEqual(['c', 'a', 1]);
    expect(idle.idleSince(9)).toBe(2);
    expect([idle.pop(), idle.idleSince(9)]).toEqual(['b', Infinity]);
  });

  test('a clock that was set back does not keep what is idle for ever', () => {
    const idle = new IdleStack<string>();
    idle.push('a', 10_000);
    expect(idle.idleSince(50)).toBe(50);
    expect(idle.idleSince(60)).toBe(50);
  });
});
