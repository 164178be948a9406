/** What RxJS 7 still exports and calls deprecated: it is classified all the same. */
/* eslint-disable @typescript-eslint/no-deprecated */
import {
  combineAll,
  concatMapTo,
  empty,
  exhaust,
  flatMap,
  map,
  mapTo,
  mergeMapTo,
  multicast,
  never,
  of,
  pairs,
  pluck,
  publish,
  publishBehavior,
  publishLast,
  publishReplay,
  refCount,
  repeatWhen,
  retryWhen,
  Subject,
  switchMapTo,
  take,
  timeoutWith,
} from 'rxjs';
import { pull } from '../../../src/index.js';
import type { Item } from '../run.js';
import { boundary, ignoresDemand, multiplies, piped, transparent, type Row } from './row.js';
import { cut, perConsumer } from './sharing.js';

const three = ['a', 'b', 'c'];
const none = { creates: true, note: 'Sends no values.' };

export const deprecated: readonly Row[] = [
  transparent('combineAll()', ({ source }) => pull([source(), source()]).pipe(combineAll()), {
    keeps: 2,
    note: 'As `combineLatestAll`.',
  }),
  boundary('concatMapTo(pull(…))', ({ source }) => source().pipe(concatMapTo(pull(three))), 'as for `concatMap`'),
  multiplies('concatMapTo(of(…))', piped(concatMapTo(of(...three))), 'an inner `pull(…)`'),
  transparent('empty()', () => empty(), none),
  transparent(
    'exhaust()',
    piped((source) =>
      source.pipe(
        map((item) => of(item)),
        exhaust(),
      ),
    ),
    { note: 'As `exhaustAll`.' },
  ),
  transparent('flatMap(v => pull([v, v, v]))', piped(flatMap((item: Item) => pull([item, item, item]))), { keeps: 1 }),
  multiplies('flatMap(v => of(v, v, v))', piped(flatMap((item: Item) => of(item, item, item))), 'as for `mergeMap`'),
  transparent('mapTo(x)', piped(mapTo('x'))),
  transparent('mergeMapTo(pull(…))', ({ source }) => source().pipe(mergeMapTo(pull(three)))),
  multiplies('mergeMapTo(of(…))', piped(mergeMapTo(of(...three))), 'an inner `pull(…)`'),
  boundary(
    'multicast(subject), refCount()',
    ({ source }) => source().pipe(multicast(new Subject<Item>()), refCount()),
    perConsumer,
    cut,
  ),
  transparent('never()', () => never(), none),
  ignoresDemand(
    'pairs(object)',
    () => pairs(Object.fromEntries(three.map((key, i) => [key, i]))),
    '`pull(Object.entries(…))`',
  ),
  transparent("pluck('key')", piped(pluck('n'))),
  boundary('publish(), refCount()', ({ source }) => source().pipe(publish(), refCount()), perConsumer, cut),
  boundary(
    'publishBehavior(v), refCount()',
    ({ source }) => source().pipe(publishBehavior<unknown>('v'), refCount()),
    perConsumer,
    cut,
  ),
  transparent('publishLast(), refCount()', ({ source }) => source().pipe(publishLast(), refCount()), {
    keeps: 1,
    note: 'Reads at full speed, and gives the last value only.',
  }),
  boundary('publishReplay(), refCount()', ({ source }) => source().pipe(publishReplay(), refCount()), perConsumer, cut),
  boundary('refCount()', ({ source }) => source().pipe(publish(), refCount()), perConsumer, cut),
  transparent('repeatWhen(notifier)', piped(repeatWhen((ends) => ends.pipe(take(1))))),
  transparent('retryWhen(notifier)', ({ source }) =>
    source().pipe(
      map((item) => {
        if (item.n === 100) throw new RangeError('100');
        return item;
      }),
      retryWhen((errors) => errors.pipe(take(2))),
    ),
  ),
  boundary('switchMapTo(pull(…))', ({ source }) => source().pipe(switchMapTo(pull(three))), 'as for `switchMap`'),
  multiplies('switchMapTo(of(…))', piped(switchMapTo(of(...three))), 'an inner `pull(…)`'),
  boundary(
    'timeoutWith(5, other)',
    ({ source, time }) => source().pipe(timeoutWith(5, pull(three), time)),
    'as for `timeout({ each })`',
    { note: 'A source that waits for room looks like one that is silent.' },
  ),
];
