/** The laws every operator with a demand of its own keeps, as data: bind them to an operator in any test runner. */
import fc from 'fast-check';
import type { Observable } from 'rxjs';
import { pull, type DropReason } from '../index.js';
import { LawRun, SOURCE_ERROR, STEPS, type LawSubject, type Step, type StepKind } from './lawRun.js';
import { ManualConsumer } from './manual.js';

/** How often, and from where, a law is tried. */
export interface LawParameters {
  /** Random scripts to run. Default: 1,000. */
  readonly runs?: number;
  /** Where the random numbers start; a failure prints its own. Default: fast-check's. */
  readonly seed?: number;
  /** The path fast-check printed with a failure, to run just that. */
  readonly path?: string;
}

/** A law. */
export interface OperatorLaw {
  readonly name: string;
  /** The point of docs/semantics.md that it holds. */
  readonly semantics: string;
  /** Throws with seed, path and the smallest script it found, when `subject` breaks the law. */
  check(subject: LawSubject, parameters?: LawParameters): void;
}

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
    const onValue = (run: LawRun): void => {
      run.consumer.request(1);
      if (run.sent.length === LONG) return;
      if (run.source.requested > 0) run.send();
      else run.sendWhenAsked();
    };
    const run = new LawRun(subject, { work, onValue });
    run.consumer.request(1);
    run.send();
    run.letTimePass(LONG);
    const came = run.delivered.length + run.drops.length;
    const expected = run.drops.length > 0 ? run.sent.length : LONG; // a value dropped sends none
    claim(came === expected, `${came} of ${expected} came`);
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

/** Values in a long run: a stack does not hold as many calls. */
const LONG = 20_000;

/** Work that is done at once. */
function work(value: number): Observable<number> {
  return pull([value]);
}

/** All kinds of steps. */
function ANY(): StepKind[] {
  return [...STEPS];
}

/** The steps of a source that respects demand. */
function POLITE(): StepKind[] {
  return STEPS.filter((kind) => kind !== 'send');
}

/** A law about random scripts of these kinds of steps: `always` holds after each step, `finally` at the end. */
function scripted(
  name: string,
  semantics: string,
  kinds: readonly StepKind[],
  always?: (run: LawRun) => void,
  atEnd?: (run: LawRun) => void,
  whole?: (subject: LawSubject, script: readonly Step[]) => void,
): OperatorLaw {
  const script = fc.array(fc.tuple(fc.constantFrom(...weighted(kinds)), fc.nat(7)), { maxLength: 40, size: 'max' });
  return {
    name,
    semantics,
    check: (subject, { runs = 1_000, seed, path } = {}) => {
      const property = fc.property(script, (steps) => {
        if (whole !== undefined) return whole(subject, steps);
        const run = new LawRun(subject);
        for (const step of steps) {
          run.do(step);
          always?.(run);
        }
        atEnd?.(run);
      });
      fc.assert(property, { numRuns: runs, ...(seed !== undefined && { seed }), ...(path !== undefined && { path }) });
    },
  };
}

/** A law about one long run. */
function once(name: string, semantics: string, check: (subject: LawSubject) => void): OperatorLaw {
  return { name, semantics, check: (subject) => check(subject) };
}

/** Endings are rare, so that scripts go on for a while. */
function weighted(kinds: readonly StepKind[]): StepKind[] {
  return kinds.flatMap((kind) =>
    kind === 'complete' || kind === 'error' || kind === 'unsubscribe' ? [kind] : Array<StepKind>(4).fill(kind),
  );
}

/** Runs a script, and unsubscribes in the middle of it from inside one of its callbacks. */
function fromInside(subject: LawSubject, script: readonly Step[]): void {
  let callbacks = 1 + (script.reduce((sum, [, amount]) => sum + amount, 0) % 10);
  const run = new LawRun(subject, {
    onCallback: (run) => {
      if (--callbacks === 0) run.unsubscribe();
    },
  });
  for (const step of script) run.do(step);
  run.unsubscribe();
  released(run);
}

function released(run: LawRun): void {
  claim(run.source.open === 0, 'the source is still subscribed');
  claim(run.working.length === 0, 'work still runs');
  claim(run.time.pending === 0, 'a timer still runs');
  if (run.stage === undefined) return;
  claim(run.stage.held === 0, 'values are still held');
  claim(run.stage.ledger.held === 0, `${run.stage.ledger.held} values are neither out nor dropped`);
  const reported = new Set(run.drops.map(({ value }) => value));
  claim(reported.size === run.drops.length, 'a value was reported twice');
  const { dropped, reasons } = run.stage.ledger;
  claim(run.drops.length === dropped - (reasons.merged ?? 0), 'a drop was not reported');
}

/** Runs a script while the real clock and timers throw. */
function withoutRealTime(subject: LawSubject, script: readonly Step[]): void {
  const names = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'] as const;
  const globals = globalThis as unknown as Record<string, unknown>;
  const originals = names.map((name) => globals[name]);
  const { now } = Date;
  const refuse = (): never => {
    throw new Error('it uses the real clock');
  };
  for (const name of names) globals[name] = refuse;
  Date.now = refuse;
  try {
    const run = new LawRun(subject);
    for (const step of script) run.do(step);
    run.unsubscribe();
    const { end } = run.consumer;
    if (typeof end === 'object' && end.error instanceof Error)
      claim(!end.error.message.includes('real clock'), end.error.message);
  } finally {
    Date.now = now;
    for (const [i, name] of names.entries()) globals[name] = originals[i];
  }
}

/** The values that got into the operator, ascending; those sent after it had let the source go did not. */
function arrived(run: LawRun): number[] {
  return run.stage === undefined ? run.sent : run.sent.slice(0, run.stage.ledger.in);
}

/** What was sent and not dropped. */
function left(run: LawRun): readonly number[] {
  const dropped = new Set(run.drops.map(({ value }) => value));
  return run.sent.filter((value) => !dropped.has(value));
}

function claim(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

function equal(actual: readonly number[], expected: readonly number[], what: string): void {
  claim(actual.join() === expected.join(), `${what}: ${shown(actual)} against ${shown(expected)}`);
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 200);
}

function ascending(a: number, b: number): number {
  return a - b;
}
