/**
 * Group commit: all that is asked for in one turn of the event loop shares one transaction, and one wait for the disk.
 *
 * In it what ends or extends leases comes first, then what is put, then what is given out: room that was made is there for a put, and a lease
 * that ran out, while the event loop stood still, is still there for the one who asks to settle it in the same turn.
 *
 * A request that fails by itself is taken out, and the others are carried out without it. What hits all of them (no space, a damaged file)
 * rejects all of them, and nothing of them is done. While another connection holds the file they wait, and are tried again now and then.
 */
import { StoreError } from '../../queue/errors.js';
import { inTransaction } from './driver.js';
import { SHORT_WAIT, waiting, type Connection } from './open.js';
import type { Presence } from './presence.js';
import type { Statements } from './statements.js';
import { Transaction } from './transaction.js';
import { isBusy, isOwnFault, storeError } from './trouble.js';

/** When a request has its turn in a transaction. */
export type Phase = 'settle' | 'put' | 'take';

/** Something to be done in a transaction. `done` or `failed` is called once: after the commit, or when there is none. */
export interface Request<R> {
  readonly phase: Phase;
  /** About how many rows it touches. */
  readonly weight: number;
  /** It need not survive a loss of power: after one nobody holds a lease any more. */
  readonly volatile?: boolean;
  /** May be called again, in another transaction, if the first is rolled back. */
  run(tx: Transaction): R;
  done(result: R): void;
  failed(error: unknown): void;
}

/** Rows of one transaction, about: others are to get at the file in between. */
const HEAVY = 5_000;
/** Milliseconds for which a request waits for others to let go of the file. */
const PATIENCE = 30_000;
/**
 * Milliseconds for which it is tried again in each turn of the event loop. Others let go of the file for a part of a millisecond: who comes back
 * after a timer's time misses that, again and again.
 */
const EAGER = 5;

const PHASES: Readonly<Record<Phase, number>> = { settle: 0, put: 1, take: 2 };

interface Asked extends Request<unknown> {
  result?: unknown;
  /** When others first kept it from the file; by a clock of the real world, for it is another process that is waited for. */
  keptSince?: number;
}

export class Commits {
  private asked: Asked[] = [];
  /** What goes before those: it is for what was given out, so there can not be so much of it that others never have their turn. */
  private settles: Asked[] = [];
  private flushing: NodeJS.Immediate | undefined;
  private retrying: NodeJS.Timeout | undefined;
  /** When the first of them was. */
  private keptSince: number | undefined;
  private begun = false;
  private full: boolean;
  private idle: (() => void) | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly sql: Statements,
    private readonly now: () => number,
    private readonly committed: (tx: Transaction) => void,
    private readonly presence: Presence,
  ) {
    this.full = connection.durability === 'full';
  }

  ask<R>(request: Request<R>): void {
    (request.phase === 'settle' ? this.settles : this.asked).push(request);
    if (this.retrying === undefined) this.flushing ??= setImmediate(this.flush);
  }

  /** The result of `run`, when it is as durable as it gets. */
  promise<R>(phase: Phase, weight: number, run: (tx: Transaction) => R): Promise<R> {
    return new Promise((done, failed) => this.ask({ phase, weight, run, done, failed }));
  }

  /** Resolves when all that was asked for is done. */
  drained(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => (this.idle = resolve));
  }

  private readonly flush = (): void => {
    this.flushing = undefined;
    this.retrying = undefined;
    const answers = this.carryOut(this.cut());
    if (this.isIdle) this.idle?.();
    else if (this.retrying === undefined) this.flushing ??= setImmediate(this.flush);
    for (const answer of answers) answer();
  };

  get isIdle(): boolean {
    return this.asked.length === 0 && this.settles.length === 0;
  }

  /** The first requests, as many as make a transaction, by phase. */
  private cut(): Asked[] {
    let weight = 0;
    const all = this.settles.length === 0 ? this.asked : this.settles.concat(this.asked);
    const end = all.findIndex((request, index) => (weight += request.weight) > HEAVY && index > 0);
    this.settles = [];
    this.asked = [];
    if (end !== -1) this.putBack(all.splice(end));
    return all.sort((a, b) => PHASES[a.phase] - PHASES[b.phase]);
  }

  /** Before those that came meanwhile. */
  private putBack(requests: readonly Asked[]): void {
    this.settles = [...requests.filter(({ phase }) => phase === 'settle'), ...this.settles];
    this.asked = [...requests.filter(({ phase }) => phase !== 'settle'), ...this.asked];
  }

  /** Returns what tells those who asked. */
  private carryOut(batch: Asked[]): Answer[] {
    const left = new Set(batch);
    const answers: Answer[] = [];
    const error = this.attempt(left, answers);
    if (error === undefined || !isBusy(error)) this.keptSince = undefined;
    else this.later(left, performance.now());
    if (error !== undefined) {
      const reason = storeError('nothing was done', error, this.connection.file);
      for (const request of left) answers.push(() => request.failed(reason));
    }
    return answers;
  }

  /** One transaction, and again without those that fail by themselves. Returns what went wrong for all of them. */
  private attempt(left: Set<Asked>, answers: Answer[]): unknown {
    for (;;) {
      let current: Asked | undefined;
      try {
        this.begin([...left].every((request) => request.volatile));
        const tx = new Transaction(this.sql, this.now());
        for (current of left) current.result = current.run(tx);
        current = undefined;
        tx.end();
        this.sql.commit.run();
        this.begun = false;
        tx.committed = true;
        for (const request of left) answers.push(() => request.done(request.result));
        answers.push(() => this.committed(tx));
        return undefined;
      } catch (error) {
        this.tryRollBack();
        if (current === undefined || !isOwnFault(error)) return error;
        const culprit = current;
        left.delete(culprit);
        answers.push(() => culprit.failed(storeError('it was not done', error, this.connection.file)));
      }
    }
  }

  private begin(volatile: boolean): void {
    this.presence.check();
    this.rollBack(); // where the one before could not be
    const { database, own, durability } = this.connection;
    if (own !== undefined) {
      if (durability === 'full' && this.full === volatile)
        own.exec(`PRAGMA synchronous = ${volatile ? 'NORMAL' : 'FULL'}`);
      this.full = !volatile;
      this.sql.begin.run();
    }
    // The application's own transaction is no place for this one.
    else if (inTransaction(database)) throw new StoreError('sqlite', 'busy', 'the database has a transaction open');
    else waiting(database, SHORT_WAIT, () => this.sql.begin.run());
    this.begun = true;
  }

  /** What can not be rolled back now is before the next one begins. On a connection of the application's that is not ours to do: what is open then may be its own. */
  private tryRollBack(): void {
    try {
      this.rollBack();
    } catch {
      this.begun = this.connection.own !== undefined;
    }
  }

  private rollBack(): void {
    if (!this.begun) return;
    // After some errors SQLite has done so by itself.
    if (inTransaction(this.connection.database)) this.sql.rollback.run();
    this.begun = false;
  }

  /** Those whose patience is not over are tried again, and are not `left` any more. */
  private later(left: Set<Asked>, now: number): void {
    const again = [...left].filter((request) => now - (request.keptSince ??= now) < PATIENCE);
    if (again.length === 0) return void (this.keptSince = undefined);
    for (const request of again) left.delete(request);
    this.putBack(again);
    const waited = now - (this.keptSince ??= now);
    if (waited < EAGER) this.flushing = setImmediate(this.flush);
    else this.retrying = setTimeout(this.flush, 1 + Math.random() * Math.min(10, 1 + waited / 20));
  }
}

type Answer = () => void;
