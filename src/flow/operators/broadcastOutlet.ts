/** What the stage of a `broadcast` has in the place of an output. */
import { Observable, type Subscriber, type Unsubscribable } from 'rxjs';
import { UNBOUNDED, type Demand } from '../demand.js';
import type { BroadcastCursor } from './broadcastCursor.js';

/** An output of no more use than to end and to be unsubscribed. */
export function outlet(): Subscriber<never> {
  let out: Subscriber<never> | undefined;
  new Observable<never>((subscriber) => void (out = subscriber)).subscribe({ error: () => undefined });
  return out!;
}

/** What the ring waits for, as a monitor sees it: the subscriber that is furthest behind, of those that block. */
export class Furthest implements Demand {
  /** @param skips those that block may be made to skip, which is no fault of anything between the ring and them */
  constructor(
    private readonly cursors: readonly BroadcastCursor<unknown>[],
    private readonly skips: boolean,
  ) {}

  onRequest(): Unsubscribable {
    return UNBOUNDED.onRequest(() => undefined); // nobody waits for it
  }

  get requested(): number {
    return this.cursor?.downstream.requested ?? Infinity;
  }

  get downstream(): BroadcastCursor<unknown> | undefined {
    return this.skips ? undefined : this.cursor;
  }

  private get cursor(): BroadcastCursor<unknown> | undefined {
    let furthest: BroadcastCursor<unknown> | undefined;
    for (const cursor of this.cursors) {
      if (cursor.blocks && cursor.next < (furthest?.next ?? Infinity)) furthest = cursor;
    }
    return furthest;
  }
}
