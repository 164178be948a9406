/** Is the file that was opened still at its path? Where it was deleted, or replaced, SQLite goes on with what nobody will ever find again. */
import { statSync } from 'node:fs';
import { StoreError } from '../../queue/errors.js';

/** Milliseconds between two looks, of the real world, whose file it is. */
const EACH = 1_000;

export class Presence {
  private readonly opened: string | undefined;
  private looked: number;
  private gone = false;

  /** @param file its real path; empty where there is none, and nothing is looked at */
  constructor(private readonly file: string) {
    this.opened = identityOf(file);
    this.looked = performance.now();
  }

  /** Looks, but not more often than once a second. Once it is gone that is for good: what another file has is none of ours. */
  check(): void {
    if (!this.gone) {
      const now = performance.now();
      if (this.file === '' || now - this.looked < EACH) return;
      this.looked = now;
      this.gone = this.isGone();
    }
    if (!this.gone) return;
    const message = `\`${this.file}\` was deleted or replaced while it was open: make a new store`;
    throw new StoreError('sqlite', 'unavailable', message);
  }

  /** A folder that can not be looked into says nothing. */
  private isGone(): boolean {
    try {
      return identityOf(this.file) !== this.opened;
    } catch {
      return false;
    }
  }
}

/** Undefined for one that is not there. */
function identityOf(file: string): string | undefined {
  const found = file === '' ? undefined : statSync(file, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}
