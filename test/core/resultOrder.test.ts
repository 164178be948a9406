import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CompletionOrder, SourceOrder, type Entry, type ResultOrder } from '../../src/core/resultOrder.js';

interface Call extends Entry<string> {
  readonly nr: number;
}

describe.each([
  ['by completion', () => new CompletionOrder<string, Call>()],
  ['in source order', () => new SourceOrder<string, Call>()],
] as [string, () => ResultOrder<string, Call>][])('%s', (name, make) => {
  test('each result comes once, and each call is counted out once, when its last result was taken', () => {
    const property = fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(9))), (script) => {
      const order = make();
      const open: Call[] = [];
      const held: string[] = [];
      const taken: string[] = [];
      let [nr, out, produced] = [0, 0, 0];
      const take = (): void => {
        taken.push(order.take());
        out += order.outByTake;
      };
      for (const [action, n] of script) {
        const call = open[n % Math.max(1, open.length)];
        if (action === 0) {
          const entered: Call = { nr: nr++, finished: false, pending: 0, results: undefined };
          open.push(entered);
          order.enter(entered);
        } else if (action === 1 && call !== undefined) {
          const result = `${call.nr}.${produced++}`;
          held.push(result);
          order.hold(call, result);
        } else if (action === 2 && call !== undefined) {
          open.splice(open.indexOf(call), 1);
          out += order.finish(call);
        } else if (action === 3 && order.ready) take();
        expect(order.size).toBe(held.length - taken.length);
        expect(out + order.undelivered + open.length).toBe(nr);
      }
      for (const call of open.splice(0)) out += order.finish(call);
      while (order.ready) take();
      expect([out, order.size, order.undelivered]).toEqual([nr, 0, 0]);
      const numbers = held.map((result) => Number(result.split('.')[0]));
      const expected =
        name === 'by completion'
          ? held
          : held
              .map((result, i) => ({ result, nr: numbers[i]! }))
              .sort((a, b) => a.nr - b.nr)
              .map(({ result }) => result);
      expect(taken).toEqual(expected);
    });
    fc.assert(property, { numRuns: 1_000 });
  });
});
