import { afterAll, describe, test } from 'vitest';
import { storeLaws } from '../../src/testing/index.js';
import { memory, sqliteSubject } from './subjects.js';

const runs = Number(process.env['SLUICE_RUNS'] ?? 1_000);
const sqlite = sqliteSubject('sqlite');
afterAll(() => sqlite.end());

// There are some forty laws, and a run on a file takes some ten times as long: the first, which does all there is to do, is tried as often there.
describe.each([
  { subject: memory, part: 1 },
  { subject: sqlite, part: 0.1 },
])('$subject.name', ({ subject, part }) => {
  const laws = storeLaws.filter((law) => law.applies(subject.features));
  test.each(laws)('$name', (law) => law.check(subject, { runs: law === laws[0] ? runs : Math.ceil(runs * part) }));
});
