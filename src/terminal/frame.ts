/** One picture of a live view: what stages did, and what limits, as lines of text. */
import { bottleneckOf } from '../monitor/bottleneck.js';
import type { Snapshot, StageSnapshot, Stall } from '../monitor/index.js';
import { BOOLEAN, check, checkOptions, COUNT, OBJECT, POSITIVE, type Rule } from '../options.js';
import { BLOCKED, BUSY, columnsFor, GAP, STARVED } from './columns.js';
import { percent, time } from './figures.js';
import { coloured, plain, type Paint } from './paint.js';
import { cut, left, printable, widthOf, wrap } from './text.js';

/** A stall, and when it was seen: on the clock of `Snapshot.at`. */
export interface SeenStall extends Pick<Stall, 'sentence'> {
  readonly at: number;
}

/** Options of `frame`. */
export interface FrameOptions {
  /** Columns that a line takes at most. At least 1. Default: 80. */
  width?: number | undefined;
  /** Lines at most. At least 1, or `Infinity`. Default: `Infinity`. */
  height?: number | undefined;
  /** Whether there are escape sequences for colours. Default: false. */
  colour?: boolean | undefined;
  /** Stalls to be shown, the last one last. Default: none. */
  stalls?: readonly SeenStall[] | undefined;
}

/**
 * A snapshot as a picture for a terminal: a line for each stage, what limits, and the last stalls.
 *
 * Use it for snapshots that come from somewhere else (another process, a file), or to draw them in a way of your own. Not to watch a
 * monitor: that is `terminal`.
 *
 * ```ts
 * import { pool, pull } from 'sluice';
 * import { createMonitor } from 'sluice/monitor';
 * import { frame } from 'sluice/terminal';
 *
 * const monitor = createMonitor();
 * pull(['ann', 'bob'])
 *   .pipe(pool(async (name) => `mail to ${name}`, { name: 'email', concurrency: 2, monitor }))
 *   .subscribe({ complete: () => console.log(frame(JSON.parse(JSON.stringify(monitor.snapshot()))).includes('email')) });
 * // => true
 * ```
 *
 * @returns lines without a line end after the last; no line is wider than `width`, whatever the names are
 * @throws OptionError when an option is wrong
 */
export function frame(snapshot: Snapshot, options: FrameOptions = {}): string {
  check('snapshot', OBJECT, snapshot, 'frame');
  checkOptions('frame', options, { width: COUNT, height: POSITIVE, colour: BOOLEAN, stalls: STALLS });
  const { width = 80, height = Infinity, colour = false, stalls = [] } = options;
  const paint = colour ? coloured : plain;
  const limit = bottleneckOf(snapshot);
  const sentence = wrap(printable(limit.sentence), width).map((line) => paint('bold', line));
  const stood = stalls.slice(-STALLS_SHOWN).flatMap((stall) => stallLines(stall, snapshot.at, width, paint));
  const below = [...sentence, ...stood].slice(0, Math.max(1, Math.floor(height / 2)));
  const table = tableOf(snapshot.stages, limit.stage, width, height - below.length, paint);
  const rest = height - below.length - table.length;
  return [...table, ...below, ...(rest > 0 ? [paint('dim', cut(legend(snapshot), width))] : [])].join('\n');
}

const STALLS: Rule = ['an array of stalls', Array.isArray];
const STALLS_SHOWN = 3;

/** A head and the stages, in `height` lines; of too many those that matter most. */
function tableOf(
  stages: readonly StageSnapshot[],
  limit: string | undefined,
  width: number,
  height: number,
  paint: Paint,
): string[] {
  if (stages.length === 0 || height < 2) return [];
  const shown = stages.length < height ? stages : mostTelling(stages, limit, height - 2);
  const inner = Math.max(0, width - MARK.length);
  const { columns, name } = columnsFor(stages, inner);
  const room =
    inner - columns.slice(0, -1).reduce((sum, { head }) => sum + widthOf(head) + GAP.length, name + GAP.length);
  const head = [left('stage', name), ...columns.map((column) => column.head)].join(GAP);
  const lines = shown.map((stage) => {
    const limits = stage.stage === limit;
    const cells = columns.map((column) => column.cell(stage, paint, room));
    const called = left(printable(stage.stage), name);
    const style = limits ? 'bold' : stage.active ? undefined : 'dim';
    return (limits ? MARK : BLANK).slice(0, width) + [style ? paint(style, called) : called, ...cells].join(GAP);
  });
  const hidden = stages.length - shown.length;
  const more = hidden > 0 ? [paint('dim', cut(`${BLANK}and ${hidden} more`, width))] : [];
  return [paint('dim', BLANK.slice(0, width) + head), ...lines, ...more];
}

/** The stage that limits, then those at work, in their order. */
function mostTelling(stages: readonly StageSnapshot[], limit: string | undefined, most: number): StageSnapshot[] {
  const rank = ({ stage, active }: StageSnapshot): number => (stage === limit ? 0 : active ? 1 : 2);
  const chosen = new Set([...stages].sort((a, b) => rank(a) - rank(b)).slice(0, Math.max(0, most)));
  return stages.filter((stage) => chosen.has(stage));
}

function stallLines({ at, sentence }: SeenStall, now: number, width: number, paint: Paint): string[] {
  const ago = time(Math.max(0, now - at));
  return wrap(printable(`${ago} ago: ${sentence}`), width).map((line) => paint('red', line));
}

function legend({ window, loopBusy }: Snapshot): string {
  const signs = `${BUSY} busy  ${BLOCKED} blocked  ${STARVED} starved, over ${time(window)}`;
  return `${signs}; event loop busy ${percent(loopBusy)}`;
}

/** Before the name of the stage that limits. */
const MARK = '› ';
const BLANK = '  ';
