/**
 * Tells a store that its file may have changed, while somebody waits for that: other stores of this process say so; of other processes the
 * write-ahead log is watched, into which each commit writes. It is written before the commit can be seen, and some file systems do not tell
 * at all: so it is looked again a few times after, and twice a second in any case. A look is one number that SQLite has in memory.
 *
 * Here time is that of the real world: it is another process that is waited for.
 */
import { watch, type FSWatcher } from 'node:fs';

/** Milliseconds between two looks while somebody waits. */
const POLL = 500;
/** Milliseconds after which it is looked again when the log was written to, then half as long again, and so on. */
const AGAIN = 1;

/** The stores of this process on each file. */
const NEIGHBOURS: Record<string, Set<Wake> | undefined> = {};

export class Wake {
  private watcher: FSWatcher | undefined;
  private poll: NodeJS.Timeout | undefined;
  private again: NodeJS.Timeout | undefined;
  private delay = AGAIN;
  private seen: number;

  /**
   * @param file its real path; empty where nobody else can have it
   * @param version a number that changes when another connection commits
   * @param changed called while somebody waits: when there was a commit, or it is time to look
   */
  constructor(
    private readonly file: string,
    private readonly version: () => number,
    private readonly changed: () => void,
  ) {
    this.seen = version();
    if (file !== '') (NEIGHBOURS[file] ??= new Set()).add(this);
  }

  /** Somebody waits, or nobody any more. That keeps the process alive. */
  set waiting(waiting: boolean) {
    if (waiting === (this.poll !== undefined)) return;
    clearInterval(this.poll);
    this.poll = undefined;
    this.stopLooking();
    if (!waiting) return;
    this.poll = setInterval(this.look, POLL, true);
    if (this.file === '') return;
    this.watcher ??= this.watch();
    this.look(); // what was committed before it was watched
  }

  /** This store has committed something that others may wait for. */
  committed(): void {
    for (const other of NEIGHBOURS[this.file] ?? []) if (other !== this && other.poll !== undefined) other.changed();
  }

  close(): void {
    this.waiting = false;
    this.watcher?.close();
    this.watcher = undefined;
    const neighbours = NEIGHBOURS[this.file];
    neighbours?.delete(this);
    if (neighbours?.size === 0) Reflect.deleteProperty(NEIGHBOURS, this.file);
  }

  private watch(): FSWatcher | undefined {
    try {
      const watcher = watch(`${this.file}-wal`, { persistent: false }, this.written);
      watcher.on('error', () => undefined); // there is the poll
      return watcher;
    } catch {
      return undefined; // no log yet, or nothing is left to watch with
    }
  }

  /** Looks soon, and again and again; those that come meanwhile begin anew, unless that look is still to come. */
  private readonly written = (): void => {
    if (this.poll === undefined || (this.again !== undefined && this.delay === AGAIN)) return;
    this.stopLooking();
    this.delay = AGAIN;
    this.again = setTimeout(this.lookAgain, AGAIN);
  };

  private readonly lookAgain = (): void => {
    this.again = undefined;
    this.delay *= 1.5;
    if (this.delay <= POLL) this.again = setTimeout(this.lookAgain, this.delay);
    this.look();
  };

  private stopLooking(): void {
    clearTimeout(this.again);
    this.again = undefined;
  }

  /** Has another connection committed since the last look? */
  private readonly look = (polled = false): void => {
    const version = this.safeVersion();
    const changed = version !== this.seen;
    this.seen = version;
    if (changed || polled) this.changed();
  };

  /** Where it can not be read, that is for those to find out who wait. */
  private safeVersion(): number {
    try {
      return this.version();
    } catch {
      return NaN;
    }
  }
}
