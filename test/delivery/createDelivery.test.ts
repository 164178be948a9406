import { describe, expect, test } from 'vitest';
import { createDelivery, OptionError, type Outcome } from '../../src/index.js';

describe('createDelivery', () => {
  test('hands the first outcome over, with what was said of it', async () => {
    const outcomes: Outcome[] = [];
    const create = () => createDelivery('v', { info: { id: '1' }, settle: (outcome) => void outcomes.push(outcome) });
    const error = new Error('why');
    expect(await create().nack({ delay: 3, reason: 'busy', error })).toBe('settled');
    expect(await create().deadLetter('bad', error)).toBe('settled');
    expect(outcomes).toEqual([
      { kind: 'nack', delay: 3, reason: 'busy', error },
      { kind: 'dead', reason: 'bad', error },
    ]);
  });

  test('knows what it is told, and otherwise little', () => {
    const delivery = createDelivery('v', { info: { id: '1' }, settle: () => undefined });
    const { id, key, attempt, publishedAt, headers, priority, deadline } = delivery;
    expect({ id, key, attempt, publishedAt, headers, priority, deadline }).toEqual({
      ...{ id: '1', key: undefined, attempt: 1, publishedAt: 0, headers: {}, priority: 0, deadline: undefined },
    });
    expect(delivery.signal.aborted).toBe(false);
    expect(delivery.signal).toBe(delivery.signal);
  });

  test('what `settle` throws rejects the answer', async () => {
    const throwing = (): never => {
      throw new Error('disk');
    };
    await expect(createDelivery(1, { info: { id: '1' }, settle: throwing }).ack()).rejects.toThrow('disk');
  });

  test.each<[string, unknown]>([
    ['settle', { info: { id: '1' } }],
    ['info', { settle: () => undefined }],
    ['id', { info: {}, settle: () => undefined }],
    ['id', { info: { id: 1 }, settle: () => undefined }],
    ['attempt', { info: { id: '1', attempt: 0 }, settle: () => undefined }],
    ['headers', { info: { id: '1', headers: { a: 1 } }, settle: () => undefined }],
    ['deadline', { info: { id: '1', deadline: NaN }, settle: () => undefined }],
    ['signal', { info: { id: '1' }, settle: () => undefined, signal: {} }],
    ['kye', { info: { id: '1', kye: 'k' }, settle: () => undefined }],
  ])('refuses a wrong `%s`', (option, options) => {
    const create = (): unknown => createDelivery(1, options as never);
    expect(create).toThrow(OptionError);
    expect(create).toThrow(`\`${option}\``);
  });
});
