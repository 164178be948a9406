/** How values become messages, and messages values. */
import type { Rule } from '../options.js';
import { MessageError } from './errors.js';

/** Makes the body of a message of a value, and the value of a body: the `codec` of a queue. */
export interface Codec<T> {
  /** What it throws refuses the value. */
  encode(value: T): string | Uint8Array;
  /** A string comes as a string, bytes as bytes. What it throws makes the message a dead letter. */
  decode(body: string | Uint8Array): T;
}

export const CODEC: Rule = [
  'an object with the methods `encode` and `decode`',
  (value: Partial<Codec<unknown>> | null) => typeof value?.encode === 'function' && typeof value.decode === 'function',
];

/** JSON; bytes pass through untouched. */
export class JsonCodec implements Codec<unknown> {
  encode(value: unknown): string | Uint8Array {
    if (value instanceof Uint8Array) return value;
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw new TypeError(`${typeof value} can not be written as JSON`);
    // What JSON does not know it writes as an empty object. To look at each value costs more than all the rest, so that is done only where there is one.
    if (text.includes('{}')) refuseUnknown(value);
    return text;
  }

  decode(body: string | Uint8Array): unknown {
    return typeof body === 'string' ? JSON.parse(body) : body;
  }
}

/** By their tags, for they may come from another realm. */
const UNKNOWN = /^\[object (Map|Set|WeakMap|WeakSet|WeakRef|Promise|RegExp|Error|ArrayBuffer|Blob)\]$/;

/** Throws for a value within `root` that JSON would write as `{}`, and says where it is. */
function refuseUnknown(root: unknown): void {
  const paths = new Map<unknown, string>();
  JSON.stringify(root, function (this: unknown, key: string, value: unknown) {
    // That of the holder is known, unless it is the first.
    const above = paths.get(this);
    const path = above === undefined ? '' : Array.isArray(this) ? `${above}[${key}]` : `${above}${above && '.'}${key}`;
    if (typeof value === 'object' && value !== null) paths.set(value, path);
    const tag = UNKNOWN.exec(Object.prototype.toString.call(value))?.[1];
    if (tag === undefined) return value;
    throw new TypeError(`${tag}${path === '' ? '' : ` at \`${path}\``} would be written as {}`);
  });
}

/** The body of a message; throws a `MessageError` where `value` can not be one. */
export function encode<T>(codec: Codec<T>, value: T, queue: string, maxBytes: number): string | Uint8Array {
  let body: string | Uint8Array;
  try {
    body = codec.encode(value);
  } catch (error) {
    throw new MessageError(queue, `the value can not be encoded: ${messageOf(error)}`, error);
  }
  if (typeof body === 'string') {
    // Each unit of a string takes three bytes at most: most need not be counted.
    if (body.length * 3 > maxBytes) checkSize(queue, bytesOf(body), maxBytes);
  } else if (body instanceof Uint8Array) {
    checkSize(queue, body.byteLength, maxBytes);
    return new Uint8Array(body); // its owner may use it again before it is put
  } else {
    throw new MessageError(queue, `\`codec.encode\` returned ${typeof body}, expected a string or a Uint8Array`);
  }
  return body;
}

export function checkSize(queue: string, bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new MessageError(queue, `the message has ${bytes} bytes, and ${maxBytes} are the most (\`maxBytes\`)`);
}

/** How many bytes `text` has as UTF-8. */
export function bytesOf(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}

/** What `error` says, whatever was thrown. */
export function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return typeof error;
  }
}
