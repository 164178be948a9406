import { LinkedQueue, type Linked } from '../../core/linkedQueue.js';
import type { Message } from '../../queue/store.js';
import type { Breath } from './breath.js';

/** Those who wait for messages, the first at the front. */
export class Takers {
  private readonly line = new LinkedQueue<Taker>();

  /** @param whenGone called when one has given up */
  constructor(
    private readonly breath: Breath,
    private readonly whenGone: () => void,
  ) {}

  get waiting(): boolean {
    return this.line.oldest !== undefined;
  }

  /** Resolves with what `serve` has for it, or with nothing when `signal` aborts. */
  wait(want: number, signal: AbortSignal): Promise<readonly Message[]> {
    return new Promise((resolve) => {
      const abort = (): void => {
        taker.give([]);
        this.whenGone();
      };
      const give = (messages: readonly Message[]): void => {
        this.line.remove(taker);
        signal.removeEventListener('abort', abort);
        const pause = this.breath.pause(messages.length);
        if (pause === undefined || messages.length === 0) resolve(messages);
        else void pause.then(() => resolve(messages));
      };
      const taker: Taker = { want, give, older: undefined, newer: undefined };
      this.line.push(taker);
      signal.addEventListener('abort', abort);
    });
  }

  /** Gives to each in turn what `gather` has for it, until that has nothing more. */
  serve(gather: (want: number) => readonly Message[]): void {
    for (let taker = this.line.oldest; taker !== undefined; taker = this.line.oldest) {
      const messages = gather(taker.want);
      if (messages.length === 0) return;
      taker.give(messages);
    }
  }

  /** Nobody gets anything any more. */
  close(): void {
    for (let taker = this.line.oldest; taker !== undefined; taker = this.line.oldest) taker.give([]);
  }
}

interface Taker extends Linked<Taker> {
  readonly want: number;
  readonly give: (messages: readonly Message[]) => void;
}
