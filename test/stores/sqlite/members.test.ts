import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Members } from '../../../src/stores/sqlite/members.js';

const member = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 2 }));

test('are those that were added and not removed, also after they were written and read', () => {
  const script = fc.array(fc.oneof(member, fc.integer({ min: 1, max: 40 })), { maxLength: 80 });
  fc.assert(
    fc.property(script, fc.nat(50), (script, most) => {
      const model = new Map<number, number>();
      let members = new Members();
      for (const step of script) {
        if (typeof step === 'number') expect(members.remove(step)).toBe(model.delete(step));
        else if (!model.has(step[0])) {
          members.add(...step);
          model.set(...step);
        }
        expect(members.size).toBe(model.size);
        if (model.size > 0) members = Members.parse(members.toString());
      }
      expect(members.first).toBe(Math.min(...model.keys()));
      const first = members.removeFirst(most).map(({ id, attempts }) => [id, attempts] as const);
      expect(first.length).toBe(Math.min(most, model.size));
      const rest = members.removeFirst(Infinity).map(({ id, attempts }) => [id, attempts] as const);
      expect(new Map([...first, ...rest])).toEqual(model);
    }),
  );
});

test('that follow each other take a few characters', () => {
  const members = new Members();
  for (let id = 1_000_001; id <= 1_001_024; id++) members.add(id, 1);
  expect(members.toString()).toBe('1000001,1023,1');
});
