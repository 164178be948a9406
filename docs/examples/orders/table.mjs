// What the terminal shows.
// @ts-check
import { terminal } from 'sluice/terminal';

/** @param {string[][]} rows the first is the head; columns are as wide as they need to be, numbers to the right */
export function table(rows) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (/** @type {string[]} */ row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  const rule = widths.map((width) => '─'.repeat(width)).join('──');
  return [line(rows[0] ?? []), rule, ...rows.slice(1).map(line)].join('\n');
}

export const count = (/** @type {number} */ n) => Math.round(n).toLocaleString('en');

/** What the stages of another process do, from the snapshots that it sends: below all else on a terminal, not at all elsewhere. */
class Stages {
  /** @type {import('sluice/monitor').Snapshot | undefined} */
  #latest;
  /** @type {import('rxjs').Subscription | undefined} */
  #view;

  /** @param {import('sluice/monitor').Snapshot | undefined} snapshot */
  show(snapshot) {
    if (!process.stdout.isTTY || !snapshot) return;
    this.#latest = snapshot;
    this.#view ??= terminal({ snapshot: () => this.#latest ?? snapshot }, { output: process.stdout });
  }

  end() {
    this.#view?.unsubscribe();
  }
}

/** Prints the live figures: one line a second. */
export class Live {
  #stages = new Stages();
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
    this.#stages.show(report.snapshot);
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
    console.log(cells.join(' '));
  }

  end() {
    this.#stages.end();
  }
}

/** The figures of each class and of the pools: one line a second. */
export class ClassTable {
  #stages = new Stages();
  #at = 0;
  /** @type {any} */
  #before;

  /** @param {string[]} classes */
  constructor(classes) {
    this.classes = classes;
  }

  /** @param {any} report */
  show(report) {
    this.#stages.show(report.snapshot);
    const now = Date.now();
    if (now - this.#at < 900) return;
    const before = this.#before;
    const seconds = (now - this.#at) / 1000;
    this.#at = now;
    this.#before = report;
    if (!before) return;
    const rate = (/** @type {string} */ name, /** @type {string} */ key) =>
      count((report.classes[name][key] - before.classes[name][key]) / seconds);
    const stage = (/** @type {string} */ name) =>
      report.snapshot.stages.find((/** @type {any} */ stage) => stage.stage === name);
    const held = (/** @type {string} */ name) => count(stage(name).held);
    const { running, concurrency } = stage('mail').pool ?? { running: 0, concurrency: 0 };
    const pools = `admission ${held('admission')} waiting   invoices ${held('invoices')}   mail ${running} of ${concurrency}   sms ${held('sms')}`;
    const cells = this.classes.map((name) => `${name} ${rate(name, 'received')}/${rate(name, 'done')}`);
    console.log(`${cells.join('  ')}   ${pools}`);
  }

  end() {
    this.#stages.end();
  }
}
