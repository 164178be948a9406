import { context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { spanSources } from 'sluice/opentelemetry';
import { carryContexts } from './contextManager.js';

let stop: () => void;
beforeAll(() => (stop = carryContexts()));
afterAll(() => stop());

const key = createContextKey('test');
const request = (name: string): ReturnType<typeof ROOT_CONTEXT.setValue> => ROOT_CONTEXT.setValue(key, name);

test('a value has the context in which it was marked, whatever is active later', () => {
  const sources = spanSources<{ id: number }>();
  const [first, second, other] = [{ id: 1 }, { id: 1 }, { id: 1 }];
  expect(context.with(request('a'), () => sources.mark(first))).toBe(first);
  context.with(request('b'), () => sources.mark(second));
  expect(sources.of(first)?.getValue(key)).toBe('a');
  expect(sources.of(second)?.getValue(key)).toBe('b');
  expect(sources.of(other)).toBeUndefined();
});

test('a value that is derived from another has its context, and none where that has none', () => {
  const sources = spanSources<{ id: number }>();
  const marked = context.with(request('a'), () => sources.mark({ id: 1 }));
  const [derived, orphan] = context.with(request('b'), () => [
    sources.derive({ id: 2 }, marked),
    sources.derive({ id: 3 }, { id: 4 }),
  ]);
  expect(sources.of(derived!)?.getValue(key)).toBe('a');
  expect(sources.of(orphan!)).toBeUndefined();
});

test('nothing is kept longer than the values', async () => {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const sources = spanSources<object>();
  const collected = new Set<number>();
  const registry = new FinalizationRegistry<number>((id) => collected.add(id));
  for (let id = 0; id < 100; id++) {
    const from = { of: { id } }; // only the noted context holds it
    registry.register(from, id);
    context.with(ROOT_CONTEXT.setValue(key, from), () => sources.mark({ id }));
  }
  while (collected.size < 90) {
    // one or the other may still be on the stack
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(sources.of({})).toBeUndefined();
});

test.each([undefined, null, 1, 'a'])('%o can not be marked', (value) => {
  const sources = spanSources();
  const wrong = expect.objectContaining({ code: 'SLUICE_OPTION', option: 'value' }) as Error;
  expect(() => sources.mark(value as never)).toThrow(wrong);
  expect(() => sources.derive(value as never, {})).toThrow(wrong);
});
