/** Strings that SQLite's TEXT does not keep as they are: half a surrogate pair has no UTF-8, and some drivers end a string at a NUL. */

/** A string as it is stored: as TEXT, or as the bytes of its UTF-16. The two are never equal, and each string has one form. */
export type Stored = string | Uint8Array;

export function stored(text: string): Stored {
  return isPlain(text) ? text : Buffer.from(text, 'utf16le');
}

export function restored(text: Stored): string {
  return typeof text === 'string' ? text : Buffer.from(text).toString('utf16le');
}

export function storedOrNull(text: string | undefined): Stored | null {
  return text === undefined ? null : stored(text);
}

export function restoredOrUndefined(text: Stored | null): string | undefined {
  return text === null ? undefined : restored(text);
}

export function isPlain(text: string): boolean {
  return !text.includes('\0') && (text as string & { isWellFormed(): boolean }).isWellFormed();
}
