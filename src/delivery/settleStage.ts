/** The stage behind a handler's pool: it waits for the store, so that no slot has to. */
import type { Subscriber } from 'rxjs';
import { RingBuffer } from '../core/ringBuffer.js';
import { Stage } from '../flow/stage.js';
import type { Activity, StageOptions } from '../flow/stageOptions.js';
import type { Handled, Handling, HandlingOwner } from './handling.js';

export class SettleStage<T> extends Stage<Handling<T>, Handled<T>> implements HandlingOwner<T> {
  private readonly ready = new RingBuffer<Handled<T>>();
  private settling = 0;

  /** @param capacity messages that are being settled, or wait for downstream, at most */
  constructor(
    out: Subscriber<Handled<T>>,
    options: StageOptions & { readonly name: string },
    readonly capacity: number,
  ) {
    super(out, options);
  }

  get requested(): number {
    return this.ending ? 0 : this.capacity - this.held;
  }

  get held(): number {
    return this.settling + this.ready.size;
  }

  override get activity(): Activity {
    if (this.ready.size > 0) return 'blocked';
    return this.settling > 0 ? 'busy' : 'starved';
  }

  get waitsFor(): string {
    return 'the store to settle messages';
  }

  protected accept(handling: Handling<T>): void {
    if (handling.waitFor(this)) this.settling++;
    else this.give(handling);
  }

  protected work(): void {
    while (this.ready.size > 0 && this.downstream.requested > 0) this.emit(this.ready.shift());
  }

  /** Nobody is told of these: their handlers are done, and what became of them is on its way to the store, or there. */
  protected clear(): void {
    const { ready } = this;
    for (; this.settling > 0; this.settling--) this.drop(undefined, 'cancelled', 0, true);
    while (ready.size > 0) this.drop(ready.shift(), 'cancelled', 0, true);
  }

  answered(handling: Handling<T>): void {
    if (this.released) return;
    this.settling--;
    this.give(handling);
  }

  storeFailed(error: unknown): void {
    this.fail(error);
  }

  private give(handled: Handled<T>): void {
    if (this.ready.size === 0 && this.clearAhead) this.emit(handled);
    else this.ready.push(handled);
    this.run();
  }
}
