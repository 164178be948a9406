/** Text with the colours of a terminal as SVG: the window of a terminal, dark on light and on dark pages. */
import { stripVTControlCharacters } from 'node:util';

/** The window as the text of an SVG file. */
export function drawTerminal(title: string, description: string, output: string): string {
  const lines = output.split('\n');
  const columns = Math.max(...lines.map((line) => stripVTControlCharacters(line).length));
  const width = Math.ceil(2 * MARGIN + columns * COLUMN);
  const height = TOP + lines.length * ROW + MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">${escaped(title)}</title>
<desc id="desc">${escaped(description)}</desc>
<style>${STYLE}
</style>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="#0d1117" stroke="#30363d"/>
<text class="title" x="${width / 2}" y="22">${escaped(title)}</text>
${lines.map((line, row) => drawLine(line, TOP + row * ROW)).join('\n')}
</svg>
`;
}

const COLUMN = 7.8;
const ROW = 19;
const MARGIN = 16;
const TOP = 38;

const STYLE = `
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', 'DejaVu Sans Mono', monospace; fill: #e6edf3; white-space: pre }
.title { font: 12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; text-anchor: middle; fill: #9198a1 }
.bold { font-weight: 600 }
.dim { fill: #9198a1 }
.red { fill: #ff7b72 }
.green { fill: #3fb950 }
.yellow { fill: #d29922 }`;

/** Which class an escape sequence begins; the others end it. */
const CLASSES: Readonly<Record<string, string>> = { 1: 'bold', 2: 'dim', 31: 'red', 32: 'green', 33: 'yellow' };

/** Blocks are drawn as boxes: in fonts they leave gaps. Each other run of text has its place, and the length that it has there. */
function drawLine(line: string, top: number): string {
  let style = '';
  let column = 0;
  const drawn: string[] = [];
  for (const part of line.split(/(\x1b\[\d+m|[█▉▊▋▌▍▎▏]+|[▒░]+| {2,})/)) {
    const code = /^\x1b\[(\d+)m$/.exec(part)?.[1];
    if (code !== undefined) style = CLASSES[code] ?? '';
    else if (part !== '') {
      const x = round(MARGIN + column * COLUMN);
      if (part.trim() !== '') drawn.push(drawPart(part, x, top, style));
      column += part.length;
    }
  }
  return drawn.join('');
}

function drawPart(part: string, x: number, top: number, style: string): string {
  const name = style === '' ? '' : ` class="${style}"`;
  const box = (columns: number, opacity = ''): string =>
    `<rect${name} x="${x}" y="${top}" width="${round(columns * COLUMN)}" height="${ROW - 4}"${style === '' ? ' fill="#e6edf3"' : ''}${opacity}/>`;
  if (/[▒░]/.test(part)) return box(part.length, ` opacity="${part.startsWith('▒') ? 0.5 : 0.2}"`);
  if (/[█▉▊▋▌▍▎▏]/.test(part)) {
    return box(Array.from(part).reduce((sum, block) => sum + (0x2590 - block.charCodeAt(0)) / 8, 0));
  }
  const length = round(part.length * COLUMN);
  return `<text${name} x="${x}" y="${top + 12}" textLength="${length}" lengthAdjust="spacingAndGlyphs">${escaped(part)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** So that a file is the same on every machine. */
function round(length: number): number {
  return Math.round(length * 10) / 10;
}
