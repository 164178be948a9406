/** Draws a picture at the end of what a terminal shows, and over it again; what others write goes above it. */
import { widthOf } from './text.js';

/** Where it is shown: `process.stderr`, or a stream like it. */
export interface TerminalOutput extends NodeJS.WritableStream {
  /** Whether it is a terminal. */
  readonly isTTY?: boolean | undefined;
  /** How large that is. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  readonly writableNeedDrain?: boolean | undefined;
  /** Whether it has colours; Node's answer heeds `NO_COLOR`, `FORCE_COLOR` and `TERM`. */
  hasColors?(): boolean;
}

type Write = (...args: unknown[]) => boolean;

/**
 * States: *clear* (nothing of ours is on the screen) → *drawn* (the cursor is at the start of the line below the picture) → clear, as soon
 * as anybody else writes; then the picture is drawn again once the current turn has ended. The cursor is never hidden, so there is nothing to
 * put right when the process ends, however it ends.
 */
export class Screen {
  private drawn: readonly string[] = [];
  /** How wide the terminal was when it was drawn. */
  private drawnAt = 0;
  private latest = '';
  /** What others wrote has not ended its line. */
  private midLine = false;
  private again: NodeJS.Immediate | undefined;
  private readonly write: Write;
  private readonly restore: (() => void)[];

  constructor(private readonly output: TerminalOutput) {
    this.write = output.write.bind(output) as Write;
    this.restore = sharing(output).map((stream) => wrapWrite(stream, (chunk) => this.makeWay(chunk)));
  }

  draw(picture: string): void {
    this.latest = picture;
    const { columns } = this;
    const lines = picture.split('\n');
    if (this.drawn.join('\n') === picture && this.drawnAt === columns) return;
    const start = this.midLine ? '\n' : this.home();
    this.midLine = false;
    this.write(`${start}${lines.map((line) => `${line}${END_OF_LINE}\n`).join('')}${END_OF_SCREEN}`);
    this.drawn = lines;
    this.drawnAt = columns;
  }

  /** Leaves the picture where it is, and the screen to others. */
  end(): void {
    clearImmediate(this.again);
    for (const restore of this.restore) restore();
  }

  /** Somebody else is about to write. */
  private makeWay(chunk: unknown): void {
    if (this.drawn.length > 0) this.write(this.home() + END_OF_SCREEN);
    this.drawn = [];
    const text = typeof chunk === 'string' ? chunk : chunk instanceof Uint8Array ? Buffer.from(chunk).toString() : '';
    if (text !== '') this.midLine = !text.endsWith('\n');
    if (this.midLine || this.again !== undefined) return;
    this.again = setImmediate(() => {
      this.again = undefined;
      if (!this.midLine) this.draw(this.latest);
    }).unref();
  }

  /** Takes the cursor to the start of the picture. A terminal that became narrower has broken its lines meanwhile. */
  private home(): string {
    const { columns } = this;
    const rows = this.drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
    return rows === 0 ? '' : `\x1b[${rows}A\r`;
  }

  private get columns(): number {
    return sizeOf(this.output).columns;
  }
}

/** Some terminals say that they have no columns. */
export function sizeOf({ columns = 0, rows = 0 }: TerminalOutput): { columns: number; rows: number } {
  return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
}

const END_OF_LINE = '\x1b[K';
const END_OF_SCREEN = '\x1b[J';

/** The streams that write to the same terminal. */
function sharing(output: TerminalOutput): TerminalOutput[] {
  const standard: TerminalOutput[] = [process.stdout, process.stderr];
  return standard.includes(output) ? standard.filter(({ isTTY }) => isTTY) : [output];
}

/** Calls `before` with what is written to `stream`, until the function returned is called. */
function wrapWrite(stream: TerminalOutput, before: (chunk: unknown) => void): () => void {
  const own = Object.getOwnPropertyDescriptor(stream, 'write');
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its stream, and put back as it was
  const write = stream.write as Write;
  let stopped = false;
  const wrapped: Write = (...args) => {
    if (!stopped) before(args[0]);
    return write.apply(stream, args);
  };
  stream.write = wrapped;
  return () => {
    stopped = true;
    if ((stream.write as Write) !== wrapped) return; // somebody has wrapped it in turn
    if (own === undefined) Reflect.deleteProperty(stream, 'write');
    else Object.defineProperty(stream, 'write', own);
  };
}
