import { afterAll, describe, test } from 'vitest';
import { storeLaws } from '../../src/testing/index.js';
import { memory, sqliteSubject } from './subjects.js';

const runs = Number(process.env['SLUICE_RUNS'] ?? 1_000);
const sqlite = sqliteSubject('sqlite');
afterAll(() => sqlite.end());

// There are some forty laws, so a tenth for each is some thousands of runs.
describe.each([
  { subject: memory, runs },
  { subject: sqlite, runs: Math.ceil(runs / 10) },
])('$subject.name', ({ subject, runs }) => {
  const laws = storeLaws.filter((law) => law.applies(subject.features));
  test.each(laws)('$name', (law) => law.check(subject, { runs }));
});
