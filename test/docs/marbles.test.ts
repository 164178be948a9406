/** The pictures of the pages are what runs of the operators were like, in virtual time. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow, read, root } from '../package/project.js';
import { draw } from './marbles/draw.js';
import { Recording } from './marbles/recording.js';
import { scenarios } from './marbles/scenarios.js';

test.each(scenarios)('$name', async ({ name, page, title, description, run }) => {
  const recording = new Recording();
  run(recording);
  await recording.play();
  const svg = draw({ title, description, rows: recording.rows });
  await expect(svg, 'to draw it anew: npm run docs').toMatchFileSnapshot(join(root, `docs/marbles/${name}.svg`));
  expect(read(page)).toContain(`![${description}](../marbles/${name}.svg)`);
});

test('no picture is left over', () => {
  const drawn = scenarios.map(({ name }) => `docs/marbles/${name}.svg`);
  expect(filesBelow('docs/marbles', '.svg').filter((file) => !drawn.includes(file))).toEqual([]);
});
