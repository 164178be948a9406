/** What an operator does with demand, in figures, and the class that follows from them. */
import { collectGarbage } from './garbage.js';
import { LENGTH, plainResult, Run, type Apply } from './run.js';

/** Room in the stage behind a probe. */
export const CAPACITY = 8;
/** What an operator may keep for itself, as `pairwise` and `bufferCount` do, without being taken for a buffer. */
const KEPT = 16;
/** How many values the consumer has taken when memory is looked at once more. */
const SOME = 100;

/** How many values the engine may keep a little longer than needed, in a variable that is not used any more. */
const STALE = 2;

export type Class = 'transparent' | 'multiplies' | 'boundary' | 'ignores demand';

export interface Figures {
  /** Values read from all sources before the consumer took one. */
  readonly read: number;
  /** Values that the operator itself kept in memory, at most, before the consumer took one. */
  readonly held: number;
  /** The same when the consumer had taken 100 values. */
  readonly heldLater: number;
  /** Values in the stage beyond its capacity, at most. */
  readonly beyond: number;
  /** Values read while the stage asked for nothing. */
  readonly unasked: number;
  /** Values that plain RxJS gives and the consumer did not get. */
  readonly lost: number;
}

export interface Use {
  readonly apply: Apply;
  /** It makes values itself and has no source: it is put before a stage that is full. */
  readonly creates?: boolean | undefined;
  /** Losing values is what it is for. */
  readonly drops?: boolean | undefined;
}

/** Measures `uses` side by side, so that each garbage collection serves all of them. */
export async function measure(uses: readonly Use[]): Promise<Figures[]> {
  const runs = uses.map(({ apply, creates }) => new Run(apply, creates ? 0 : CAPACITY));
  await collectGarbage();
  const atOnce = runs.map((run) => run.alive);
  for (const run of runs) run.wait(LENGTH);
  await collectGarbage();
  const atRest = runs.map((run) => ({ read: run.read, alive: run.alive }));
  for (const run of runs) run.take(SOME);
  await collectGarbage();
  return runs.map((run, i) => {
    const heldLater = run.alive;
    run.letEnd();
    if (!uses[i]!.creates) run.take(Infinity);
    return {
      read: atRest[i]!.read,
      held: Math.max(atOnce[i]!, atRest[i]!.alive),
      heldLater,
      beyond: run.beyond,
      unasked: run.unasked,
      lost: uses[i]!.creates ? 0 : missing(plainResult(uses[i]!.apply), run.taken),
    };
  });
}

/** The class of a use that was measured. */
export function classify(figures: Figures, { creates, drops }: Pick<Use, 'creates' | 'drops'>): Class {
  if (creates) return figures.beyond > 0 ? 'ignores demand' : 'transparent';
  if (figures.unasked > 0 || figures.beyond > KEPT) return 'boundary';
  if (figures.held > KEPT || figures.heldLater > SOME + KEPT) return 'boundary';
  if (figures.lost > 0 && !drops) return 'boundary';
  return figures.beyond > 0 ? 'multiplies' : 'transparent';
}

/** True when an operator keeps `keeps` values, or something of every value where it `grows`. */
export function keepsAsStated(
  figures: Figures,
  { keeps = 0, grows = false }: { keeps?: number | undefined; grows?: boolean | undefined },
): boolean {
  const kept = Math.max(figures.held, figures.heldLater);
  return grows ? kept >= SOME : kept >= keeps && kept <= keeps + STALE;
}

/** How many of `expected` are not in `found`, in whatever order. */
function missing(expected: readonly string[], found: readonly string[]): number {
  const left = new Map<string, number>();
  for (const digest of found) left.set(digest, (left.get(digest) ?? 0) + 1);
  return expected.filter((digest) => {
    const count = left.get(digest) ?? 0;
    left.set(digest, count - 1);
    return count <= 0;
  }).length;
}
