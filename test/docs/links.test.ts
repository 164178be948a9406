/** Every link of a page leads to a file of the project, and to a heading of it where it names one. */
import { existsSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow, read, root } from '../package/project.js';

const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...filesBelow('docs', '.md')];

test.each(pages)('%s', (page) => {
  expect(broken(page, read(page))).toEqual([]);
});

test('a link that leads nowhere would be found', () => {
  const page = 'docs/errors.md';
  const markdown =
    '[a](gone.md) [b](#no-heading) ![c](assets/gone.svg) [d](semantics.md#gone) [e](../README.md#license) `[f](g)`';
  expect(broken(page, markdown)).toEqual(['gone.md', '#no-heading', 'assets/gone.svg', 'semantics.md#gone']);
});

/** The links of `markdown`, which stands at `page`, that lead nowhere. Links to other sites are not looked at. */
function broken(page: string, markdown: string): string[] {
  return linksOf(markdown).filter((link) => {
    const [path = '', heading] = link.split('#');
    const file = path === '' ? page : posix.join(dirname(page), path);
    if (!existsSync(join(root, file))) return true;
    return heading !== undefined && !anchorsOf(file === page ? markdown : read(file)).includes(heading);
  });
}

function linksOf(markdown: string): string[] {
  const text = withoutCode(markdown).replace(/`[^`\n]*`/g, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!).filter((link) => !/^\w+:/.test(link));
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(markdown: string): string[] {
  const seen = new Map<string, number>();
  return [...withoutCode(markdown).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    const anchor = heading!
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-');
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    return times === 0 ? anchor : `${anchor}-${times}`;
  });
}

function withoutCode(markdown: string): string {
  return markdown.replace(/^\s*```[^]*?^\s*```/gm, '');
}
