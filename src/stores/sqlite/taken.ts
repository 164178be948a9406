import type { Headers, Message } from '../../queue/store.js';
import type { ReadyRow } from './statements.js';
import { restored, restoredOrUndefined, type Stored } from './text.js';

/** A message that was given out: it knows its row, and the token of its lease. */
export class Taken implements Message {
  readonly id: string;
  readonly body: string | Uint8Array;
  readonly key: string | undefined;
  readonly headers: Headers | undefined;
  readonly priority: number;
  readonly publishedAt: number;
  readonly deadline: number | undefined;
  readonly attempt: number;
  /** Private in earnest: whoever prints a message, or compares two, looks at what was put. */
  readonly #lease: Lease;

  constructor(row: ReadyRow, owner: object, token: number, file: string) {
    const [id, , attempts, shift, rank, published, deadline, key, headers, form, body] = row;
    this.id = idOf(file, id - shift);
    this.body = bodyOf(body, form);
    this.key = restoredOrUndefined(key);
    this.headers = headersOf(headers);
    this.priority = 0 - rank;
    this.publishedAt = published;
    this.deadline = deadline ?? undefined;
    this.attempt = attempts + 1;
    this.#lease = { owner, id, token, rank, key };
  }

  /** The lease of `message`, where `owner` gave it out. */
  static leaseOf(message: Message, owner: object): Lease | undefined {
    return #lease in message && message.#lease.owner === owner ? message.#lease : undefined;
  }
}

/** Where a message that was given out is stored, by whom it was, and what its lease has that others have not. */
export interface Lease {
  readonly owner: object;
  readonly id: number;
  readonly token: number;
  readonly rank: number;
  readonly key: Stored | null;
}

/** The id that callers see of the message of that number: that of no other file. */
export function idOf(file: string, number: number): string {
  return `${file}-${number}`;
}

/** The number of the message of that id; undefined where it is none of this file. */
export function numberOf(file: string, id: string): number | undefined {
  if (!id.startsWith(`${file}-`)) return undefined;
  const digits = id.slice(file.length + 1);
  return /^[1-9]\d{0,15}$/.test(digits) ? Number(digits) : undefined;
}

export function bodyOf(body: Stored, form: number | null): string | Uint8Array {
  if (typeof body === 'string') return body;
  if (form === 1) return restored(body);
  return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
}

export function headersOf(headers: string | null): Headers | undefined {
  return headers === null ? undefined : (JSON.parse(headers) as Headers);
}
