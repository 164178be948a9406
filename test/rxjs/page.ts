/** docs/rxjs-operators.md, made of what was measured. */
import { CAPACITY, type Class, type Figures } from './measure.js';
import { LENGTH } from './run.js';
import { others } from './table/others.js';
import type { Row } from './table/row.js';

type Result = Row & Figures;

/** The page, as Markdown. */
export function page(results: readonly Result[]): string {
  const of = (kind: Class, creates = false): Result[] =>
    results.filter((result) => result.class === kind && (result.creates ?? false) === creates).sort(byName);
  return [
    INTRODUCTION,
    TRANSPARENT,
    table(['Use', 'Read ahead', 'Keeps', 'Note'], of('transparent'), (r) => [
      number(r.read),
      r.grows ? 'all' : number(r.keeps ?? 0),
      r.note,
    ]),
    MULTIPLIES,
    table(['Use', 'Beyond', 'Use instead', 'Note'], of('multiplies'), (r) => [number(r.beyond), r.instead, r.note]),
    BOUNDARY,
    table(['Use', 'Read', 'Kept', 'Beyond', 'Lost', 'Use instead', 'Note'], of('boundary'), (r) => [
      number(r.read),
      kept(r),
      number(r.beyond),
      number(r.lost),
      r.instead,
      r.note,
    ]),
    IGNORES,
    table(['Use', 'Sent', 'Use instead'], of('ignores demand', true), (r) => [number(r.beyond), r.instead]),
    '',
    `These send no values at all, and fit anywhere: ${of('transparent', true)
      .map(({ how }) => code(how))
      .join(', ')}.`,
    OTHERS,
    ...Object.entries(byReason()).map(([reason, names]) => `- ${names.map(code).join(', ')}: ${reason}.`),
    '',
  ].join('\n');
}

const INTRODUCTION = `# RxJS's operators and demand

<!-- Written by \`npm run docs\` from what test/rxjs measures. Do not edit. -->

Demand travels against the values. When a stage (\`boundedBuffer\`, \`pool\`, a sink) subscribes to what is before it, RxJS builds a chain
of subscribers, one for each operator, from the stage up to the source. A source that honours demand, as \`pull\` does, follows that chain
down to the first stage and asks it how many values it can take. Operators in between know nothing of this, and need not.

A value is counted when it arrives at the stage. So an operator that drops values, or puts many into one, takes nothing away from
what the stage asked for. An operator that holds values back is another matter: the source does not see them arrive, still finds the stage
asking, and goes on. That is why this page exists.

Every operator and creation function that RxJS exports was put between a source of ${number(LENGTH)} values that honours demand and a stage with room
for ${CAPACITY}, whose consumer at first took nothing, then one value at a time to the end. What was read, what the operator kept in memory, and what came to the
stage beyond its room was counted, and the result compared with that of plain RxJS. \`async\` stands for an inner source that takes 5 ms.

| Class | What it means for you |
| --- | --- |
| [transparent](#transparent) | Use it freely: a slow consumer slows the source, and the stage is not overrun. |
| [multiplies](#multiplies) | The source is slowed, but what one value is turned into may come at once: the stage needs that much more room, or a named \`overflow\`. |
| [boundary](#boundary) | Demand ends here. Values pile up in the operator or overrun the stage, or a source that waits is taken for one that is silent or done. Use what is named beside it. |
| [ignores demand](#ignores-demand) | It makes values itself and waits for nobody: something with a bound has to come behind it. |

An operator given a notifier, an inner or a second source leaves that one its demand too, so each has to honour demand for the whole to do so.
Operators of your own, and those of other libraries, are transparent if they are made of these, and a boundary where they subscribe with
\`source.subscribe({ next, … })\`; [Writing your own](writing-your-own.md) shows how to make one that honours demand.`;

const TRANSPARENT = `
## Transparent

Nothing came to the stage beyond its room, and nothing was lost. *Read ahead* is how many values were read before the consumer took one:
${CAPACITY} where each makes one value, more where values are dropped or put together. *Keeps* is how many values the operator
holds itself.

An operator that drops by the clock, or by an asynchronous call, holds one value for a while. Where other sources share the stage, that value may
come when there is no room: see \`auditTime\` under [multiplies](#multiplies).
`;

const MULTIPLIES = `
## Multiplies

*Beyond* is how many values more than it had room for were in the stage at once. It follows from how many values one is turned into, here 3 by the
inner sources, and not from the length of the source.
`;

const BOUNDARY = `
## Boundary

*Read* is how many values were read while the consumer took nothing, *kept* how many of them the operator held in memory at most (to the nearest ten),
*beyond* how many more than it had room for were in the stage, *lost* how many the consumer did not get that plain RxJS gives.
A \`boundedBuffer\` with a named \`overflow\` behind a boundary keeps memory bounded behind it, not in it, and drops values. An operator that gives one
source to several consumers and honours the demand of each, \`broadcast\`, is planned.
`;

const IGNORES = `
## Ignores demand

*Sent* is how many values came to a stage that had no room for any, within ${number(LENGTH)} ms.
`;

const OTHERS = `
## Not operators

\`rxjs/ajax\` and \`rxjs/fetch\` give one response each, which fits any stage that is not full; \`webSocket\` of \`rxjs/webSocket\` ignores demand.
What \`rxjs/operators\` exports is the same as here. The other exports of \`rxjs\` neither pass values on nor make any:
`;

function table(
  head: readonly string[],
  results: readonly Result[],
  cells: (result: Result) => (string | undefined)[],
): string {
  const rows = results.map((result) => [code(result.how), ...cells(result).map((cell) => cell ?? '')]);
  return [head, head.map((name) => (FIGURES.includes(name) ? '--:' : '---')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
}

const FIGURES = ['Read ahead', 'Keeps', 'Read', 'Kept', 'Beyond', 'Lost', 'Sent'];

/** To the nearest ten: the engine may keep a value or two a little longer than needed. */
function kept({ held, heldLater }: Figures): string {
  return number(Math.round(Math.max(held, heldLater) / 10) * 10);
}

function byReason(): Record<string, string[]> {
  const grouped: Record<string, string[]> = {};
  for (const [name, reason] of Object.entries(others)) (grouped[reason] ??= []).push(name);
  return grouped;
}

function byName(a: Row, b: Row): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function code(text: string): string {
  return `\`${text}\``;
}

function number(value: number): string {
  return value.toLocaleString('en');
}
