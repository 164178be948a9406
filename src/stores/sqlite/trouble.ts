/** What SQLite's errors mean for a store. */
import { SluiceError } from '../../errors.js';
import { StoreError, type StoreTrouble } from '../../queue/errors.js';

/** SQLite's result codes that mean something to us, by number: `node:sqlite` has those, better-sqlite3 has names. */
const NAMES: Record<number, string> = {
  5: 'BUSY',
  6: 'LOCKED',
  8: 'READONLY',
  10: 'IOERR',
  11: 'CORRUPT',
  13: 'FULL',
  14: 'CANTOPEN',
  18: 'TOOBIG',
  19: 'CONSTRAINT',
  26: 'NOTADB',
};

const TROUBLES: Record<string, readonly [trouble: StoreTrouble, what: string]> = {
  BUSY: ['busy', 'others kept it locked for too long'],
  LOCKED: ['busy', 'others kept it locked for too long'],
  READONLY: ['read-only', 'it can not be written to'],
  IOERR: ['unavailable', 'it can not be read, or written to'],
  CORRUPT: ['corrupt', 'the file is damaged'],
  FULL: ['full', 'there is no space left'],
  CANTOPEN: ['unavailable', 'it can not be opened'],
  NOTADB: ['corrupt', 'the file is not an SQLite database'],
};

/** The name of the result code in `error`: `'BUSY'`, `'FULL'`; empty when it is not of SQLite. */
export function resultOf(error: unknown): string {
  const { code, errcode, message } = (error ?? {}) as { code?: unknown; errcode?: unknown; message?: unknown };
  if (typeof errcode === 'number') return NAMES[errcode & 0xff] ?? 'ERROR';
  if (typeof code === 'string' && code.startsWith('SQLITE_')) return code.split('_')[1]!;
  // better-sqlite3's own words for a query that the application is in the middle of.
  return typeof message === 'string' && message.includes('busy executing a query') ? 'BUSY' : '';
}

export function isBusy(error: unknown): boolean {
  const result = resultOf(error);
  return result === 'BUSY' || result === 'LOCKED' || (error instanceof StoreError && error.trouble === 'busy');
}

/** Is it the fault of what was asked for, and not of the store? */
export function isOwnFault(error: unknown): boolean {
  const result = resultOf(error);
  return TROUBLES[result] === undefined;
}

/** The error that callers get. `doing` is what could not be done, `file` the path, where that does not name it. */
export function storeError(doing: string, error: unknown, file = ''): unknown {
  if (error instanceof SluiceError) return error;
  const found = isDamage(error) ? 'CORRUPT' : resultOf(error);
  const [trouble, what] = TROUBLES[found] ?? ['unavailable', messageOf(error)];
  return new StoreError('sqlite', trouble, `${file === '' ? '' : `\`${file}\`: `}${doing}: ${what}`, error);
}

/** The same while a file is opened, where no value of a caller's can be too big: it is the file's own. */
export function openError(doing: string, error: unknown): unknown {
  if (resultOf(error) !== 'TOOBIG') return storeError(doing, error);
  return new StoreError('sqlite', 'corrupt', `${doing}: the file is damaged`, error);
}

/** SQLite can read it, but it is not what was written: a table, a row or a column is missing, or a text is none of ours. */
function isDamage(error: unknown): boolean {
  const message = messageOf(error);
  if (resultOf(error) === 'ERROR') return /^(no such (table|column)|malformed)/.test(message);
  if (resultOf(error) === 'CONSTRAINT') return /^(UNIQUE|NOT NULL) constraint failed: sluice_/.test(message);
  const ours = error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError;
  // So do drivers say that the application has closed its connection.
  return ours && !message.includes('not open');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
