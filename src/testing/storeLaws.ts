/** The laws every store of a queue keeps, as data: bind them to a store in any test runner. */
import type * as FastCheck from 'fast-check';
import type { Order } from '../queue/store.js';
import { claim } from './lawTrial.js';
import {
  bodies,
  closes,
  foreign,
  inLine,
  large,
  names,
  settlesFirst,
  terms,
  wakes,
  wakesForRoom,
  wakesNext,
} from './storeExamples.js';
import { jumps, someBodies, twoTexts } from './storeInputs.js';
import { jumping } from './storeJumps.js';
import { example, property, scripted, type Applies, type StoreLaw } from './storeLawTrial.js';
import type { StoreRunOptions } from './storeRun.js';
import { Race, racePlans, type RacePlan } from './storeRaces.js';
import type { StoreStepKind } from './storeSteps.js';
import type { StoreSetting, StoreSubject } from './storeSubject.js';

/** Leases end by time, and each message is settled by itself: what the scripts are about. */
const LEASED: Applies = ({ lease, settle }) => lease === 'time' && settle === 'each';
const EACH: readonly StoreStepKind[] = [
  'put',
  'put',
  'take',
  'take',
  'ack',
  'nack',
  'release',
  'dead',
  'stale',
  'advance',
];
const LETTERS: readonly StoreStepKind[] = ['put', 'take', 'dead', 'dead', 'ack', 'browse', 'redrive', 'purge', 'count'];
const ANY: StoreRunOptions = { priorities: true, delays: true };

/**
 * The laws. Each is tried with random scripts against a small model of a store, with random interleavings of those who use it, or by an
 * example. A law that is about what a store does not declare does not apply to it.
 *
 * ```ts
 * import { memoryStore } from 'sluice/memory';
 * import { storeLaws, VirtualTime, type StoreSubject } from 'sluice/testing';
 *
 * const subject: StoreSubject = {
 *   name: 'memory',
 *   features: memoryStore().features,
 *   open: () => {
 *     const time = new VirtualTime();
 *     const store = memoryStore({ scheduler: time.scheduler });
 *     return {
 *       stores: [store],
 *       topic: 'topic',
 *       now: () => time.now,
 *       advance: (ms) => time.advanceBy(ms),
 *       close: () => store.close(),
 *     };
 *   },
 * };
 * const laws = storeLaws.filter((law) => law.applies(subject.features));
 * for (const law of laws) await law.check(subject, { runs: 10 });
 * console.log('lawful');
 * // => lawful
 * ```
 */
export const storeLaws: readonly StoreLaw[] = [
  scripted('what was accepted comes until it is acked, or dead', 'S13', LEASED, {}, [
    'put',
    'putWhole',
    'take',
    'ack',
    'nack',
    'release',
    'dead',
    'advance',
  ]),
  scripted(
    'each group gets every message',
    'S13',
    both(LEASED, (features) => features.fanOut),
    { groups: 2 },
    ['put', 'take', 'ack', 'nack', 'count'],
  ),
  scripted('what was nacked comes again, and not before its delay', 'S13', LEASED, {}, [
    'put',
    'take',
    'nack',
    'advance',
    'count',
  ]),
  scripted('what nobody settles comes again when its lease is over, and not before', 'S13', LEASED, {}, [
    'put',
    'take',
    'ack',
    'extend',
    'advance',
  ]),
  scripted('an attempt counts, unless it was released', 'S13', LEASED, {}, [
    'put',
    'take',
    'nack',
    'release',
    'advance',
  ]),
  scripted(
    'what was accepted comes after a crash',
    'S13',
    both(LEASED, ({ durable }) => durable),
    { ...ANY, alone: true },
    [...EACH, 'crash'],
  ),
  scripted(
    'what was accepted comes after the store was closed',
    'S13',
    both(LEASED, ({ durable }) => durable),
    { ...ANY, alone: true },
    [...EACH, 'reopen'],
  ),
  scripted('a lease that is over settles nothing', 'S14', LEASED, {}, [
    'put',
    'take',
    'take',
    'ack',
    'stale',
    'extend',
    'advance',
  ]),
  scripted('a lease is settled once', 'S14', LEASED, {}, ['put', 'take', 'ack', 'nack', 'release', 'stale']),
  example('what another topic gave out is refused', 'S14', LEASED, foreign),
  property('those who compete never hold one message at once', 'S13', LEASED, races, run('none')),
  property('an abort frees who waits, and loses nothing', 'S16', LEASED, races, run('none')),
  scripted('takes no more than was wanted', 'S16', LEASED, {}, ['put', 'put', 'take', 'ack']),
  scripted(
    'in no order, the highest priority goes first',
    'port',
    both(LEASED, ({ priority }) => priority !== false),
    { priorities: true, delays: true },
    [...EACH],
  ),
  scripted(
    'by key, nothing of a key comes while another of it is out',
    'S18',
    inOrder('key'),
    { order: 'key', priorities: true },
    EACH,
  ),
  scripted(
    'by key, with delays, a message joins its key when it is due',
    'S18',
    inOrder('key'),
    { order: 'key', delays: true },
    EACH,
  ),
  scripted(
    'in the order of the queue, one is out at a time',
    'S18',
    inOrder('queue'),
    { order: 'queue', delays: true },
    EACH,
  ),
  property('by key, whatever the interleaving', 'S18', inOrder('key'), races, run('key')),
  property('in the order of the queue, whatever the interleaving', 'S18', inOrder('queue'), races, run('queue')),
  scripted(
    'nothing comes before its delay',
    'port',
    both(LEASED, ({ delay }) => delay > 0),
    { delays: true },
    ['put', 'take', 'ack', 'advance', 'count'],
  ),
  scripted(
    'a second message of a dedupeId is not put while the first is remembered',
    'port',
    both(LEASED, ({ dedupe }) => dedupe),
    { dedupe: true, capacity: 6 },
    ['put', 'putWhole', 'take', 'ack', 'advance'],
  ),
  scripted(
    'never holds more than its capacity; puts all or none of a whole',
    'port',
    both(LEASED, ({ capacity }) => capacity),
    { capacity: 5, delays: true },
    ['put', 'putWhole', 'take', 'ack', 'nack', 'dead', 'redrive', 'room', 'count'],
  ),
  property(
    'never holds more than its capacity, whatever the interleaving',
    'port',
    both(LEASED, ({ capacity }) => capacity),
    races,
    run('none', 3),
  ),
  scripted(
    'dead letters are kept, browsed, redriven and purged',
    'port',
    both(LEASED, (features) => features.deadLetters),
    { order: 'none' },
    LETTERS,
  ),
  scripted(
    'dead letters are kept for as long as was said',
    'port',
    both(LEASED, (features) => features.deadLetters),
    { retention: 3.5 },
    [...LETTERS, 'advance'],
  ),
  scripted(
    'dead letters are not kept where that was said',
    'port',
    both(LEASED, (features) => features.deadLetters),
    { retention: 0 },
    LETTERS,
  ),
  scripted('counts what is there', 'port', LEASED, ANY, [...EACH, 'count', 'count']),
  example('wakes who waits', 'port', LEASED, wakes),
  example('wakes who waits for the one before', 'port', inOrder('queue'), wakesNext),
  example('of those who wait, the first gets what comes first', 'port', LEASED, inLine),
  example('what is taken after outcomes were handed over comes after them', 'port', LEASED, settlesFirst),
  example(
    'wakes who waits for room',
    'port',
    both(LEASED, ({ capacity }) => capacity),
    wakesForRoom,
  ),
  property(
    'closing carries out what was asked before, and frees who waits',
    'port',
    LEASED,
    (fc) => racePlans(fc, true),
    closing,
    { alone: true, most: 200 },
  ),
  property(
    'a closed store refuses what is asked later',
    'port',
    LEASED,
    (fc) => fc.constant(undefined),
    (setting, _, subject) => closes(setting, subject),
    { alone: true, most: 1 },
  ),
  example('large bodies come back as they were', 'port', LEASED, large),
  property('text and bytes come back as they were', 'port', inOrder('queue'), someBodies, bodies, { most: 200 }),
  property('names, keys and headers may be any text', 'port', LEASED, twoTexts, names, { most: 200 }),
  example('a topic is not opened with another order', 'port', () => true, terms),
  property('a clock that jumps loses nothing, and holds nothing up', 'S13', LEASED, jumps, jumping),
];

/** Applies to stores to which all of these apply. */
function both(...all: readonly Applies[]): Applies {
  return (features) => all.every((applies) => applies(features));
}

function inOrder(order: Order): Applies {
  return both(LEASED, (features) => features.order.includes(order));
}

function races(fc: typeof FastCheck): FastCheck.Arbitrary<RacePlan> {
  return racePlans(fc);
}

function run(
  order: Order,
  capacity?: number,
): (setting: StoreSetting, plan: RacePlan, subject: StoreSubject) => Promise<void> {
  return (setting: StoreSetting, plan: RacePlan, subject: StoreSubject): Promise<void> =>
    new Race(subject, setting, plan, order, capacity).run();
}

/** What was put when the stores were closed is there when they are opened again, and nothing else is. */
async function closing(setting: StoreSetting, plan: RacePlan, subject: StoreSubject): Promise<void> {
  const race = new Race(subject, setting, plan, 'none');
  await race.run();
  if (!subject.features.durable || setting.reopen === undefined) return;
  const [store] = await setting.reopen();
  const left = await race.left(store!);
  for (const body of race.accepted) {
    claim(
      left.has(body) !== race.acked.has(body) || race.doubtful.has(body),
      `${body} is lost, or came again after its ack`,
    );
  }
  for (const body of left) claim(race.accepted.has(body), `${body} is there, though its put was refused`);
}
