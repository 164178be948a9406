/** A marble picture as SVG: what was recorded, row by row, on a time axis. It is drawn as it is, nothing is made up here. */

/** What happened in a row. A value that is `lost` was dropped or refused; the `note` says why. */
export type Mark =
  | { readonly kind: 'value'; readonly at: number; readonly value: number; readonly note?: Note }
  | { readonly kind: 'held' | 'work'; readonly at: number; until: number; readonly value: number; note?: Note }
  | { readonly kind: 'request' | 'complete'; readonly at: number };

/** A word about a value, under it. */
export interface Note {
  readonly text: string;
  readonly lost: boolean;
}

export interface Row {
  readonly label: string;
  /** A second line of the label. */
  readonly detail: string;
  /** Places that are shown also when they are free. */
  readonly places: number;
  readonly marks: readonly Mark[];
}

export interface Picture {
  readonly title: string;
  /** What is seen, in words. */
  readonly description: string;
  readonly rows: readonly Row[];
}

type Span = Extract<Mark, { until: number }>;
type Point = Extract<Mark, { kind: 'value' }>;

const WIDTH = 720;
const LEFT = 148;
const RIGHT = 36;
const RADIUS = 8.5;
/** Where the rows begin, below the title. */
const TITLE = 34;
/** Heights: of a lane, of the requests above it, of the notes below it, and between two rows. */
const LANE = 20;
const REQUESTS = 12;
const NOTES = 14;
const GAP = 14;

// The same value has the same colour in every row. Both sets have a contrast of at least 4.5 with their background.
const LIGHT = ['#0969da', '#bc4c00', '#1a7f37', '#8250df', '#bf3989', '#8a5c00', '#0b7285', '#57606a'];
const DARK = ['#58a6ff', '#f0883e', '#3fb950', '#bc8cff', '#f778ba', '#d29922', '#39c5cf', '#9ea7b3'];

const STYLE = `
text { font: 12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; fill: #59636e }
.label { font-weight: 600 }
.small { font-size: 11px }
.middle { text-anchor: middle }
.line { stroke: #59636e; fill: none }
.faint { opacity: 0.25 }
.lost { stroke: #cf222e; fill: none; stroke-width: 1.75 }
text.lost { fill: #cf222e; stroke: none }
.value text { text-anchor: middle; font-weight: 600; fill: #fff }
.value .held { fill-opacity: 0.12; stroke: currentColor }
.value .held + text { fill: currentColor }
${LIGHT.map((color, i) => `.v${i} { color: ${color} }`).join('\n')}
@media (prefers-color-scheme: dark) {
text { fill: #9ea7b3 }
.line { stroke: #9ea7b3 }
.lost { stroke: #ff7b72 }
text.lost { fill: #ff7b72 }
.value text { fill: #0d1117 }
${DARK.map((color, i) => `.v${i} { color: ${color} }`).join('\n')}
}`;

/** The picture as the text of an SVG file. */
export function draw({ title, description, rows }: Picture): string {
  const marks = rows.flatMap((row) => row.marks);
  const end = Math.max(...marks.map((mark) => ('until' in mark ? mark.until : mark.at)));
  const x = (time: number): number => round(LEFT + 10 + (time / end) * (WIDTH - LEFT - RIGHT - 10));

  let y = TITLE;
  const drawn = rows.map((row) => {
    const { svg, height } = drawRow(row, x, y);
    y += height + GAP;
    return svg;
  });
  const height = y + 44;

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">${escaped(title)}</title>
<desc id="desc">${escaped(description)}</desc>
<style>${STYLE}
</style>
${[text('label', 4, 16, title), axis(end, x, y), ...drawn, legend(marks, y + 30)].join('\n')}
</svg>
`;
}

function drawRow(row: Row, x: (time: number) => number, top: number): { svg: string; height: number } {
  const spans = row.marks.filter((mark): mark is Span => 'until' in mark && mark.until > mark.at);
  const points = row.marks.filter((mark) => mark.kind === 'value');
  const requests = row.marks.filter((mark) => mark.kind === 'request');
  const noted = [...spans, ...points].filter((mark) => mark.note !== undefined);

  const lanes = lanesOf(spans);
  const count = Math.max(row.places, ...lanes.map((lane) => lane + 1));
  const band = top + (requests.length > 0 ? REQUESTS : 0);
  const middle = band + (count * LANE) / 2;
  const bottom = band + count * LANE;
  const laneY = (lane: number): number => band + lane * LANE + LANE / 2;

  const svg = [
    label(row, middle),
    ...Array.from({ length: count }, (_, lane) => line('line faint', LEFT, laneY(lane), WIDTH - 8, laneY(lane))),
    ...requests.map(({ at }) => triangle(x(at), top)),
    ...spans.map((span, i) => pill(span, x(span.at), x(span.until), laneY(lanes[i]!))),
    ...points.map((point) => circle(point, x(point.at) + beside(point, points), middle)),
    ...together(noted).map((marks) => note(marks, x(noteTime(marks[0]!)), bottom)),
    ...row.marks.filter(({ kind }) => kind === 'complete').map(({ at }) => bar(x(at) + besideAll(at, points), middle)),
  ].join('\n');
  return { svg, height: bottom - top + (noted.length > 0 ? NOTES : 0) };
}

/** Which lane each span is in: the first that is free. */
function lanesOf(spans: readonly Span[]): number[] {
  const freeFrom: number[] = [];
  return spans.map(({ at, until }) => {
    const free = freeFrom.findIndex((time) => time <= at);
    const lane = free < 0 ? freeFrom.length : free;
    freeFrom[lane] = until;
    return lane;
  });
}

/** Values of the same moment stand side by side, in their order. */
function beside(point: Point, points: readonly Point[]): number {
  return points.filter(({ at }) => at === point.at).indexOf(point) * (2 * RADIUS + 1);
}

function besideAll(time: number, points: readonly Point[]): number {
  const values = points.filter(({ at }) => at === time).length;
  return values === 0 ? 3 : values * (2 * RADIUS + 1) - RADIUS + 3;
}

function label({ label: name, detail }: Row, middle: number): string {
  const y = middle + (detail === '' ? 4 : -3);
  return text('label', 4, y, name) + (detail === '' ? '' : text('small', 4, y + 14, detail));
}

function pill({ kind, value }: Span, from: number, to: number, y: number): string {
  const width = round(to - from - 1);
  const box = `<rect class="${kind}" x="${from}" y="${y - RADIUS}" width="${width}" height="${2 * RADIUS}" rx="${Math.min(RADIUS, width / 2)}" fill="currentColor"/>`;
  return colored(value, box + text('', round(from + Math.min(RADIUS, width / 2)), y + 4, String(value)));
}

function circle({ value }: Point, cx: number, y: number): string {
  const disc = `<circle cx="${cx}" cy="${y}" r="${RADIUS}" fill="currentColor"/>`;
  return colored(value, disc + text('', cx, y + 4, String(value)));
}

function noteTime(mark: Span | Point): number {
  return 'until' in mark ? mark.until : mark.at;
}

/** Marks of which the same is said at the same time: that is said once. */
function together(noted: readonly (Span | Point)[]): (Span | Point)[][] {
  const groups = new Map<string, (Span | Point)[]>();
  for (const mark of noted) {
    const key = `${noteTime(mark)} ${mark.note!.text}`;
    groups.set(key, [...(groups.get(key) ?? []), mark]);
  }
  return [...groups.values()];
}

function note(marks: readonly (Span | Point)[], at: number, y: number): string {
  const { kind, note: said } = marks[0]!;
  if (said === undefined) return '';
  if (!said.lost) return text('small middle', at, y + 11, said.text);
  const values = marks.map(({ value }) => value).join(', ');
  return cross(at, y + 7) + text('small lost', at + 7, y + 11, kind === 'value' ? said.text : `${values} ${said.text}`);
}

function cross(x: number, y: number): string {
  return `<path class="lost" d="M${x - 3.5} ${y - 3.5}l7 7m0 -7l-7 7"/>`;
}

function triangle(x: number, y: number): string {
  return `<path class="line" d="M${x - 4} ${y + 8}h8l-4 -7z"/>`;
}

function bar(x: number, middle: number): string {
  return `<path class="line" stroke-width="2.5" d="M${x} ${middle - 9}v18"/>`;
}

function axis(end: number, x: (time: number) => number, y: number): string {
  const step = end > 120 ? 20 : 10;
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, i) => {
    const time = i * step;
    const unit = i === 0 ? ' ms' : '';
    return line('line faint', x(time), TITLE - 4, x(time), y) + text('small middle', x(time), y + 12, `${time}${unit}`);
  }).join('\n');
}

/** Says what the signs mean that are in the picture; a cross has its reason beside it. */
function legend(marks: readonly Mark[], y: number): string {
  const sign = (kind: 'held' | 'work'): string =>
    `<g class="value v7"><rect class="${kind}" x="-9" y="-5.5" width="18" height="11" rx="5.5" fill="currentColor"/></g>`;
  const signs: [shown: boolean, sign: string, meaning: string][] = [
    [marks.some(({ kind }) => kind === 'request'), triangle(0, -4), 'asks for a value'],
    [marks.some(({ kind }) => kind === 'held'), sign('held'), 'waits'],
    [marks.some(({ kind }) => kind === 'work'), sign('work'), 'is worked on'],
    [marks.some(({ kind }) => kind === 'complete'), bar(0, 0), 'complete'],
  ];
  let x = LEFT + 10;
  return signs
    .filter(([shown]) => shown)
    .map(([, drawn, meaning]) => {
      const item = `<g transform="translate(${x} ${y})">${drawn}${text('small', 14, 4, meaning)}</g>`;
      x += 46 + 5.5 * meaning.length;
      return item;
    })
    .join('\n');
}

function colored(value: number, svg: string): string {
  return `<g class="value v${(value - 1) % LIGHT.length}">${svg}</g>`;
}

function line(name: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<path class="${name}" d="M${x1} ${y1}L${x2} ${y2}"/>`;
}

function text(name: string, x: number, y: number, content: string): string {
  return `<text${name === '' ? '' : ` class="${name}"`} x="${x}" y="${y}">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** So that a file is the same on every machine. */
function round(length: number): number {
  return Math.round(length * 10) / 10;
}
