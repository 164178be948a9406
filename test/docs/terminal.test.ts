/** The pictures of docs/assets/monitor/: what `frame` and `explain` make of a run of the demo that was recorded. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Snapshot } from 'sluice/monitor';
import { frame } from 'sluice/terminal';
import { bottleneckOf } from '../../src/monitor/bottleneck.js';
import { read, root } from '../package/project.js';
import { drawTerminal } from './terminal/draw.js';

const recorded = JSON.parse(read('test/docs/terminal/recorded.json')) as { when: string; snapshot: Snapshot }[];

const picture = (name: string): string => join(root, `docs/assets/monitor/${name}.svg`);

test('the live view', async () => {
  const { when, snapshot } = recorded.at(-1)!;
  const drawn = drawTerminal(
    `terminal(monitor): the demo, ${when}`,
    'A table of five stages with rates, bars of what they hold and of where their time goes, waits and calls, and the sentence that says what limits.',
    frame(snapshot, { width: 160, colour: true }),
  );
  await expect(drawn, 'to draw it anew: npm run docs').toMatchFileSnapshot(picture('terminal'));
});

test('what limits', async () => {
  const said = recorded.map(({ when, snapshot }) => {
    const { sentence } = bottleneckOf(snapshot);
    return `\x1b[2m> monitor.explain() // ${when}\x1b[22m\n\x1b[1m${sentence}\x1b[22m`;
  });
  const drawn = drawTerminal(
    'monitor.explain(): the demo',
    'First the source limits; when the load triples, the quota of the provider of SMS.',
    said.join('\n\n'),
  );
  await expect(drawn, 'to draw it anew: npm run docs').toMatchFileSnapshot(picture('explain'));
});
