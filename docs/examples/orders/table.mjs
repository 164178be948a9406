// What the terminal shows.
// @ts-check

/** @param {string[][]} rows the first is the head; columns are as wide as they need to be, numbers to the right */
export function table(rows) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (/** @type {string[]} */ row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  const rule = widths.map((width) => '─'.repeat(width)).join('──');
  return [line(rows[0] ?? []), rule, ...rows.slice(1).map(line)].join('\n');
}

export const count = (/** @type {number} */ n) => Math.round(n).toLocaleString('en');

/** Prints the live figures: one line redrawn in place on a terminal, one line a second elsewhere. */
export class Live {
  #at = 0;
  /** @type {any} */
  #before;

  /** @param {string} name */
  constructor(name) {
    console.log(`\n${name}`);
    console.log('  in/s  accepted    429  waiting  in flight  sent/s   heap      p50      p99');
  }

  /** @param {any} report */
  show(report) {
    const now = Date.now();
    if (!this.#before) {
      this.#before = report;
      this.#at = now;
      return;
    }
    if (now - this.#at < 900) return;
    const seconds = (now - this.#at) / 1000;
    const rate = (/** @type {string} */ key) => (report[key] - this.#before[key]) / seconds;
    const cells = [
      count(rate('received')).padStart(6),
      count(report.accepted).padStart(9),
      count(report.refused).padStart(6),
      count(report.waiting).padStart(8),
      count(report.inFlight).padStart(10),
      count(rate('sent')).padStart(7),
      `${report.heap.toFixed(0)} MB`.padStart(6),
      `${count(report.p50)} ms`.padStart(8),
      `${count(report.p99)} ms`.padStart(8),
    ];
    this.#before = report;
    this.#at = now;
    if (process.stdout.isTTY) process.stdout.write(`\r${cells.join(' ')}`);
    else console.log(cells.join(' '));
  }

  end() {
    if (process.stdout.isTTY) console.log();
  }
}
