/** A message of a lease. */
export interface Member {
  readonly id: number;
  /** How often it was given out, this time included. */
  readonly attempts: number;
}

/** Ids that follow each other. */
interface Run {
  from: number;
  to: number;
  readonly attempts: number;
}

/** The messages of a lease, as runs: as a rule those of one take follow each other, and are settled from the first on. */
export class Members {
  private readonly runs: Run[] = [];

  /** What `toString` made. */
  static parse(text: string): Members {
    const members = new Members();
    const numbers = text.split(',').map(Number);
    if (!numbers.every(Number.isSafeInteger)) throw new SyntaxError(`\`${text}\` is no lease`);
    let before = 0;
    for (let i = 0; i < numbers.length; i += 3) {
      const from = before + numbers[i]!;
      before = from + numbers[i + 1]!;
      members.runs.push({ from, to: before, attempts: numbers[i + 2]! });
    }
    return members;
  }

  get size(): number {
    return this.runs.reduce((sum, { from, to }) => sum + 1 + to - from, 0);
  }

  /** The lowest id; Infinity where there is none. */
  get first(): number {
    return this.runs.reduce((first, { from }) => Math.min(first, from), Infinity);
  }

  add(id: number, attempts: number): void {
    const last = this.runs.at(-1);
    if (last !== undefined && last.to + 1 === id && last.attempts === attempts) last.to = id;
    else this.runs.push({ from: id, to: id, attempts });
  }

  /** False when it is not there. */
  remove(id: number): boolean {
    const at = this.runs.findIndex(({ from, to }) => from <= id && id <= to);
    const run = this.runs[at];
    if (run === undefined) return false;
    const { from, to, attempts } = run;
    if (from === to) this.runs.splice(at, 1);
    else if (id === from) run.from++;
    else {
      run.to = id - 1;
      if (id < to) this.runs.splice(at + 1, 0, { from: id + 1, to, attempts });
    }
    return true;
  }

  /** Takes out so many at most. */
  removeFirst(most: number): Member[] {
    const removed: Member[] = [];
    for (let run = this.runs[0]; run !== undefined && removed.length < most; run = this.runs[0]) {
      removed.push({ id: run.from, attempts: run.attempts });
      if (run.from++ === run.to) this.runs.shift();
    }
    return removed;
  }

  /** Of each run: how far it is from the end of the one before, how long it is, and the attempts. Small numbers make a small row. */
  toString(): string {
    let before = 0;
    return this.runs
      .map(({ from, to, attempts }) => {
        const distance = from - before;
        before = to;
        return `${distance},${to - from},${attempts}`;
      })
      .join();
  }
}
