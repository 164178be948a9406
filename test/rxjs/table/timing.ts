/** Operators that know the time, or wait for a notifier. */
import {
  audit,
  auditTime,
  debounce,
  debounceTime,
  delay,
  delayWhen,
  interval,
  map,
  merge,
  observeOn,
  sample,
  sampleTime,
  subscribeOn,
  throttle,
  throttleTime,
  timeInterval,
  timeout,
  timer,
  timestamp,
  type MonoTypeOperatorFunction,
} from 'rxjs';
import type { Item, Probe } from '../run.js';
import { boundary, multiplies, transparent, type Row } from './row.js';

const drops = {
  drops: true,
  note: 'Drops by design, so it does not slow the source: only what it lets through counts.',
};
const noDelay =
  'nothing: a consumer that is slower needs no delay. To space values out, a `pool` of `concurrency: 1` whose worker waits';

/** `operator` shares the stage with a second source. */
const merged = (how: string, operator: (probe: Probe) => MonoTypeOperatorFunction<Item>): Row =>
  multiplies(
    `${how}, mergeWith(b)`,
    (probe) => merge(probe.paced().pipe(operator(probe)), probe.paced()),
    "`boundedBuffer({ capacity: 1, overflow: 'drop-oldest' })` after it",
    { drops: true, note: 'The value it holds comes when its time comes, whatever room the other source has left.' },
  );

export const timing: readonly Row[] = [
  transparent('audit(() => timer(5))', ({ paced, time }) => paced().pipe(audit(() => timer(5, time))), {
    ...drops,
    keeps: 1,
  }),
  transparent('auditTime(5)', ({ paced, time }) => paced().pipe(auditTime(5, time)), { ...drops, keeps: 1 }),
  merged('auditTime(5)', ({ time }) => auditTime(5, time)),
  transparent('debounce(() => timer(5))', ({ paced, time }) => paced().pipe(debounce(() => timer(5, time))), {
    ...drops,
    keeps: 1,
  }),
  transparent('debounceTime(5)', ({ paced, time }) => paced().pipe(debounceTime(5, time)), { ...drops, keeps: 1 }),
  merged('debounceTime(5)', ({ time }) => debounceTime(5, time)),
  boundary('delay(5)', ({ source, time }) => source().pipe(delay(5, time)), noDelay),
  boundary('delayWhen(() => timer(5))', ({ source, time }) => source().pipe(delayWhen(() => timer(5, time))), noDelay),
  boundary(
    'observeOn(scheduler)',
    ({ source, time }) => source().pipe(observeOn(time)),
    'nothing, or `subscribeOn`: `pull` reads a little at a time, and stages keep the stack flat',
  ),
  transparent('sample(interval(5))', ({ paced, time }) => paced().pipe(sample(interval(5, time))), {
    ...drops,
    keeps: 1,
  }),
  transparent('sampleTime(5)', ({ paced, time }) => paced().pipe(sampleTime(5, time)), { ...drops, keeps: 1 }),
  merged('sampleTime(5)', ({ time }) => sampleTime(5, time)),
  transparent('subscribeOn(scheduler)', ({ source, time }) => source().pipe(subscribeOn(time))),
  transparent('throttle(() => timer(5))', ({ paced, time }) => paced().pipe(throttle(() => timer(5, time))), drops),
  transparent('throttleTime(5)', ({ paced, time }) => paced().pipe(throttleTime(5, time)), drops),
  merged('throttleTime(5, { trailing })', ({ time }) => throttleTime(5, time, { leading: false, trailing: true })),
  transparent('timeInterval()', ({ source, time }) =>
    source().pipe(
      timeInterval(time),
      map(({ value }) => value),
    ),
  ),
  boundary(
    'timeout({ each: 5 })',
    ({ source, time }) => source().pipe(timeout({ each: 5, scheduler: time })),
    '`timeout({ first })`, or the `timeout` of `pool`',
    { note: 'A source that waits for room looks like one that is silent: a slow consumer ends the stream.' },
  ),
  transparent('timeout({ first: 5 })', ({ source, time }) => source().pipe(timeout({ first: 5, scheduler: time }))),
  transparent('timestamp()', ({ source, time }) =>
    source().pipe(
      timestamp(time),
      map(({ value }) => value),
    ),
  ),
];
