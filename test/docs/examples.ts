/** The examples of the documentation: every `ts` block in README.md, in docs/ and in the doc comments of src/. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, read, root } from '../package/project.js';

/** A `ts` block. */
export interface Example {
  /** Where it stands: `README.md:12`, the line of its first line of code. */
  readonly place: string;
  readonly code: string;
  /** What it says that it prints: its `// =>` comments, from top to bottom. */
  readonly expected: readonly string[];
  /** Why it is not run, from ` ```ts no-run: why `; undefined where it is. */
  readonly noRun: string | undefined;
}

/** All examples. */
export function examples(): Example[] {
  const pages = [...['README.md'].filter((file) => existsSync(join(root, file))), ...filesBelow('docs', '.md')];
  return [
    ...pages.flatMap((file) => blocks(file, read(file))),
    ...filesBelow('src', '.ts').flatMap((file) => blocks(file, commentsOf(read(file)))),
  ];
}

/** The `ts` blocks of a Markdown text. */
function blocks(file: string, markdown: string): Example[] {
  const found: Example[] = [];
  let start: { line: number; info: string } | undefined;
  const lines = markdown.split('\n');
  for (const [line, text] of lines.entries()) {
    const fence = /^\s*```(.*)$/.exec(text);
    if (fence === null) continue;
    if (start === undefined) {
      start = { line: line + 1, info: fence[1]!.trim() };
      continue;
    }
    if (/^ts\b/.test(start.info)) {
      const code = lines.slice(start.line, line);
      found.push({
        place: `${file}:${start.line + 1}`,
        code: code.join('\n'),
        expected: code.flatMap((row) => /(?:^|\s)\/\/ => ?(.*)$/.exec(row)?.[1]!.trimEnd() ?? []),
        noRun: /\bno-run:?\s*(.*)$/.exec(start.info)?.[1],
      });
    }
    start = undefined;
  }
  return found;
}

/** The doc comments of a source text as Markdown, each line where it was; code is left out. */
function commentsOf(source: string): string {
  let inside = false;
  return source
    .split('\n')
    .map((line) => {
      inside ||= /^\s*\/\*\*/.test(line);
      const text = inside ? line.replace(/^\s*(\/\*\*|\*) ?/, '') : '';
      inside &&= !line.includes('*/');
      return text;
    })
    .join('\n');
}
