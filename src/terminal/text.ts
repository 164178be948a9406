/** Text for a terminal: how wide it is, cut and padded to a width, and without anything in it that a terminal would obey. */
import stringWidth from 'string-width';

/** Terminal columns that `text` takes; colours take none. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/**
 * `text` with what is not for the eye written out, as in source code: control characters, marks that turn the direction of writing, ends of
 * lines. What makes an emoji of several stays. Only the beginning of a long text is looked at.
 */
export function printable(text: string): string {
  return text.slice(0, LONGEST).replace(INVISIBLE, (character) => {
    const code = character.codePointAt(0)!;
    return SHORT[character] ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`);
  });
}

/** `text`, with an ellipsis for what does not fit into `width`. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const kept = startOf(text, width - 1);
  return widthOf(`${kept}…`) <= width ? `${kept}…` : '';
}

/** `text` to the left of `width` columns, and as wide as that. */
export function left(text: string, width: number): string {
  const fitting = cut(text, width);
  return fitting + ' '.repeat(width - widthOf(fitting));
}

/** `text` to the right of them. */
export function right(text: string, width: number): string {
  const fitting = cut(text, width);
  return ' '.repeat(width - widthOf(fitting)) + fitting;
}

/** Lines of at most `width` columns, broken between words where that can be. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (let word of text.split(' ')) {
    if (line !== '' && widthOf(`${line} ${word}`) <= width) {
      line += ` ${word}`;
      continue;
    }
    if (line !== '') lines.push(line);
    for (let part = startOf(word, width); widthOf(word) > width; part = startOf(word, width)) {
      if (part === '') return lines; // one character is wider than that
      lines.push(part);
      word = word.slice(part.length);
    }
    line = word;
  }
  return [...lines, line];
}

/** As much of `text` as fits into `width`, in whole characters. */
function startOf(text: string, width: number): string {
  let start = '';
  for (const { segment } of CHARACTERS.segment(text)) {
    if (widthOf(start + segment) > width) break;
    start += segment;
  }
  return start;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/** What a user sees as one character. */
const CHARACTERS = new Intl.Segmenter();
const INVISIBLE = /(?!\u200d)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
/** In UTF-16 units; more than any terminal shows of a name. */
const LONGEST = 1_000;
