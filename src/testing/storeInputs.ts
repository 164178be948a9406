/** Random inputs of the laws of stores. */
import type * as FastCheck from 'fast-check';
import type { JumpStep } from './storeJumps.js';

export function someBodies(fc: typeof FastCheck): FastCheck.Arbitrary<(string | Uint8Array)[]> {
  const text = fc.oneof(anyText(fc), fc.constantFrom('', '\0', 'null', '{"__proto__":1}'));
  return fc.array(fc.oneof(text, fc.uint8Array()), { maxLength: 5 });
}

/** Two that differ; whole characters, for half of one is no text. */
export function twoTexts(fc: typeof FastCheck): FastCheck.Arbitrary<[string, string]> {
  const odd = fc.constantFrom(
    "'",
    '"',
    '/',
    '\0',
    'a\0b',
    '%',
    '../..',
    '__proto__',
    'constructor',
    '🦥',
    'é',
    'e\u0301',
    ' ',
    'a'.repeat(255),
  );
  const text = fc.oneof(
    odd,
    anyText(fc).filter((any) => any !== ''),
  );
  return fc.tuple(text, text).filter(([one, other]) => one !== other);
}

/** Of all characters; what fast-check has for that takes seconds to get ready. */
function anyText(fc: typeof FastCheck): FastCheck.Arbitrary<string> {
  const code = fc.nat(0x10ffff).map((nr) => (nr >= 0xd800 && nr < 0xe000 ? nr - 0xd800 : nr));
  return fc.array(code, { maxLength: 20 }).map((codes) => String.fromCodePoint(...codes));
}

export function jumps(fc: typeof FastCheck): FastCheck.Arbitrary<JumpStep[]> {
  const kind = fc.constantFrom('put' as const, 'take', 'ack', 'nack', 'release', 'advance', 'jump');
  return fc.array(fc.tuple(kind, fc.nat(32)), { maxLength: 30, size: 'max' });
}
