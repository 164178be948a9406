/** Lets the event loop run: all that is asked is done at once, so those who go on at each answer would keep everything else waiting. */
export class Breath {
  private turn: Promise<void> | undefined;
  private left = MOST;
  private until = 0;

  /** Counts an answer about `count` messages; where it has to wait for the event loop, what it waits for. */
  pause(count: number): Promise<void> | undefined {
    this.left -= 1 + count;
    if (this.turn === undefined && (this.left <= 0 || (this.left <= MOST - FEW && Date.now() >= this.until))) {
      this.turn = new Promise((resolve) => nextTurn(() => this.goOn(resolve)));
    }
    return this.turn;
  }

  /** The promise of an answer about `count` messages. */
  answer<A>(count: number, answer: A): Promise<A> {
    return this.pause(count)?.then(() => answer) ?? Promise.resolve(answer);
  }

  /** Whether an answer waits. */
  get holds(): boolean {
    return this.turn !== undefined;
  }

  /** Resolves in the next turn of the event loop, when those who waited for that have their answers. */
  next(): Promise<void> {
    return new Promise((resolve) => nextTurn(resolve));
  }

  /** The next answer waits. */
  hold(): void {
    this.left = 0;
  }

  /** The clock is that of the real world, whatever the store's scheduler is: it is the process that would stand still. */
  private goOn(resolve: () => void): void {
    this.turn = undefined;
    this.left = MOST;
    this.until = Date.now() + LONGEST;
    resolve();
  }
}

/** Messages and answers without a turn of the event loop at most: fewer would have a consumer that takes less at once fall behind its publishers. */
const MOST = 8_192;
/** So many do without a look at the clock, which can not tell work from idling. */
const FEW = 64;
/** Milliseconds after which the next answer waits, where there were more than few. */
const LONGEST = 10;

/** As it is before anybody puts timers of a test in its place: the real event loop is waited for. Browsers have none. */
const { setImmediate: immediately } = globalThis as { setImmediate?: (action: () => void) => unknown };

/** Node, Bun and Deno have `setImmediate`; a timer is what browsers have. */
function nextTurn(action: () => void): void {
  if (immediately === undefined) setTimeout(action);
  else immediately(action);
}
