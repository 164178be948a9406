/** Notices that too many messages die: then it is more likely that something is wrong with the handler than with each of them. */
import { RingBuffer } from './ringBuffer.js';

export interface BreakerRules {
  /** It trips when more than this part of the last `over` outcomes are dead letters. */
  readonly ratio: number | undefined;
  readonly over: number;
  /** It trips when so many dead letters come in a row. */
  readonly run: number | undefined;
}

/** What it tripped by. */
export interface BreakerCounts {
  /** Dead letters among the last outcomes. */
  readonly deadLetters: number;
  /** Those outcomes. */
  readonly outcomes: number;
  /** Dead letters that came one after the other, the last one included. */
  readonly run: number;
}

export class DeadLetterBreaker {
  private readonly last = new RingBuffer<boolean>();
  private deadLetters = 0;
  private run = 0;

  constructor(private readonly rules: BreakerRules) {}

  /** Notes an outcome. Returns what it tripped by, if it did, and begins anew then. */
  note(dead: boolean): BreakerCounts | undefined {
    const { last, rules } = this;
    last.push(dead);
    if (last.size > rules.over && last.shift()) this.deadLetters--;
    if (!dead) {
      this.run = 0;
      return undefined;
    }
    this.deadLetters++;
    this.run++;
    const tooMany = rules.ratio !== undefined && this.deadLetters > rules.ratio * rules.over;
    if (!tooMany && (rules.run === undefined || this.run < rules.run)) return undefined;
    const counts = { deadLetters: this.deadLetters, outcomes: last.size, run: this.run };
    while (last.size > 0) last.shift();
    this.deadLetters = 0;
    this.run = 0;
    return counts;
  }
}
