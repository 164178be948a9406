/** What every operator and creation function of the installed RxJS does with demand; docs/rxjs-operators.md is the result. */
import * as rxjs from 'rxjs';
import { concat, concatWith, firstValueFrom, lastValueFrom, map, materialize, scan, takeLast, timer } from 'rxjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { boundedBuffer, pool, pull } from '../../src/index.js';
import { classify, keepsAsStated, measure, type Figures } from './measure.js';
import { page } from './page.js';
import type { Apply, Item } from './run.js';
import { rows } from './table/index.js';
import { others } from './table/others.js';

let figures: Figures[];
beforeAll(async () => {
  figures = await measure(rows);
}, 60_000);

test('every export of RxJS is in the table, once as one or the other', () => {
  const classified = [...new Set(rows.map(({ name }) => name)), ...Object.keys(others)];
  const exported = Object.keys(rxjs).filter((name) => !/^__|^(default|module\.exports)$/.test(name)); // what CommonJS adds
  expect(classified.sort()).toEqual(exported.sort());
});

test('no use is listed twice', () => {
  expect(new Set(rows.map(({ how }) => how)).size).toBe(rows.length);
});

describe('is of the class it is listed in', () => {
  test.for(rows.map((row, i) => [row.how, row, i] as const))('%s', ([, row, i]) => {
    const measured = figures[i]!;
    expect(classify(measured, row), JSON.stringify(measured)).toBe(row.class);
    if (row.class === 'transparent') expect(keepsAsStated(measured, row), JSON.stringify(measured)).toBe(true);
  });
});

describe('what the page says to use instead is transparent', () => {
  const instead: Record<string, Apply> = {
    'pool, for mergeMap(async)': ({ source, time }) =>
      source().pipe(pool((item) => timer(5, time).pipe(map(() => item)), { concurrency: 4 })),
    'pool of one, for concatMap(async)': ({ source, time }) =>
      source().pipe(pool((item) => timer(5, time).pipe(map(() => item)), { concurrency: 1 })),
    'pool of one, for concatMap(v => pull(…))': ({ source }) =>
      source().pipe(pool((item) => pull([item, item, item]), { concurrency: 1 })),
    'pool, for mergeMap(v => pull(asyncIterable))': ({ source, paced }) =>
      source().pipe(pool((item) => paced(3).pipe(map(() => item)), { concurrency: 4 })),
    'concatWith, for endWith': ({ source }) => source().pipe(concatWith(pull(['x', 'y']))),
    'concat, for startWith': ({ source }) => concat(pull(Array.from({ length: 12 }, (_, i) => i)), source()),
    'scan, for bufferCount that overlaps': ({ source }) =>
      source().pipe(scan((last: Item[], item) => [...last, item].slice(-4), [])),
    'a buffer, behind takeLast': ({ source }) => source().pipe(takeLast(12), boundedBuffer({ capacity: 12 })),
    'an iterator, before materialize': () => pull([1, 2, 3, 4, 5, 6, 7, 8].values()).pipe(materialize()),
  };

  test('each by measurement', async () => {
    const measured = await measure(Object.values(instead).map((apply) => ({ apply })));
    // A pool reads for itself, so it reads when the stage behind it asks for nothing: up to its own bound, held.
    const classes = Object.keys(instead).map((name, i) => [name, classify({ ...measured[i]!, unasked: 0 }, {})]);
    expect(classes).toEqual(Object.keys(instead).map((name) => [name, 'transparent']));
  });
});

test('the ends that RxJS has limit nothing', async () => {
  let read = 0;
  const counted = function* (): Generator<number> {
    while (read < 100) yield ++read;
  };
  await expect(firstValueFrom(pull(counted()).pipe(boundedBuffer({ capacity: 8 })))).resolves.toBe(1);
  expect(read).toBe(1);
  await expect(lastValueFrom(pull(counted()).pipe(boundedBuffer({ capacity: 8 })))).resolves.toBe(100);
});

test('docs/rxjs-operators.md is what was measured', async () => {
  const measured = page(rows.map((row, i) => ({ ...row, ...figures[i]! })));
  await expect(measured, 'to write it anew: npm run docs').toMatchFileSnapshot('../../docs/rxjs-operators.md');
});
