import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/index.js';
import * as errors from '../../src/queue/errors.js';

const { MessageError, QueueFullError, StoreError } = errors;
const all = [
  new QueueFullError('orders', 8),
  new MessageError('orders', 'it is too large', new Error('why')),
  new StoreError('sqlite', 'full', 'no space is left', new Error('why')),
];

describe('errors of queues and stores', () => {
  test('each has a code of its own, and is an instance of its class and of SluiceError only', () => {
    const classes = [MessageError, QueueFullError, StoreError];
    expect(Object.values(errors).filter(({ prototype }) => (prototype as unknown) instanceof Error)).toHaveLength(3);
    expect(all.map(({ code }) => code)).toEqual(['SLUICE_QUEUE_FULL', 'SLUICE_MESSAGE', 'SLUICE_STORE']);
    for (const error of all) {
      expect(error).toBeInstanceOf(SluiceError);
      expect(classes.filter((Class) => error instanceof Class)).toEqual([error.constructor]);
    }
  });

  test('they carry what to act on', () => {
    expect(all[0]).toMatchObject({ queue: 'orders', capacity: 8 });
    expect(all[1]).toMatchObject({ queue: 'orders', cause: new Error('why') });
    expect(all[2]).toMatchObject({ store: 'sqlite', trouble: 'full', cause: new Error('why') });
  });

  test('the page on errors has each code', () => {
    const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    expect(all.filter(({ code }) => !page.includes(`\`${code}\``))).toEqual([]);
  });
});
