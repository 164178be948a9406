import { PassThrough } from 'node:stream';
import { EMPTY, map, NEVER, Subject, timer } from 'rxjs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { boundedBuffer, OptionError, pool, pull } from 'sluice';
import { createMonitor, type Monitor, type Stall } from 'sluice/monitor';
import { VirtualTime } from 'sluice/testing';
import { terminal, type TerminalOptions, type TerminalOutput } from 'sluice/terminal';

/** What a terminal of so many columns shows of what is written to it: as much of one as a view needs. */
class Tty extends PassThrough implements TerminalOutput {
  isTTY = true;
  written = '';
  colours = false;

  constructor(
    public columns = 130,
    public rows = 24,
  ) {
    super({ encoding: 'utf8' });
    this.on('data', (text: string) => (this.written += text));
  }

  hasColors(): boolean {
    return this.colours;
  }

  /** Lines on the screen. Lines break at the columns that it has now, as in terminals that break them anew. */
  get screen(): string[] {
    const lines = [''];
    let row = 0;
    let column = 0;
    for (const [part] of this.written.matchAll(/\x1b\[\d*[A-Za-z]|[\r\n]|[^\x1b\r\n]/gu)) {
      const [, count, command] = /^\x1b\[(\d*)([A-Z])/.exec(part) ?? [];
      if (part === '\n') {
        lines[++row] ??= '';
        column = 0;
      } else if (part === '\r') column = 0;
      else if (command === 'A') row = Math.max(0, row - Number(count));
      else if (command === 'K') lines[row] = lines[row]!.slice(0, column);
      else if (command === 'J') {
        lines.length = row + 1;
        lines[row] = lines[row]!.slice(0, column);
      } else if (!part.startsWith('\x1b')) {
        lines[row] = lines[row]!.slice(0, column) + part + lines[row]!.slice(column + 1);
        column++;
      }
    }
    return lines;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(
  output: TerminalOutput,
  options: TerminalOptions = {},
): { time: VirtualTime; monitor: Monitor; end: () => void } {
  const time = new VirtualTime();
  const { scheduler } = time;
  const monitor = createMonitor({ scheduler, stallAfter: 2_000 });
  const view = terminal(monitor, { output, scheduler, ...options });
  onTestFinished(() => view.unsubscribe());
  return { time, monitor, end: () => view.unsubscribe() };
}

function work(time: VirtualTime, monitor: Monitor, count = Infinity): void {
  const { scheduler } = time;
  const numbers = function* (): Generator<number> {
    for (let n = 0; n < count; n++) yield n;
  };
  const subscription = pull(numbers())
    .pipe(
      boundedBuffer({ name: 'buffer', capacity: 4, monitor, scheduler }),
      pool((n: number) => timer(10, scheduler).pipe(map(() => n)), {
        name: 'work',
        concurrency: 2,
        monitor,
        scheduler,
      }),
    )
    .subscribe();
  onTestFinished(() => subscription.unsubscribe());
}

describe('on a terminal', () => {
  test('it is drawn in place, every 250 ms, and stays when it ends', async () => {
    const tty = new Tty();
    const { time, monitor, end } = setUp(tty);
    work(time, monitor);
    time.advanceBy(249);
    await turn();
    expect(tty.written).toBe('');
    time.advanceBy(2_000);
    end();
    await turn();
    expect(tty.screen.map((line) => line.trim().split(/ {2}/)[0])).toEqual([
      'stage',
      'buffer',
      '› work',
      expect.stringContaining('`work` limits: 2 of 2 workers busy'),
      expect.stringContaining('busy'),
      '', // where the cursor is
    ]);
    expect(tty.written.match(/stage/g)!.length).toBeGreaterThan(5);
    expect(tty.written).not.toContain('\x1b[?25l');
  });

  test('what others write goes above it, and whole lines stay whole', async () => {
    const tty = new Tty();
    const { time, monitor, end } = setUp(tty);
    work(time, monitor);
    for (let i = 1; i <= 3; i++) {
      time.advanceBy(300);
      tty.write(`line ${i}\n`);
      tty.write(Buffer.from(`and ${i}\n`));
      await turn(); // it is drawn again before the next picture is due
      await turn();
      expect(tty.screen.at(-2)).toContain('busy');
    }
    tty.write('half ');
    tty.write('a line');
    await turn();
    end();
    await turn();
    expect(tty.screen.slice(0, 8)).toEqual([
      'line 1',
      'and 1',
      'line 2',
      'and 2',
      'line 3',
      'and 3',
      'half a line',
      expect.stringContaining('stage'),
    ]);
    expect(tty.screen).toHaveLength(13);
    expect(Object.hasOwn(tty, 'write')).toBe(false);
  });

  test('a terminal that becomes narrower: it is drawn over all rows that it has now, with fewer columns', async () => {
    const tty = new Tty();
    const { time, monitor, end } = setUp(tty);
    work(time, monitor);
    time.advanceBy(300);
    await turn();
    const rows = tty.screen.slice(0, -1).reduce((sum, line) => sum + Math.ceil(line.length / 40), 0);
    tty.written = '';
    tty.columns = 40;
    end();
    await turn();
    expect(tty.written.startsWith(`\x1b[${rows}A\r`)).toBe(true);
    for (const line of tty.screen) expect(line.length).toBeLessThan(40);
  });

  test('colours where the terminal has them, or they are asked for', async () => {
    for (const [has, colour, expected] of [
      [true, undefined, true],
      [false, undefined, false],
      [true, false, false],
      [false, true, true],
    ] as const) {
      const tty = new Tty();
      tty.colours = has;
      const { time, monitor, end } = setUp(tty, { colour });
      work(time, monitor);
      time.advanceBy(300);
      end();
      await turn();
      expect(tty.written.includes('\x1b[1m')).toBe(expected);
    }
  });

  test('not while the stream is full', async () => {
    const tty = new Tty();
    tty.pause();
    const { time, monitor } = setUp(tty);
    work(time, monitor);
    tty.cork();
    while (!tty.writableNeedDrain) tty.write('x'.repeat(10_000));
    const { writableLength } = tty;
    time.advanceBy(1_000);
    expect(tty.writableLength).toBe(writableLength);
    tty.uncork();
    tty.resume();
    await turn();
  });

  test('a dumb terminal is written to as a log is', async () => {
    const { TERM } = process.env;
    process.env['TERM'] = 'dumb';
    onTestFinished(() => {
      if (TERM === undefined) delete process.env['TERM'];
      else process.env['TERM'] = TERM;
    });
    const tty = new Tty();
    const { time, monitor, end } = setUp(tty);
    work(time, monitor);
    time.advanceBy(300);
    end();
    await turn();
    expect(tty.written).not.toContain('\x1b');
  });
});

describe('elsewhere', () => {
  const log = (): Tty => Object.assign(new Tty(), { isTTY: false });

  test('a line every five seconds at most, when something has changed, and no escape sequences', async () => {
    const output = log();
    const { time, monitor, end } = setUp(output, { colour: true });
    work(time, monitor, 2_000); // 10 s of work
    time.advanceBy(60_000);
    end();
    await turn();
    const lines = output.written.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(3);
    expect(lines.length).toBeLessThanOrEqual(4);
    expect(lines[1]).toMatch(/^buffer \d+\/s, 4 of 4 held \| work \d+\/s, 2 of 2 running \| `work` limits: /);
    expect(output.written).not.toContain('\x1b');
  });

  test('each stall', async () => {
    const output = log();
    const { time, monitor, end } = setUp(output);
    const subscription = pull([1, 2])
      .pipe(pool(() => NEVER, { name: 'hangs\n', concurrency: 1, monitor, scheduler: time.scheduler }))
      .subscribe();
    time.advanceBy(3_000);
    subscription.unsubscribe();
    end();
    await turn();
    expect(output.written).toMatch(/^stall: `hangs\\n` has stood still for 2 s with 2 values/m);
  });

  test('a stream that was destroyed is left alone', () => {
    const output = log();
    const { time, monitor } = setUp(output);
    work(time, monitor);
    output.destroy();
    time.advanceBy(20_000);
    expect(output.written).toBe('');
  });
});

test('stalls stay in sight, with how long ago they were seen', async () => {
  const tty = new Tty(140);
  const time = new VirtualTime();
  const { scheduler } = time;
  const monitor = createMonitor({ scheduler });
  const stalls$ = new Subject<Stall>();
  const view = terminal({ snapshot: () => monitor.snapshot(), stalls$ }, { output: tty, scheduler });
  time.advanceBy(250);
  for (const n of [1, 2, 3, 4]) stalls$.next({ sentence: `stall ${n}` } as Stall);
  time.advanceBy(12_000);
  view.unsubscribe();
  await turn();
  expect(tty.screen.filter((line) => line.includes('stall'))).toEqual([2, 3, 4].map((n) => `12 s ago: stall ${n}`));
  expect(stalls$.observed).toBe(false);
});

test('one view for each output', () => {
  const output = new Tty();
  const { monitor, end } = setUp(output);
  expect(() => terminal(monitor, { output })).toThrow(OptionError);
  end();
  terminal(monitor, { output }).unsubscribe();
});

test('it keeps no process alive, and leaves no listener', () => {
  const before = process.listenerCount('exit');
  const timers = vi.spyOn(globalThis, 'setInterval');
  onTestFinished(() => timers.mockRestore());
  const view = terminal(createMonitor(), { output: new Tty() });
  expect(timers.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())).toEqual([false]);
  view.unsubscribe();
  expect(process.listenerCount('exit')).toBe(before);
});

test('wrong options', () => {
  const monitor = createMonitor();
  const wrong: object[] = [
    { output: 1 },
    { every: 0 },
    { width: 0 },
    { colour: 'red' },
    { scheduler: {} },
    { evry: 1 },
  ];
  for (const options of wrong) expect(() => terminal(monitor, options)).toThrow(OptionError);
  expect(() => terminal(EMPTY as never)).toThrow(/Expected `monitor` to be a monitor/);
});
