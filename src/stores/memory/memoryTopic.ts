import type {
  GroupTerms,
  NewMessage,
  Order,
  PutAnswer,
  StoreGroup,
  StoreTopic,
  TopicTerms,
} from '../../queue/store.js';
import type { Breath } from './breath.js';
import type { MemoryClock } from './memoryClock.js';
import { MemoryGroup } from './memoryGroup.js';
import { closed } from './refusals.js';
import { Remembered } from './remembered.js';

/** Gives each of its groups a copy of what is put; without a group it keeps nothing. */
export class MemoryTopic implements StoreTopic {
  readonly order: Order;
  private readonly groups = new Map<string, MemoryGroup>();
  private readonly remembered = new Remembered();
  /** Those who wait for room. */
  private readonly waiting = new Set<() => void>();
  private readonly prefix: string;
  private turns = 0;
  private closed = false;

  constructor(
    public terms: TopicTerms,
    readonly clock: MemoryClock,
    readonly breath: Breath,
  ) {
    this.order = terms.order;
    // Ids that another process, or the next one, gives out as well would be taken for messages that were handled already.
    this.prefix = Math.random().toString(36).slice(2, 10) + '-';
  }

  put(messages: readonly NewMessage[], whole: boolean): Promise<readonly PutAnswer[]> {
    if (this.closed) return Promise.reject(closed());
    const now = this.clock.now();
    const passed = this.clock.passed(now);
    this.remembered.forget(passed);
    if (whole && this.roomLeft() < this.countNew(messages, passed))
      return this.breath.answer(
        0,
        messages.map(() => 'full'),
      );
    const answers: PutAnswer[] = [];
    let room = this.roomLeft();
    for (const message of messages) {
      const answer = this.known(message, passed) ?? (room > 0 ? this.putOne(message, now, passed) : 'full');
      if (answer !== 'full' && !answer.duplicate) room--;
      answers.push(answer);
    }
    for (const group of this.groups.values()) group.serve(now);
    return this.breath.answer(answers.length, answers);
  }

  room(signal: AbortSignal): Promise<void> {
    if (this.closed) return Promise.reject(closed());
    if (signal.aborted || this.roomLeft() > 0) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  group(name: string, terms: GroupTerms): StoreGroup {
    if (this.closed) throw closed();
    let group = this.groups.get(name);
    if (group === undefined) this.groups.set(name, (group = new MemoryGroup(this, terms)));
    group.terms = terms;
    return group;
  }

  idOf(nr: number): string {
    return `${this.prefix}${nr}`;
  }

  nextTurn(): number {
    return this.turns++;
  }

  /** A message left a group. */
  left(): void {
    if (this.waiting.size > 0 && this.roomLeft() > 0) for (const wake of this.waiting) wake();
  }

  /** Nothing is taken any more. */
  stop(): void {
    for (const group of this.groups.values()) group.stop();
  }

  /** Nor put. */
  close(): void {
    this.closed = true;
    for (const wake of this.waiting) wake();
  }

  /** Nor settled. */
  end(): void {
    for (const group of this.groups.values()) group.end();
    this.groups.clear();
  }

  /** The answer for one of a `dedupeId` that is remembered. */
  private known({ dedupeId }: NewMessage, passed: number): PutAnswer | undefined {
    const id = dedupeId === undefined ? undefined : this.remembered.get(dedupeId, passed);
    return id === undefined ? undefined : { id, duplicate: true };
  }

  private putOne(message: NewMessage, now: number, passed: number): PutAnswer {
    const { dedupeId } = message;
    const turn = this.turns++;
    const id = this.idOf(turn);
    if (dedupeId !== undefined) {
      this.remembered.add(dedupeId, id, passed + this.terms.dedupeWindow);
    }
    for (const group of this.groups.values()) group.put(message, turn, now);
    return { id, duplicate: false };
  }

  private roomLeft(): number {
    let most = 0;
    for (const { size } of this.groups.values()) if (size > most) most = size;
    return this.terms.capacity - most;
  }

  /** How many of `messages` are no duplicates. */
  private countNew(messages: readonly NewMessage[], passed: number): number {
    const ids = new Set<string>();
    let count = 0;
    for (const { dedupeId } of messages) {
      if (dedupeId === undefined) count++;
      else if (this.remembered.get(dedupeId, passed) === undefined) ids.add(dedupeId);
    }
    return count + ids.size;
  }
}
