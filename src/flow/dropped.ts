/** Values that are to be told when a stage drops them. */
import type { DropReason } from './stageOptions.js';

/** A value that is told. The name is the same in every copy of the package. */
export interface Droppable {
  /** Called once, after `onDrop`; not for `merged`: there the merge function has the value. */
  'sluice.dropped'(reason: DropReason): void;
}

/** Tells `value` that it was dropped, if it is one that is to be told; of an array, each. */
export function tellDropped(value: unknown, reason: DropReason): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) for (const each of value) tellDropped(each, reason);
  else (value as Partial<Droppable>)['sluice.dropped']?.(reason);
}
