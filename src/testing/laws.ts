/** The laws every operator with a demand of its own keeps, as data: bind them to an operator in any test runner. */
import type { Observable } from 'rxjs';
import { drain, pull, type DropReason } from '../index.js';
import { LawRun, SOURCE_ERROR } from './lawRun.js';
import {
  ANY,
  arrived,
  ascending,
  claim,
  equal,
  fromInside,
  left,
  once,
  POLITE,
  released,
  scripted,
  shown,
  withoutRealTime,
  type OperatorLaw,
} from './lawTrial.js';
import { ManualConsumer } from './manual.js';

/**
 * The laws. Each is tried with random scripts of sending, asking, finishing work, waiting, ending and unsubscribing.
 *
 * ```ts
 * import { boundedBuffer } from 'sluice';
 * import { operatorLaws, type LawSubject } from 'sluice/testing';
 *
 * const subject: LawSubject = {
 *   name: 'boundedBuffer of 4',
 *   create: ({ scheduler, monitor, onDrop }) => boundedBuffer<number>({ capacity: 4, scheduler, monitor, onDrop }),
 *   bound: 4,
 * };
 * for (const law of operatorLaws) law.check(subject, { runs: 100 });
 * console.log('lawful');
 * // => lawful
 * ```
 */
export const operatorLaws: readonly OperatorLaw[] = [
  scripted('never holds more than its bound', 'S1', ANY(), (run) => {
    claim(run.peak <= run.subject.bound, `it held ${run.peak}, its bound is ${run.subject.bound}`);
    const { concurrency = Infinity } = run.subject;
    claim(run.working.length <= concurrency, `${run.working.length} calls run at once`);
  }),
  scripted('emits only what was asked for', 'S2', ANY(), (run) => {
    const { end } = run.consumer;
    const error = typeof end === 'object' ? (end.error as { stage?: string }) : undefined;
    claim(error?.stage !== 'sink', 'it emitted a value that nobody had asked for');
  }),
  scripted('takes what it asked for', 'S2', POLITE(), (run) => {
    const lost = run.drops.filter(({ reason }) => !['cancelled', 'expired', 'rate'].includes(reason));
    claim(lost.length === 0, `it asked for values and dropped ${shown(lost)}`);
    claim(run.consumer.end === undefined || run.sourceEnd !== undefined, 'it ended by itself');
  }),
  scripted(
    'loses nothing, unless by a policy that was named',
    'S3',
    ANY().filter((kind) => kind !== 'unsubscribe'),
    undefined,
    (run) => {
      run.drain();
      const { drops: allowed = ['overflow'] as readonly DropReason[] } = run.subject;
      for (const { reason } of run.drops) claim(allowed.includes(reason), `it dropped a value as ${reason}`);
      const left = [...run.delivered, ...run.drops.map(({ value }) => value as number)].flat();
      const merged = run.stage?.ledger.reasons.merged ?? 0;
      claim(merged === 0 || allowed.includes('merged'), 'it merged values');
      equal([...left].sort(ascending), arrived(run), 'what arrived against what left');
    },
  ),
  scripted('its ledger adds up at every instant', 'S4', ANY(), (run) => {
    if (run.stage === undefined) return;
    const { in: arrivals, out, dropped, held, reasons } = run.stage.ledger;
    claim(arrivals === out + dropped + held, `in ${arrivals} ≠ out ${out} + dropped ${dropped} + held ${held}`);
    claim(held === run.stage.held && held >= 0, `held is ${held}`);
    claim(run.wrongLedger === undefined, `inside a callback ${run.wrongLedger}`);
    const reported = dropped - (reasons.merged ?? 0);
    claim(reported === run.drops.length, `${reported} values were dropped, ${run.drops.length} reported`);
  }),
  scripted(
    'what it accepted is delivered, also when it overflows',
    'S5',
    ['send', 'request', 'finish'],
    undefined,
    (run) => {
      run.drain();
      const refused = new Set(run.drops.map(({ value }) => value));
      claim(
        run.drops.every(({ reason }) => reason !== 'cancelled'),
        `it gave up ${shown(run.drops)}`,
      );
      const expected = arrived(run).filter((value) => !refused.has(value));
      equal([...run.delivered].sort(ascending), expected, 'what was accepted against what was delivered');
    },
  ),
  scripted('keeps the order it promises', 'S6', ANY(), undefined, (run) => {
    if (!run.unsubscribed) run.drain();
    const { ordered = true } = run.subject;
    if (ordered === false) return;
    const last = new Map<unknown, number>();
    for (const value of run.delivered) {
      const key = ordered === true ? undefined : ordered(value);
      const before = last.get(key) ?? -1;
      claim(before < value, `${value} came after ${before}`);
      last.set(key, value);
    }
  }),
  scripted(
    'ends after what it holds, and once',
    'S7',
    ['sendOnDemand', 'request', 'finish', 'complete', 'error'],
    (run) => {
      const gaveUp = run.drops.filter(({ reason }) => reason === 'cancelled');
      claim(gaveUp.length === 0, `it ended before ${shown(gaveUp)}`);
      claim(run.consumer.end === undefined || run.stage?.held === 0, 'it ended with values held');
    },
    (run) => {
      const expected = run.sourceEnd ?? 'complete';
      run.drain();
      const { end } = run.consumer;
      const error = typeof end === 'object' ? end.error : undefined;
      claim(expected === 'error' ? error === SOURCE_ERROR : end === 'complete', `the source ended by ${expected}`);
    },
  ),
  scripted(
    'draining takes nothing more, and loses nothing',
    'S7',
    ANY().filter((kind) => kind !== 'unsubscribe'),
    undefined,
    (run) => {
      const { end } = run.consumer;
      const drops = run.drops.length;
      void drain(run.consumer.subscription, { within: Infinity, scheduler: run.time.scheduler });
      claim(run.source.open === 0, 'the source is still subscribed');
      const taken = arrived(run);
      run.drain();
      equal(arrived(run), taken, 'what it had taken after the drain against before');
      const lost = run.drops.slice(drops).filter(({ reason }) => reason === 'cancelled');
      claim(lost.length === 0, `it gave up ${shown(lost)}`);
      claim(end !== undefined || run.stage?.held === 0, 'it ended with values held');
      const untold = run.sourceEnd === undefined && run.consumer.end !== 'complete';
      claim(!untold || typeof end === 'object' || overran(run), 'it did not complete');
    },
  ),
  scripted('unsubscribing releases everything, and says what was dropped', 'S8', ANY(), undefined, (run) => {
    run.unsubscribe();
    released(run);
  }),
  scripted(
    'unsubscribing from inside a callback releases everything too',
    'S8',
    ANY(),
    undefined,
    undefined,
    fromInside,
  ),
  once('runs long on a flat stack', 'S9', (subject) => {
    const run = new LawRun(subject, { work });
    let count = 0;
    const numbers = function* (): Generator<number> {
      while (count < LONG) yield count++;
    };
    const source = pull(numbers()).pipe(subject.create(run.setup()));
    const consumer: ManualConsumer<number | readonly number[]> = new ManualConsumer(source, () => consumer.request(1));
    consumer.request(1);
    run.letTimePass(LONG);
    const came = consumer.values.flat().length + run.drops.length;
    claim(consumer.end === 'complete' && came === LONG, `${came} of ${LONG} came`);
  }),
  once('keeps order and a flat stack when a value is sent from inside next', 'S9', (subject) => {
    const { holdsBack = 0 } = subject;
    let came = 0;
    /** Sends as many as are needed for one to come out. */
    const feed = (run: LawRun): void => {
      while (run.sent.length < LONG && run.sent.length - came <= holdsBack) {
        if (run.source.requested > 0 && run.source.unsent === 0) run.send();
        else run.sendWhenAsked();
      }
    };
    const onValue = (run: LawRun): void => {
      came += [run.consumer.values.at(-1)!].flat().length;
      run.consumer.request(1);
      feed(run);
    };
    const run = new LawRun(subject, { work, onValue });
    run.consumer.request(1);
    feed(run);
    run.letTimePass(LONG);
    const lost = run.drops.length; // a value dropped sends none
    claim(lost > 0 || run.sent.length === LONG, `it stopped after ${came} of ${LONG}, with ${holdsBack} held back`);
    run.endSource('complete');
    run.letTimePass(LONG);
    claim(came + lost === run.sent.length, `${came + lost} of ${run.sent.length} came`);
    if (subject.ordered ?? true) equal(run.delivered, left(run), 'the order of re-entrant values');
  }),
  scripted('takes time from its scheduler only', 'S10', ANY(), undefined, undefined, withoutRealTime),
  scripted('shares nothing between two subscriptions', 'S11', ANY(), undefined, undefined, (subject, script) => {
    const alone = new LawRun(subject, { work });
    const operator = subject.create(new LawRun(subject, { work }).setup());
    const beside = new LawRun(subject, { operator });
    const other = new LawRun(subject, { operator });
    for (const step of script) {
      if (step[0] === 'advance') continue; // their clocks differ
      alone.do(step);
      beside.do(step);
      other.do(['send', 1]);
    }
    equal(beside.delivered, alone.delivered, 'what a subscription got beside another, and alone');
  }),
];

/** The source sent more than there was room for, which ends the stream with an error. */
function overran(run: LawRun): boolean {
  return run.drops.some(({ reason }) => reason === 'overflow' || reason === 'rate');
}

/** Values in a long run: a stack does not hold as many calls. */
const LONG = 20_000;

/** Work that is done at once. */
function work(value: number): Observable<number> {
  return pull([value]);
}
