import { describe, expect, test } from 'vitest';
import { Names } from '../../src/core/names.js';

describe('Names', () => {
  test('the first has it as it is, others a number; numbers come again', () => {
    const names = new Names();
    const [a, a2, b, a3] = ['a', 'a', 'b', 'a'].map((name) => names.take(name));
    expect([a, a2, b, a3].map((one) => one!.name)).toEqual(['a', 'a 2', 'b', 'a 3']);
    a2!.release();
    a!.release();
    expect([names.take('a').name, names.take('a').name, names.take('a').name]).toEqual(['a', 'a 2', 'a 4']);
  });

  test('keeps nothing of names that nobody has any more', () => {
    const names = new Names();
    for (let client = 0; client < 100; client++) {
      const [one, two] = [names.take(`client ${client}`), names.take(`client ${client}`)];
      one.release();
      two.release();
    }
    expect((names as unknown as { taken: Map<string, unknown> }).taken.size).toBe(0);
  });
});
