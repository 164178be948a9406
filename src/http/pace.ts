/** When requests to one server may go, by what its answers say. */
import { LinkedQueue, type Linked } from '../core/linkedQueue.js';
import type { SteadyTime } from '../flow/steadyTime.js';
import { Timer } from '../flow/timer.js';
import type { Standing } from './standing.js';

/**
 * Lets so many requests go as the last answer allowed, one after the other as they came.
 *
 * States: *free* (nothing is known: all go) · *counted* (`left` requests may go before `until`) · *shut* (one was refused: none goes before
 * `until`, whatever answers to others say that are on their way) · *asking* (that time is over: one goes, and its answer says how it goes on; where
 * there is none yet after a second, one more goes).
 * *counted* and *shut* lead to *asking*; that leads to *free* by an answer that says nothing. A standing leads to *counted*, a refusal to *shut*.
 */
export class Pace {
  private state: 'free' | 'counted' | 'shut' | 'asking' = 'free';
  private left = Infinity;
  private until = Infinity;
  private running = 0;
  private readonly waiting = new LinkedQueue<Waiting>();
  private readonly timer: Timer;

  constructor(private readonly time: SteadyTime) {
    this.timer = new Timer(time, () => this.drain());
  }

  /** True when it knows little more than a new one: nobody is on the way or waits, and the time of what was said is over. */
  get isIdle(): boolean {
    return this.running === 0 && this.waiting.oldest === undefined && (this.state === 'free' || this.isOver);
  }

  /** Resolves when a request may go; each that goes calls one of the others then. Rejects with the signal's reason: none has gone. */
  enter(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const abort = (): void => {
        this.waiting.remove(waiting);
        this.drain();
        reject(signal!.reason as Error);
      };
      const go = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const waiting: Waiting = { go, older: undefined, newer: undefined };
      signal?.addEventListener('abort', abort);
      this.waiting.push(waiting);
      this.drain();
    });
  }

  /** A request was answered. Those that are still on their way use up what is left, if the server has not counted them yet. */
  answered(standing: Standing | undefined): void {
    this.running--;
    this.look();
    if (standing !== undefined && this.state !== 'shut') {
      this.set('counted', Math.max(0, standing.left - this.running), standing.within);
    } else if (this.state === 'asking') {
      this.set('free', Infinity, Infinity);
    }
    this.drain();
  }

  /** A request was refused: none is to go for `wait` milliseconds. */
  refused(wait: number): void {
    this.running--;
    this.look();
    const rest = this.state === 'shut' ? this.until - this.time.now() : 0;
    this.set('shut', 0, Math.max(wait, rest));
    this.drain();
  }

  /** A request has no answer. If it was the one that asked, another asks. */
  failed(): void {
    this.running--;
    if (this.state === 'asking' && this.running === 0) this.left = 1;
    this.drain();
  }

  private get isOver(): boolean {
    return this.until <= this.time.now();
  }

  private set(state: Pace['state'], left: number, within: number): void {
    this.state = state;
    this.left = left;
    this.until = this.time.now() + within;
  }

  /** Looks at the time. */
  private look(): void {
    if (this.isOver) this.set('asking', 1, ASK_AGAIN);
  }

  private drain(): void {
    this.look();
    for (let next; (next = this.waiting.oldest) !== undefined && this.left > 0;) {
      this.waiting.remove(next);
      this.left--;
      this.running++;
      next.go();
    }
    this.timer.set(this.waiting.oldest === undefined ? Infinity : this.until);
  }
}

/** Milliseconds that all wait for one which asks: its answer may take long, or never come. */
const ASK_AGAIN = 1_000;

interface Waiting extends Linked<Waiting> {
  /** Never calls back: it resolves a promise. */
  readonly go: () => void;
}
