/** Functions that make values of their own, and constants. */
import {
  animationFrames,
  bindCallback,
  bindNodeCallback,
  defer,
  EMPTY,
  from,
  fromEvent,
  fromEventPattern,
  generate,
  interval,
  NEVER,
  of,
  range,
  scheduled,
  throwError,
  timer,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { ignoresDemand, transparent, type Row } from './row.js';

const numbers = Array.from({ length: 1_000 }, (_, n) => n);
const none = { creates: true, note: 'Sends no values.' };
const guard = '`boundedBuffer` with a named `overflow` behind it, or `boundedQueue`';
const call = 'a `pool` whose worker returns a Promise; a single value fits any stage that is not full';

/** A target that sends 1,000 events, one a millisecond. */
function clicking(time: SchedulerLike): EventTarget {
  const target = new EventTarget();
  for (const n of numbers) time.schedule(() => target.dispatchEvent(new Event('click')), n);
  return target;
}

/** The frames of a screen of 100 Hz: Node has none. */
function onScreen(time: SchedulerLike, frames: Observable<unknown>): Observable<unknown> {
  return defer(() => {
    globalThis.requestAnimationFrame = (callback) => {
      time.schedule(() => callback(time.now()), 10);
      return 0;
    };
    globalThis.cancelAnimationFrame = () => undefined;
    return frames;
  });
}

export const creating: readonly Row[] = [
  ignoresDemand(
    'animationFrames()',
    ({ time }) => onScreen(time, animationFrames(time)),
    '`boundedBuffer` with `overflow: { merge }` behind it',
  ),
  ignoresDemand('bindCallback(f)', () => bindCallback((done: (value: number) => void) => done(1))(), call),
  ignoresDemand(
    'bindNodeCallback(f)',
    () => bindNodeCallback((done: (error: unknown, value: number) => void) => done(null, 1))(),
    call,
  ),
  transparent('EMPTY', () => EMPTY, none),
  ignoresDemand('from(iterable)', () => from(numbers), '`pull`'),
  ignoresDemand('fromEvent(target, type)', ({ time }) => defer(() => fromEvent(clicking(time), 'click')), guard),
  ignoresDemand(
    'fromEventPattern(add, remove)',
    ({ time }) =>
      fromEventPattern(
        (listener) => clicking(time).addEventListener('click', listener),
        () => undefined,
      ),
    guard,
  ),
  ignoresDemand(
    'generate({ … })',
    () => generate({ initialState: 0, condition: (n) => n < 1_000, iterate: (n) => n + 1 }),
    '`pull` over a generator',
  ),
  ignoresDemand('interval(1)', ({ time }) => interval(1, time), guard),
  transparent('NEVER', () => NEVER, none),
  ignoresDemand('of(...values)', () => of(...numbers), '`pull([…])`; a single value fits any stage that is not full'),
  ignoresDemand('range(0, 1000)', () => range(0, 1_000), '`pull` over a generator'),
  ignoresDemand('scheduled(iterable, scheduler)', ({ time }) => scheduled(numbers, time), '`pull`'),
  transparent('throwError(f)', () => throwError(() => new RangeError('none')), none),
  ignoresDemand('timer(0, 1)', ({ time }) => timer(0, 1, time), guard),
];
