/** How a law is tried: by random scripts of steps, or by one long run. */
import { loadFastCheck } from './fastCheck.js';
import { LawRun, STEPS, type LawSubject, type Step, type StepKind } from './lawRun.js';

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
  /**
   * Throws when `subject` breaks the law: how, and, of a law about scripts, the seed, the path and the smallest script that was found.
   *
   * @throws MissingPackageError when `fast-check` is not installed, or can not be loaded because this is not Node
   */
  check(subject: LawSubject, parameters?: LawParameters): void;
}

/** All kinds of steps. */
export function ANY(): StepKind[] {
  return [...STEPS];
}

/** The steps of a source that respects demand. */
export function POLITE(): StepKind[] {
  return STEPS.filter((kind) => kind !== 'send');
}

/** A law about random scripts of these kinds of steps: `always` holds after each step, `finally` at the end. */
export function scripted(
  name: string,
  semantics: string,
  kinds: readonly StepKind[],
  always?: (run: LawRun) => void,
  atEnd?: (run: LawRun) => void,
  whole?: (subject: LawSubject, script: readonly Step[]) => void,
): OperatorLaw {
  return {
    name,
    semantics,
    check: (subject, { runs = 1_000, seed, path } = {}) => {
      const fc = loadFastCheck();
      const script = fc.array(fc.tuple(fc.constantFrom(...weighted(kinds)), fc.nat(7)), { maxLength: 40, size: 'max' });
      const property = fc.property(script, (steps) => {
        if (whole !== undefined) return whole(subject, steps);
        const run = new LawRun(subject);
        for (const step of steps) {
          run.do(step);
          always?.(run);
        }
        atEnd?.(run);
      });
      const from = { ...(seed !== undefined && { seed }), ...(path !== undefined && { path }) };
      fc.assert(property, { numRuns: runs, includeErrorInReport: true, ...from });
    },
  };
}

/** A law about one long run. */
export function once(name: string, semantics: string, check: (subject: LawSubject) => void): OperatorLaw {
  return { name, semantics, check: (subject) => check(subject) };
}

/** Endings are rare, so that scripts go on for a while. */
function weighted(kinds: readonly StepKind[]): StepKind[] {
  return kinds.flatMap((kind) =>
    kind === 'complete' || kind === 'error' || kind === 'unsubscribe' ? [kind] : Array<StepKind>(4).fill(kind),
  );
}

/** Runs a script, and unsubscribes in the middle of it from inside one of its callbacks. */
export function fromInside(subject: LawSubject, script: readonly Step[]): void {
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

export function released(run: LawRun): void {
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
export function withoutRealTime(subject: LawSubject, script: readonly Step[]): void {
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
export function arrived(run: LawRun): number[] {
  return run.stage === undefined ? run.sent : run.sent.slice(0, run.stage.ledger.in);
}

/** What was sent and not dropped. */
export function left(run: LawRun): readonly number[] {
  const dropped = new Set(run.drops.map(({ value }) => value));
  return run.sent.filter((value) => !dropped.has(value));
}

export function claim(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

export function equal(actual: readonly number[], expected: readonly number[], what: string): void {
  claim(actual.join() === expected.join(), `${what}: ${shown(actual)} against ${shown(expected)}`);
}

export function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 200);
}

export function ascending(a: number, b: number): number {
  return a - b;
}
