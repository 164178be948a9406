/** Values that are to be told when a stage drops them, or when several get them. */
import type { DropReason } from './stageOptions.js';
import { reportUnhandled } from './unhandled.js';

/** A value that is told. The names are the same in every copy of the package. */
export interface Droppable {
  /** Called once, after `onDrop`; not for `merged`: there the merge function has the value. */
  'sluice.dropped'(reason: DropReason): void;
}

/** A value of which each who gets it gets a part, for all of them to be done with it. */
export interface Shareable extends Droppable {
  /** Called once, when it is known who gets it. */
  'sluice.share'(count: number): readonly unknown[];
}

/** Tells `value` that it was dropped, if it is one that is to be told; of an array, each. */
export function tellDropped(value: unknown, reason: DropReason): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const each of value) tellDropped(each, reason);
    return;
  }
  try {
    (value as Partial<Droppable>)['sluice.dropped']?.(reason);
  } catch (error) {
    reportUnhandled(error); // the stage has others to tell
  }
}

/** True when several who get `value` are to get a part each. */
export function isShareable(value: unknown): value is Shareable {
  return (
    typeof value === 'object' && value !== null && typeof (value as Partial<Shareable>)['sluice.share'] === 'function'
  );
}
