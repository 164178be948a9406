/** Operators that look at one value after the other. */
import {
  count,
  defaultIfEmpty,
  dematerialize,
  distinct,
  distinctUntilChanged,
  distinctUntilKeyChanged,
  elementAt,
  every,
  filter,
  find,
  findIndex,
  first,
  ignoreElements,
  isEmpty,
  last,
  map,
  materialize,
  max,
  min,
  NEVER,
  pairwise,
  reduce,
  scan,
  single,
  skip,
  skipLast,
  skipUntil,
  skipWhile,
  take,
  takeLast,
  takeUntil,
  takeWhile,
  tap,
  throwIfEmpty,
  toArray,
} from 'rxjs';
import { pull } from '../../../src/index.js';
import { CAPACITY } from '../measure.js';
import { type Item } from '../run.js';
import { boundary, multiplies, piped, transparent, type Row } from './row.js';

const even = ({ n }: Item): boolean => n % 2 === 0;
const less = (a: Item, b: Item): number => a.n - b.n;
const untilTheEnd = {
  note: 'Gives nothing before the end, so it reads at full speed; it keeps what its result needs.',
};
const discards = { note: 'Reads at full speed what it drops.' };

export const values: readonly Row[] = [
  transparent('count()', piped(count()), untilTheEnd),
  transparent('defaultIfEmpty(v)', ({ source }) => source(0).pipe(defaultIfEmpty({ n: -1 }))),
  transparent('dematerialize()', ({ source }) => source().pipe(materialize(), dematerialize())),
  transparent('distinct()', piped(distinct()), {
    grows: true,
    note: 'Remembers every key for as long as it runs. Give it a `flushes` notifier, or a stage that forgets.',
  }),
  transparent('distinctUntilChanged()', piped(distinctUntilChanged()), { keeps: 1 }),
  transparent("distinctUntilKeyChanged('key')", piped(distinctUntilKeyChanged('n')), { keeps: 1 }),
  transparent('elementAt(500)', piped(elementAt(500)), discards),
  transparent('every(f)', piped(every(({ n }) => n >= 0)), untilTheEnd),
  transparent('filter(f)', piped(filter(even)), discards),
  transparent('find(f)', piped(find(({ n }) => n === 500)), discards),
  transparent('findIndex(f)', piped(findIndex(({ n }) => n === 500)), discards),
  transparent('first(f)', piped(first(({ n }) => n === 500)), discards),
  transparent('ignoreElements()', piped(ignoreElements()), discards),
  transparent('isEmpty()', piped(isEmpty())),
  transparent('last()', piped(last()), { ...untilTheEnd, keeps: 1 }),
  transparent('map(f)', piped(map((item) => item))),
  multiplies(
    'materialize()',
    () => pull(new Array<number>(CAPACITY).fill(0)).pipe(materialize()),
    '`pull` over an iterator (`list.values()`): its end has to be asked for',
    {
      note: 'The notification of the end comes unasked where a source knows its end before, as `pull` of an array does.',
    },
  ),
  transparent('max(compare)', piped(max(less)), { ...untilTheEnd, keeps: 1 }),
  transparent('min(compare)', piped(min(less)), { ...untilTheEnd, keeps: 1 }),
  transparent('pairwise()', piped(pairwise()), { keeps: 1 }),
  transparent('reduce(f)', piped(reduce((sum, { n }) => sum + n, 0)), untilTheEnd),
  transparent('scan(f)', piped(scan((sum, { n }) => sum + n, 0))),
  transparent('single(f)', piped(single(({ n }) => n === 500)), { ...untilTheEnd, keeps: 1 }),
  transparent('skip(10)', piped(skip(10)), discards),
  transparent('skipLast(4)', piped(skipLast(4)), { keeps: 4, note: 'Keeps as many values as it skips.' }),
  transparent('skipUntil(notifier)', piped(skipUntil(NEVER)), discards),
  transparent('skipUntil(pull(…))', ({ source }) => source().pipe(skipUntil(source()))),
  transparent('skipWhile(f)', piped(skipWhile(({ n }) => n < 500)), discards),
  transparent('take(20)', piped(take(20))),
  transparent('takeLast(4)', piped(takeLast(4)), { ...untilTheEnd, keeps: 4 }),
  multiplies('takeLast(12)', piped(takeLast(12)), 'a `boundedBuffer` of that capacity after it', {
    note: 'Gives all it kept at once, at the end.',
  }),
  transparent('takeUntil(notifier)', piped(takeUntil(NEVER))),
  transparent('takeWhile(f)', piped(takeWhile(({ n }) => n < 500))),
  transparent('tap(f)', piped(tap(() => undefined))),
  transparent('throwIfEmpty()', piped(throwIfEmpty())),
  boundary('toArray()', piped(toArray()), '`bufferCount`, or `for await` over `toAsyncIterable`', {
    note: 'Its result is all values.',
  }),
];
