/** Outcomes on their way to the store: those of one turn go at once, and those that come while others are carried out with the next. */
import type { Settled } from '../delivery/lease.js';
import type { QueueLease } from './queueLease.js';
import type { StoreGroup } from './store.js';

export class Settler {
  private leases: QueueLease[] = [];
  private answers: Answer[] = [];
  private state: 'idle' | 'gathering' | 'settling' = 'idle';

  constructor(
    private readonly group: StoreGroup,
    /** Called with how many the store has answered for, or what it failed with. */
    private readonly onSettled: (count: number, failure: { readonly error: unknown } | undefined) => void,
  ) {}

  /** Has the outcome carried out that `lease` carries. */
  settle(lease: QueueLease): Promise<Settled> {
    const answer = new Answer();
    this.leases.push(lease);
    this.answers.push(answer);
    if (this.state === 'idle') {
      this.state = 'gathering';
      queueMicrotask(this.flush);
    }
    return answer.promise;
  }

  private readonly flush = (): void => {
    const { leases, answers } = this;
    if (leases.length === 0) {
      this.state = 'idle';
      return;
    }
    this.leases = [];
    this.answers = [];
    this.state = 'settling';
    const fail = (error: unknown): void => {
      for (const answer of answers) answer.reject(error);
      this.flush();
      this.onSettled(answers.length, { error });
    };
    try {
      this.group.settle(leases).then((settled) => {
        for (let i = 0; i < answers.length; i++) answers[i]!.resolve(settled[i]!);
        this.flush();
        this.onSettled(answers.length, undefined);
      }, fail);
    } catch (error) {
      fail(error);
    }
  };
}

class Answer {
  resolve!: (settled: Settled) => void;
  reject!: (error: unknown) => void;
  readonly promise: Promise<Settled>;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}
