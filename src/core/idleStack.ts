/** What is idle: the last to come is the first to be used again, the first to come retires. */
export class IdleStack<W> {
  /** The longest idle first. */
  private readonly entries: { readonly worker: W; since: number }[] = [];

  get size(): number {
    return this.entries.length;
  }

  push(worker: W, now: number): void {
    this.entries.push({ worker, since: now });
  }

  /** The one that came last, taken out. Only when there is one. */
  pop(): W {
    return this.entries.pop()!.worker;
  }

  /** The one that has been idle longest, taken out. Only when there is one. */
  shift(): W {
    return this.entries.shift()!.worker;
  }

  /** Since when the longest idle one has been so; `Infinity` when none is. A clock that was set back begins anew. */
  idleSince(now: number): number {
    const [oldest] = this.entries;
    if (oldest === undefined) return Infinity;
    return (oldest.since = Math.min(oldest.since, now));
  }
}
