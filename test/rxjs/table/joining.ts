/** Operators and functions that make one stream of several. */
import {
  catchError,
  combineLatest,
  combineLatestAll,
  combineLatestWith,
  concat,
  concatAll,
  concatWith,
  defer,
  endWith,
  finalize,
  forkJoin,
  from,
  iif,
  map,
  merge,
  mergeAll,
  mergeWith,
  NEVER,
  of,
  onErrorResumeNext,
  onErrorResumeNextWith,
  partition,
  race,
  raceWith,
  repeat,
  retry,
  sequenceEqual,
  startWith,
  switchAll,
  timer,
  using,
  withLatestFrom,
  zip,
  zipAll,
  zipWith,
  type Observable,
} from 'rxjs';
import { pull } from '../../../src/index.js';
import { CAPACITY } from '../measure.js';
import type { Item, Probe } from '../run.js';
import { inTurn, outerFirst } from './flattening.js';
import { boundary, multiplies, piped, transparent, type Row } from './row.js';

const sourcesOf = ({ source }: Probe): Observable<Item>[] => [source(), source()];
/** A source of many short sources. */
const sources = ({ source }: Probe): Observable<Observable<Item>> =>
  source().pipe(map((item) => pull([item, item, item])));
const failing = ({ source }: Probe): Observable<Item> =>
  source().pipe(
    map((item) => {
      if (item.n === 100) throw new RangeError('100');
      return item;
    }),
  );
const fixed = (length: number): number[] => Array.from({ length }, (_, i) => i);
const inTurns = { note: 'The sources take turns.' };
const latest = {
  note: 'Until each source has sent a value nothing comes of those of the others: they are read at full speed, and only the latest kept.',
};
const pairs = '`map` over one `pull` of pairs: a generator that reads both iterables in step';

export const joining: readonly Row[] = [
  transparent('catchError(() => pull(…))', (probe) => failing(probe).pipe(catchError(() => probe.source()))),
  transparent('combineLatest([a, b])', (probe) => combineLatest(sourcesOf(probe)), { ...latest, keeps: 2 }),
  transparent('combineLatestAll()', (probe) => pull(sourcesOf(probe)).pipe(combineLatestAll()), {
    ...latest,
    keeps: 2,
  }),
  transparent('combineLatestWith(b)', ({ source }) => source().pipe(combineLatestWith(source())), {
    ...latest,
    keeps: 2,
  }),
  transparent('concat(a, b)', (probe) => concat(...sourcesOf(probe))),
  boundary('concatAll()', (probe) => sources(probe).pipe(concatAll()), inTurn, outerFirst),
  transparent('concatWith(b)', ({ source }) => source().pipe(concatWith(source()))),
  transparent('defer(() => pull(…))', ({ source }) => defer(() => source())),
  multiplies('endWith(x, y)', piped(endWith('x', 'y')), '`concatWith(pull([x, y]))`', {
    note: 'Sends its values without being asked.',
  }),
  transparent('finalize(f)', piped(finalize(() => undefined))),
  transparent('forkJoin([a, b])', (probe) => forkJoin(sourcesOf(probe)), {
    keeps: 2,
    note: 'Gives nothing before the end, so it reads at full speed; it keeps the latest of each source.',
  }),
  transparent('from(pull(…))', ({ source }) => from(source())),
  transparent('iif(f, pull(…), pull(…))', ({ source }) => iif(() => true, source(), source())),
  transparent('merge(a, b)', (probe) => merge(...sourcesOf(probe)), inTurns),
  transparent('mergeAll()', (probe) => sources(probe).pipe(mergeAll()), { ...inTurns, keeps: 1 }),
  boundary('mergeAll(1)', (probe) => sources(probe).pipe(mergeAll(1)), inTurn, outerFirst),
  transparent('mergeWith(b)', ({ source }) => source().pipe(mergeWith(source())), inTurns),
  transparent('onErrorResumeNext(a, b)', (probe) => onErrorResumeNext(failing(probe), probe.source())),
  transparent('onErrorResumeNextWith(b)', (probe) => failing(probe).pipe(onErrorResumeNextWith(probe.source()))),
  transparent('partition(pull(…), f)', ({ source }) => partition(source(), ({ n }) => n % 2 === 0)[0], {
    note: 'Each half reads the source for itself.',
  }),
  transparent('race(a, b)', (probe) => race(sourcesOf(probe))),
  transparent('raceWith(b)', ({ source }) => source().pipe(raceWith(source()))),
  transparent('repeat(2)', piped(repeat(2))),
  transparent('repeat({ count: 2, delay })', ({ source, time }) =>
    source().pipe(repeat({ count: 2, delay: () => timer(10, time) })),
  ),
  transparent('retry(2)', (probe) => failing(probe).pipe(retry(2))),
  transparent('retry({ count: 2, delay })', (probe) =>
    failing(probe).pipe(retry({ count: 2, delay: () => timer(10, probe.time) })),
  ),
  boundary(
    'sequenceEqual(b)',
    ({ source, paced }) => source().pipe(sequenceEqual(paced(), (a, b) => a.n === b.n)),
    pairs,
    {
      note: 'Keeps the values of the source that is ahead.',
    },
  ),
  transparent('startWith(x)', piped(startWith('x'))),
  multiplies('startWith(...xs)', piped(startWith(...fixed(CAPACITY + 4))), '`concat(pull(xs), source)`', {
    note: 'Sends its values without being asked.',
  }),
  transparent('switchAll()', (probe) => pull([NEVER, probe.source()]).pipe(switchAll()), {
    note: 'As `switchMap`: a new source ends the one before it.',
  }),
  transparent('using(resource, () => pull(…))', ({ source }) =>
    using(
      () => ({ unsubscribe: () => undefined }),
      () => source(),
    ),
  ),
  transparent('withLatestFrom(of(x))', ({ source }) => source().pipe(withLatestFrom(of('x')))),
  transparent('withLatestFrom(pull(…))', ({ source }) => source().pipe(withLatestFrom(source())), {
    keeps: 1,
    note: 'The other source is read at full speed, and only its latest value kept: it finds the demand that is meant for the first.',
  }),
  boundary('zip(a, b)', (probe) => zip(...sourcesOf(probe)), pairs, {
    note: 'Keeps the values of the source that is ahead.',
  }),
  boundary('zipAll()', (probe) => pull(sourcesOf(probe)).pipe(zipAll()), pairs),
  boundary('zipWith(b)', ({ source }) => source().pipe(zipWith(source())), pairs),
];
