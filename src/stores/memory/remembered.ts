/** The `dedupeId`s of a topic, for as long as each is remembered. */
export class Remembered {
  /** In the order in which they came. */
  private readonly ids = new Map<string, { readonly id: string; readonly until: number }>();

  /** The message of that `dedupeId`, if it is remembered at `now`. */
  get(dedupeId: string, now: number): string | undefined {
    const known = this.ids.get(dedupeId);
    return known === undefined || known.until <= now ? undefined : known.id;
  }

  /** Only one that is not remembered. */
  add(dedupeId: string, id: string, until: number): void {
    this.ids.delete(dedupeId); // for it to be the last
    this.ids.set(dedupeId, { id, until });
  }

  /** Those whose time is over at `now` go: all of them, while the window stays the same. */
  forget(now: number): void {
    for (const [dedupeId, { until }] of this.ids) {
      if (until > now) return;
      this.ids.delete(dedupeId);
    }
  }
}
