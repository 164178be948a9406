/** Operators that subscribe to an inner source for each value. */
import {
  concatMap,
  EMPTY,
  exhaustAll,
  exhaustMap,
  expand,
  map,
  mergeMap,
  mergeScan,
  of,
  switchMap,
  switchScan,
  timer,
  type Observable,
} from 'rxjs';
import { pull } from '../../../src/index.js';
import type { Item, Probe } from '../run.js';
import { boundary, multiplies, piped, transparent, type Row } from './row.js';

const three = (item: Item): Item[] => [item, item, item];
const inPool = '`pool(worker, { concurrency })`';
export const inTurn = '`pool(worker, { concurrency: 1 })`';
const pulled = 'an inner `pull(…)`, or `pool`, which gives inner sources the demand behind it';
const burst = { note: 'All that an inner source sends at once may come for one value of demand.' };
const sync = { note: 'Inner sources that are synchronous; for asynchronous ones see under boundary.' };

export const outerFirst = {
  note: 'While an inner source waits for room, the outer one may be offered it first: what it sends then waits here.',
};

/** An asynchronous call that takes 5 ms. */
const call =
  ({ time }: Probe) =>
  (item: Item): Observable<Item> =>
    timer(5, time).pipe(map(() => item));

export const flattening: readonly Row[] = [
  boundary('concatMap(v => pull([v, v, v]))', piped(concatMap((item) => pull(three(item)))), inTurn, outerFirst),
  multiplies('concatMap(v => of(v, v, v))', piped(concatMap((item) => of(...three(item)))), pulled, burst),
  boundary('concatMap(async)', (probe) => probe.source().pipe(concatMap(call(probe))), inTurn),
  transparent(
    'exhaustAll()',
    (probe) =>
      probe.source().pipe(
        map((item) => of(item)),
        exhaustAll(),
      ),
    { note: 'As `exhaustMap`.' },
  ),
  transparent('exhaustMap(v => of(v))', piped(exhaustMap((item) => of(item)))),
  boundary(
    'exhaustMap(v => pull([v, v, v]))',
    piped(exhaustMap((item) => pull(three(item)))),
    '`mergeMap`, or `pool`, where nothing may be lost',
    {
      note: 'While an inner source waits for room, what the outer one sends is dropped.',
    },
  ),
  transparent('exhaustMap(async)', (probe) => probe.source().pipe(exhaustMap(call(probe))), {
    drops: true,
    keeps: 1,
    note: `Drops what comes while it is busy, at full speed. To drop nothing: ${inTurn}.`,
  }),
  multiplies(
    'expand(v => of(…))',
    piped(expand((item) => (item.n < 0 ? EMPTY : of({ n: -1 }, { n: -2 })))),
    pulled,
    burst,
  ),
  transparent(
    'expand(v => pull(…))',
    piped(expand((item) => (item.n < 0 ? EMPTY : pull([{ n: -1 }, { n: -2 }])))),
    sync,
  ),
  boundary(
    'expand(async)',
    (probe) =>
      probe
        .source()
        .pipe(expand((item) => (item.n < 0 ? EMPTY : timer(5, probe.time).pipe(map(() => ({ ...item, n: -1 })))))),
    'a loop in an async generator, read by `pull`',
  ),
  transparent('mergeMap(v => pull([v, v, v]))', piped(mergeMap((item) => pull(three(item)))), { ...sync, keeps: 1 }),
  multiplies('mergeMap(v => of(v, v, v))', piped(mergeMap((item) => of(...three(item)))), pulled, burst),
  boundary(
    'mergeMap(v => pull(asyncIterable))',
    (probe) => probe.source().pipe(mergeMap((item) => probe.paced(3).pipe(map(() => item)))),
    inPool,
    {
      note: 'Until the inner sources send something nothing stops the outer one.',
    },
  ),
  boundary('mergeMap(async)', (probe) => probe.source().pipe(mergeMap(call(probe))), inPool),
  boundary('mergeMap(async, 4)', (probe) => probe.source().pipe(mergeMap(call(probe), 4)), inPool),
  multiplies(
    'mergeScan((a, v) => of(v, v, v), a)',
    piped(mergeScan((_, item) => of(...three(item)), { n: 0 })),
    pulled,
    burst,
  ),
  transparent('mergeScan((a, v) => pull([v, v, v]), a)', piped(mergeScan((_, item) => pull(three(item)), { n: 0 })), {
    ...sync,
    keeps: 1,
  }),
  boundary(
    'mergeScan(async, a)',
    (probe) => probe.source().pipe(mergeScan((_, item) => call(probe)(item), { n: 0 })),
    `${inTurn}, then \`scan\``,
  ),
  multiplies('switchMap(v => of(v, v, v))', piped(switchMap((item) => of(...three(item)))), pulled, burst),
  transparent('switchMap(async)', (probe) => probe.source().pipe(switchMap(call(probe))), {
    drops: true,
    keeps: 1,
    note: `Each value cancels the one before, at full speed. To drop nothing: ${inTurn}.`,
  }),
  boundary(
    'switchMap(v => pull([v, v, v]))',
    piped(switchMap((item) => pull(three(item)))),
    '`mergeMap`, or `pool`, where nothing may be lost',
    {
      note: 'A new value ends an inner source that waits for room: what it had not sent is lost.',
    },
  ),
  multiplies(
    'switchScan((a, v) => of(v, v, v), a)',
    piped(switchScan((_, item) => of(...three(item)), { n: 0 })),
    pulled,
    burst,
  ),
  transparent(
    'switchScan(async, a)',
    (probe) => probe.source().pipe(switchScan((_, item) => call(probe)(item), { n: 0 })),
    {
      drops: true,
      keeps: 1,
      note: `Each value cancels the one before, at full speed. To drop nothing: ${inTurn}, then \`scan\`.`,
    },
  ),
];
