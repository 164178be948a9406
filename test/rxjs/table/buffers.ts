/** Operators that put values together, or apart. */
import {
  buffer,
  bufferCount,
  bufferTime,
  bufferToggle,
  bufferWhen,
  groupBy,
  interval,
  mergeAll,
  NEVER,
  of,
  timer,
  window,
  windowCount,
  windowTime,
  windowToggle,
  windowWhen,
} from 'rxjs';
import { boundary, multiplies, piped, transparent, type Row } from './row.js';

const byCount = '`bufferCount`';

export const buffers: readonly Row[] = [
  boundary('buffer(notifier)', ({ source, time }) => source().pipe(buffer(interval(10, time))), byCount),
  transparent('bufferCount(4)', piped(bufferCount(4)), { note: 'Each array counts as one value of demand.' }),
  multiplies('bufferCount(4, 1)', piped(bufferCount(4, 1)), '`scan((last, v) => [...last, v].slice(-4), [])`', {
    note: 'Overlapping arrays that are not full are given all at once, at the end.',
  }),
  boundary('bufferTime(10)', ({ source, time }) => source().pipe(bufferTime(10, time)), byCount),
  boundary('bufferTime(10, null, 4)', ({ source, time }) => source().pipe(bufferTime(10, null, 4, time)), byCount, {
    note: 'While the consumer rests it goes on to give an array every 10 ms, empty ones too.',
  }),
  boundary(
    'bufferToggle(openings, closing)',
    ({ source, time }) => source().pipe(bufferToggle(of(0), () => timer(10, time))),
    byCount,
  ),
  boundary('bufferWhen(closing)', ({ source, time }) => source().pipe(bufferWhen(() => timer(10, time))), byCount),
  transparent(
    'groupBy(key), mergeAll()',
    ({ source }) =>
      source().pipe(
        groupBy(({ n }) => n % 10),
        mergeAll(),
      ),
    { note: 'Keeps a group for each key; give it a `duration` for keys without bound. `pool` takes a `key` as well.' },
  ),
  transparent('window(notifier), mergeAll()', ({ source, time }) =>
    source().pipe(window(interval(10, time)), mergeAll()),
  ),
  transparent(
    'windowCount(4), mergeAll()',
    piped((source) => source.pipe(windowCount(4), mergeAll())),
  ),
  multiplies(
    'windowCount(4, 1), mergeAll()',
    piped((source) => source.pipe(windowCount(4, 1), mergeAll())),
    'windows that do not overlap',
    { note: 'A value is in as many windows as overlap.' },
  ),
  transparent('windowTime(10), mergeAll()', ({ source, time }) => source().pipe(windowTime(10, time), mergeAll())),
  transparent('windowToggle(openings, closing), mergeAll()', ({ source }) =>
    source().pipe(
      windowToggle(of(0), () => NEVER),
      mergeAll(),
    ),
  ),
  transparent('windowWhen(closing), mergeAll()', ({ source, time }) =>
    source().pipe(
      windowWhen(() => timer(10, time)),
      mergeAll(),
    ),
  ),
];
