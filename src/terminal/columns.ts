/** The columns of the table of stages: what is in them, how wide they are, and which are left out where there is no room. */
import type { Percentiles, StageSnapshot } from '../monitor/index.js';
import { count, time } from './figures.js';
import type { Paint } from './paint.js';
import { cut, left, printable, right, widthOf } from './text.js';

export interface Column {
  /** Exactly as wide as the cells. */
  readonly head: string;
  /** Where there is no room, that with the highest goes first. */
  readonly leftOut: number;
  /** As wide as the head; the last column may fill `room`. */
  cell(stage: StageSnapshot, paint: Paint, room: number): string;
}

/** The columns that fit into `width`, the name's excepted, from left to right. */
export function columnsFor(stages: readonly StageSnapshot[], width: number): { columns: Column[]; name: number } {
  const longest = Math.max(SHORTEST_NAME, ...stages.map(({ stage }) => widthOf(printable(stage))));
  let columns = COLUMNS;
  const needed = (): number => columns.reduce((sum, { head }) => sum + GAP.length + widthOf(head), 0);
  while (columns.length > 0 && needed() + Math.min(longest, USUAL_NAME) > width) {
    const last = Math.max(...columns.map(({ leftOut }) => leftOut));
    columns = columns.filter(({ leftOut }) => leftOut < last);
  }
  return { columns: [...columns], name: Math.max(0, Math.min(longest, LONGEST_NAME, width - needed())) };
}

function drops(stage: StageSnapshot, paint: Paint, room: number): string {
  return paint(stage.dropped > 0 ? 'red' : 'dim', cut(dropsOf(stage, room), room));
}

/** What a stage has dropped, by reason where that fits into `width`. */
export function dropsOf({ dropped, reasons }: StageSnapshot, width: number = Infinity): string {
  const parts = Object.entries(reasons).filter(([, n]) => n > 0);
  const words = parts.map(([reason, n]) => `${count(n)} ${reason}`).join(', ');
  return words === '' || widthOf(words) > width ? count(dropped) : words;
}

export const GAP = '  ';

/** Names are shown so far before columns are left out for them, and at most. */
const USUAL_NAME = 14;
const LONGEST_NAME = 32;
const SHORTEST_NAME = 5;

const RATE = 6;
const BAR = 5;
const TIME_BAR = 10;
/** With the bar, and with the word `capacity` under which what is after the stroke stands. */
const HELD = BAR + RATE + '/capacity'.length;
const PERCENTILE = 7;

const COLUMNS: readonly Column[] = [
  { head: right('in/s', RATE), leftOut: 3, cell: ({ inRate }) => right(count(inRate), RATE) },
  { head: right('out/s', RATE), leftOut: 5, cell: ({ outRate }) => right(count(outRate), RATE) },
  { head: right('held/capacity', HELD), leftOut: 2, cell: held },
  { head: left('time', TIME_BAR), leftOut: 1, cell: timeBar },
  { head: right('running', RATE + 1), leftOut: 6, cell: running },
  { head: percentiles('waits p50', 'p99', 11), leftOut: 7, cell: ({ wait }) => times(wait, 11) },
  { head: percentiles('calls p50', 'p99', 11), leftOut: 8, cell: ({ service }) => times(service, 11) },
  { head: 'dropped', leftOut: 4, cell: drops },
];

/** With a bar of how full it is. */
function held({ held, capacity }: StageSnapshot, paint: Paint): string {
  const full = Number.isFinite(capacity) && capacity! > 0 ? Math.min(1, held / capacity!) : 0;
  const bar = capacity == null ? ' '.repeat(BAR) : paint(full < 1 ? 'green' : 'yellow', filled(full));
  const of = capacity == null ? '' : `/${count(capacity)}`;
  return `${bar} ${right(count(held), RATE - 1)}${left(of, '/capacity'.length)}`;
}

/** `BAR` columns, of which the part `full` is filled, to an eighth of a column. */
function filled(full: number): string {
  const eighths = Math.round((Number.isFinite(full) ? Math.max(0, full) : 0) * 8 * BAR);
  const whole = Math.floor(eighths / 8);
  return left('█'.repeat(whole) + (EIGHTHS[eighths % 8] ?? ''), BAR).replaceAll(' ', '░');
}

/** Busy, blocked, starved: each its part of `TIME_BAR` columns. */
function timeBar({ active, perSecond }: StageSnapshot, paint: Paint): string {
  if (!active) return paint('dim', left('ended', TIME_BAR));
  const [busy, blocked, starved] = [perSecond.busy, perSecond.blocked, perSecond.starved].map(sane) as Three;
  const sum = busy + blocked + starved;
  const columns = (part: number): number => (sum > 0 ? Math.round((part / sum) * TIME_BAR) : 0);
  const first = columns(busy);
  const second = columns(busy + blocked) - first;
  return (
    paint('green', BUSY.repeat(first)) +
    paint('yellow', BLOCKED.repeat(second)) +
    paint('dim', STARVED.repeat(TIME_BAR - first - second))
  );
}

type Three = [number, number, number];

/** What another process sent may be anything. */
function sane(perSecond: number): number {
  return perSecond > 0 ? Math.min(perSecond, 1_000) : 0;
}

function running({ pool }: StageSnapshot, paint: Paint): string {
  const cell = right(pool == null ? '–' : `${count(pool.running)}/${count(pool.concurrency)}`, RATE + 1);
  return pool == null ? paint('dim', cell) : cell;
}

function times(spread: Percentiles | null | undefined, first: number): string {
  return spread == null ? percentiles('–', '–', first) : percentiles(time(spread.p50), time(spread.p99), first);
}

function percentiles(p50: string, p99: string, first: number): string {
  return `${right(p50, first)}${right(p99, PERCENTILE + 1)}`;
}

export const BUSY = '█';
export const BLOCKED = '▒';
export const STARVED = '·';
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
