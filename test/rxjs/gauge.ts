import type { Subscriber } from 'rxjs';
import { Stage } from '../../src/index.js';

/** What a value looks like. */
export function digestOf(value: unknown): string {
  return JSON.stringify(value) ?? 'undefined';
}

/**
 * A stage that asks for `capacity` values, but takes all that come, and notes by how many it was overrun. It holds digests
 * in the place of values, so that a value which is still in memory is one that an operator keeps.
 */
export class Gauge extends Stage<unknown, string> {
  private readonly digests: string[] = [];
  /** Values held beyond the capacity, at most. */
  beyond = 0;

  constructor(
    out: Subscriber<string>,
    private readonly capacity: number,
  ) {
    super(out, { name: 'gauge' });
  }

  get requested(): number {
    return this.ending ? 0 : Math.max(0, this.capacity - this.held);
  }

  get held(): number {
    return this.digests.length;
  }

  protected accept(value: unknown): void {
    this.digests.push(digestOf(value));
    this.run();
    this.beyond = Math.max(this.beyond, this.held - this.capacity);
  }

  protected work(): void {
    while (this.held > 0 && this.downstream.requested > 0) this.emit(this.digests.shift()!);
  }

  protected clear(): void {
    for (const digest of this.digests.splice(0)) this.drop(digest, 'cancelled');
  }
}
