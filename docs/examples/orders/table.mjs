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

/** The figures of each class and of the pools: a table redrawn in place on a terminal, one line a second elsewhere. */
export class ClassTable {
  #at = 0;
  /** Lines on the terminal that are to be drawn over. */
  #lines = 0;
  /** @type {any} */
  #before;

  /** @param {string[]} classes */
  constructor(classes) {
    this.classes = classes;
  }

  /** @param {any} report */
  show(report) {
    const now = Date.now();
    if (now - this.#at < 900) return;
    const before = this.#before;
    const seconds = (now - this.#at) / 1000;
    this.#at = now;
    this.#before = report;
    if (!before) return;
    const rate = (/** @type {string} */ name, /** @type {string} */ key) =>
      count((report.classes[name][key] - before.classes[name][key]) / seconds);
    const dropped = (/** @type {string} */ name, /** @type {string} */ reason) =>
      count(report.classes[name].shed[reason] ?? 0);
    const held = (/** @type {string} */ stage) =>
      count(report.ledgers.find((/** @type {any} */ ledger) => ledger.stage === stage)?.held ?? 0);
    const pools = `admission ${held('admission')} waiting   invoices ${held('invoices')}   mail ${report.mailing} of ${report.mailPool}   sms ${held('sms')}`;
    if (!process.stdout.isTTY) {
      const cells = this.classes.map((name) => `${name} ${rate(name, 'received')}/${rate(name, 'done')}`);
      return console.log(`${cells.join('  ')}   ${pools}`);
    }
    const rows = this.classes.map((name) => [
      name,
      ...['received', 'done'].map((key) => rate(name, key)),
      ...['evicted', 'overflow', 'expired'].map((reason) => dropped(name, reason)),
    ]);
    const text = `${table([['', 'in/s', 'done/s', 'evicted', 'no room', 'too old'], ...rows])}\n${pools}`;
    if (this.#lines > 0) process.stdout.write(`\x1b[${this.#lines}A\x1b[J`);
    console.log(text);
    this.#lines = text.split('\n').length;
  }

  /** Says something between the figures. @param {string} text */
  note(text) {
    console.log(text);
    this.#lines = 0;
  }

  end() {
    this.#lines = 0;
  }
}
