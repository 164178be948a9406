import { describe, test } from 'vitest';
import { storeLaws } from '../../src/testing/index.js';
import { memory } from './subjects.js';

const runs = Number(process.env['SLUICE_RUNS'] ?? 1_000);

describe.each([memory])('$name', (subject) => {
  const laws = storeLaws.filter((law) => law.applies(subject.features));
  test.each(laws)('$name', (law) => law.check(subject, { runs }));
});
