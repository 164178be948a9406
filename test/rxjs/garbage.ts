/** What is still in memory, as the garbage collector sees it. */
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Collects everything that nobody refers to. */
export async function collectGarbage(): Promise<void> {
  await setImmediate(); // a WeakRef keeps what it refers to until the turn that made or read it is over
  gc();
}

/** How many of `references` are still there. */
export function countAlive(references: readonly WeakRef<object>[]): number {
  return references.filter((reference) => reference.deref() !== undefined).length;
}
