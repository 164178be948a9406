/** Places in the line of those who publish. */
import type { Linked } from '../core/linkedQueue.js';
import { OptionError } from '../errors.js';
import type { NewMessage, PutAnswer } from './store.js';

/** What came of a message: `duplicate` where it was not put, for another of its `dedupeId` had been, whose id this is. */
export type Published = Exclude<PutAnswer, 'full'>;

/** A place in the line: of one message, or of several that go together or not at all. */
export abstract class Place implements Linked<Place> {
  older: Place | undefined = undefined;
  newer: Place | undefined = undefined;
  state: 'new' | 'in line' | 'being put' | 'left' = 'new';
  onAbort: (() => void) | undefined = undefined;
  /** How many of its messages the put tries that is under way. */
  tries = 0;

  constructor(
    /** Whether it waits where there is no room. */
    readonly patient: boolean,
    readonly signal: AbortSignal | undefined,
    readonly refuse: (error: unknown) => void,
    /** Its messages that are not put yet. */
    public left: number,
  ) {}

  /** Is told what the store answered, of which its own are from `from` on; returns for how many there was room, the first of those tried. */
  abstract accept(answers: readonly PutAnswer[], from: number): number;
}

/** One message. */
export class One extends Place {
  constructor(
    private readonly message: NewMessage,
    patient: boolean,
    signal: AbortSignal | undefined,
    private readonly resolve: (answer: Published) => void,
    refuse: (error: unknown) => void,
  ) {
    super(patient, signal, refuse, 1);
  }

  /** Adds those that the next put tries. */
  addTo(messages: NewMessage[]): void {
    messages.push(this.message);
  }

  accept(answers: readonly PutAnswer[], from: number): number {
    const answer = answers[from]!;
    if (answer === 'full') return 0;
    this.left = 0;
    this.resolve(answer);
    return 1;
  }
}

/** Messages that go in one after the other, as there is room. */
export class Many extends Place {
  private readonly published: Published[] = [];

  constructor(
    private readonly messages: readonly NewMessage[],
    signal: AbortSignal | undefined,
    private readonly resolve: (answers: Published[]) => void,
    refuse: (error: unknown) => void,
  ) {
    super(true, signal, refuse, messages.length);
  }

  /** Adds those that the next put tries. */
  addTo(messages: NewMessage[]): void {
    const next = this.published.length;
    for (let i = next; i < next + this.tries; i++) messages.push(this.messages[i]!);
  }

  accept(answers: readonly PutAnswer[], from: number): number {
    let count = 0;
    for (; count < this.tries; count++) {
      const answer = answers[from + count]!;
      if (answer === 'full') break;
      this.published.push(answer);
    }
    this.left -= count;
    if (this.left === 0) this.resolve(this.published);
    return count;
  }
}

/** Messages that go in together, or not at all. */
export class Several extends Place {
  constructor(
    readonly messages: readonly NewMessage[],
    signal: AbortSignal | undefined,
    private readonly resolve: (answers: Published[]) => void,
    refuse: (error: unknown) => void,
  ) {
    super(false, signal, refuse, messages.length);
  }

  accept(answers: readonly PutAnswer[]): number {
    const published = answers.filter((answer) => answer !== 'full');
    if (published.length < answers.length) return 0;
    this.left = 0;
    this.resolve(published);
    return published.length;
  }
}

/** So many can never go in together, however long one waits: that is no reason to try again. */
export function checkFits(count: number, capacity: number, queue: string): void {
  if (count <= capacity) return;
  const fits = `at most ${capacity}, the capacity of \`${queue}\`, for with \`whenFull: 'error'\` they go in together`;
  throw new OptionError('values', count, `Expected \`values\` to be ${fits}, got ${count} (publishMany)`);
}
