/** Who gets which part of a value that is shared out. */
import { isShareable, tellDropped } from '../dropped.js';

/**
 * The parts of values that are in a ring, by number and reader. A reader that comes later, to whom the value is replayed, has no part: it
 * gets the value itself, which is nobody's to settle any more.
 */
export class BroadcastParts<T> {
  private readonly parts = new Map<number, Map<object, T>>();

  /** No part waits for its reader. */
  get none(): boolean {
    return this.parts.size === 0;
  }

  /** Makes a part of `value`, number `n`, for each reader that has not stopped; where there is none it is dropped. Returns `value`. */
  of(value: T, n: number, readers: readonly { readonly stopped: boolean }[]): T {
    if (isShareable(value)) {
      const those = readers.filter(({ stopped }) => !stopped);
      if (those.length === 0) {
        tellDropped(value, 'cancelled');
        return value;
      }
      const parts = value['sluice.share'](those.length) as readonly T[];
      this.parts.set(n, new Map(those.map((reader, i) => [reader, parts[i]!])));
    }
    return value;
  }

  /** The part of `reader`, which is taken by that. */
  take(n: number, reader: object, value: T): T {
    const parts = this.parts.get(n);
    const part = parts?.get(reader);
    if (part === undefined) return value;
    parts!.delete(reader);
    if (parts!.size === 0) this.parts.delete(n);
    return part;
  }
}
