/** A live view of a monitor in a terminal. */
import { asyncScheduler, Subscription, type Observable, type SchedulerAction, type SchedulerLike } from 'rxjs';
import type { Snapshot, Stall } from '../monitor/index.js';
import { unref } from '../monitor/ticker.js';
import { BOOLEAN, check, checkOptions, COUNT, SCHEDULER, type Rule } from '../options.js';
import { frame, type SeenStall } from './frame.js';
import { Log } from './log.js';
import { Screen, sizeOf, type TerminalOutput } from './screen.js';

/** Timers that are longer go off at once. */
const EVERY: Rule = [
  'a number above 0 and up to 2,147,483,647 (milliseconds)',
  (value: unknown) => typeof value === 'number' && value > 0 && value < 2 ** 31,
];

/** What `terminal` shows: a monitor, or what another process told of one. */
export interface ShownMonitor {
  snapshot(): Snapshot;
  readonly stalls$?: Observable<Stall> | undefined;
}

/** Options of `terminal`. */
export interface TerminalOptions {
  /** Where it is drawn. Default: `process.stderr`. */
  output?: TerminalOutput | undefined;
  /** Milliseconds between two pictures. Above 0, up to 2,147,483,647. Default: 250. */
  every?: number | undefined;
  /** Columns that a line takes at most. At least 1. Default: one less than the terminal has. */
  width?: number | undefined;
  /** Whether there are colours. Default: whether the terminal has them, by `NO_COLOR` and `FORCE_COLOR` too. */
  colour?: boolean | undefined;
  /** The clock and timer. Default: `asyncScheduler`. */
  scheduler?: SchedulerLike | undefined;
}

/**
 * Shows what stages do, what limits the pipeline, and what stands still: redrawn in place on a terminal, as a line now and then elsewhere.
 *
 * Use it while you develop, and for programs that run in a terminal. Not to look at many processes: that is what a monitoring system is for.
 *
 * It keeps no process alive, and never hides the cursor. What others write to stdout and stderr meanwhile goes above the picture; for that it
 * wraps the `write` of `output` until it is unsubscribed. Elsewhere than on a terminal it writes no escape sequences: a line at most
 * every five seconds, when something has changed, and each stall.
 *
 * ```ts
 * import { pool, pull } from 'sluice';
 * import { createMonitor } from 'sluice/monitor';
 * import { terminal } from 'sluice/terminal';
 *
 * const monitor = createMonitor();
 * const view = terminal(monitor);
 * pull(['ann', 'bob', 'cid'])
 *   .pipe(pool(async (name) => `mail to ${name}`, { name: 'email', concurrency: 2, monitor }))
 *   .subscribe({ next: (mail) => console.log(mail), complete: () => view.unsubscribe() });
 * // => mail to ann
 * // => mail to bob
 * // => mail to cid
 * ```
 *
 * @returns a Subscription: unsubscribing draws once more, and leaves that
 * @throws OptionError when an option is wrong, or `output` shows a monitor already
 */
export function terminal(monitor: ShownMonitor, options: TerminalOptions = {}): Subscription {
  check('monitor', MONITOR, monitor, 'terminal');
  checkOptions('terminal', options, {
    output: OUTPUT,
    every: EVERY,
    width: COUNT,
    colour: BOOLEAN,
    scheduler: SCHEDULER,
  });
  const { output = process.stderr, every = 250, scheduler = asyncScheduler } = options;
  check('output', FREE, output, 'terminal');
  const { show, end } = redraws(output) ? onScreen(output, options) : inLog(output);
  used.add(output);
  const stalls: Stall[] = [];
  const draw = (last: boolean): void => {
    if (output.writable && (last || !output.writableNeedDrain)) show(monitor.snapshot(), stalls.splice(0), last);
  };
  const view = new Subscription(() => {
    process.off('exit', stop);
    used.delete(output);
    try {
      draw(true);
    } finally {
      end();
    }
  });
  const stop = (): void => view.unsubscribe();
  process.on('exit', stop); // what was done since the last picture is shown too
  view.add(monitor.stalls$?.subscribe({ next: (stall) => stalls.push(stall), error: () => undefined }));
  const timer = scheduler.schedule(function (this: SchedulerAction<unknown>) {
    draw(false);
    this.schedule(undefined, every);
  }, every);
  unref(timer);
  view.add(timer);
  return view;
}

interface Canvas {
  readonly show: (snapshot: Snapshot, stalls: readonly Stall[], last: boolean) => void;
  readonly end: () => void;
}

/** Redrawn in place. */
function onScreen(output: TerminalOutput, { width, colour = output.hasColors?.() ?? false }: TerminalOptions): Canvas {
  const screen = new Screen(output);
  let seen: readonly SeenStall[] = [];
  return {
    show: (snapshot, stalls) => {
      const { at } = snapshot;
      seen = [...seen, ...stalls.map(({ sentence }) => ({ sentence, at }))].slice(-SEEN);
      const { columns, rows } = sizeOf(output);
      const most = Math.max(1, columns - 1); // a full line makes some terminals begin another
      const size = { width: Math.min(width ?? most, most), height: Math.max(1, rows - 1) };
      screen.draw(frame(snapshot, { ...size, colour, stalls: seen }));
    },
    end: () => screen.end(),
  };
}

/** Line after line. */
function inLog(output: TerminalOutput): Canvas {
  const log = new Log((line) => output.write(`${line}\n`));
  return { show: (snapshot, stalls, last) => log.show(snapshot, stalls, last), end: () => undefined };
}

/** Stalls that are kept; the frame shows no more. */
const SEEN = 3;

/** Two would draw over each other. */
const used = new WeakSet<TerminalOutput>();

function redraws({ isTTY }: TerminalOutput): boolean {
  return isTTY === true && process.env['TERM'] !== 'dumb';
}

const MONITOR: Rule = [
  'a monitor',
  (value: Partial<ShownMonitor> | null | undefined) => typeof value?.snapshot === 'function',
];
const OUTPUT: Rule = ['a Writable', (value: Partial<TerminalOutput> | null) => typeof value?.write === 'function'];
const FREE: Rule = ['a stream that shows no other monitor', (value: TerminalOutput) => !used.has(value)];
