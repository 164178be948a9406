// A bar is a figure with the number that it is to reach: `limit` where it may not be more, `least` where it may not be less.

/** @typedef {typeof import('../../src/index.ts')} Sluice */
/** @typedef {{ bar: string, figure: number, limit?: number, least?: number, unit?: string }} Bar */

/** @param {string} bar @param {number} figure @param {number} least @param {string} unit @returns {Bar} */
export const atLeast = (bar, figure, least, unit = '') => ({ bar, figure, least, unit });

/** @param {string} bar @param {number} figure @param {number} limit @param {string} unit @returns {Bar} */
export const atMost = (bar, figure, limit, unit = '') => ({ bar, figure, limit, unit });

/**
 * Lines in panels one above the other, with one x axis: what a model gives for a chart.
 * @typedef {{ name: string, x: number, y: number | undefined }} Point `name` is the line it is on
 * @typedef {{ y: string, log?: boolean, values: Point[] }} Panel
 * @typedef {{ name: string, title: string, x: string, logX?: boolean, ticks?: number, reference?: string, panels: Panel[] }} Figure `reference` is a line that is dashed
 */

/** @param {Bar} bar */
export function met({ figure, limit = Infinity, least = -Infinity }) {
  return figure <= limit && figure >= least;
}

/** The figure and its limit as text. @param {Bar} bar */
export function shown({ figure, limit, least, unit = '' }) {
  const bound = limit === undefined ? `≥ ${number(/** @type {number} */ (least))}` : `≤ ${number(limit)}`;
  return [`${number(figure)} ${unit}`.trim(), `${bound} ${unit}`.trim()];
}

/** What `console.table` is to show. @param {readonly Bar[]} bars */
export const rows = (bars) =>
  bars.map((bar) => {
    const [figure, bound] = shown(bar);
    return { bar: bar.bar, figure, bound, verdict: met(bar) ? 'met' : 'MISSED' };
  });

/** @param {number} value */
function number(value) {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(0);
  return value.toLocaleString('en', { maximumFractionDigits: Math.abs(value) < 10 ? 4 : 1 });
}

/** @template T @param {readonly T[]} rows @param {(row: T) => number} of */
export const worst = (rows, of) => Math.max(...rows.map(of));

/** @template T @param {readonly T[]} rows @param {(row: T) => number} of */
export const least = (rows, of) => Math.min(...rows.map(of));

/** What of `list` came in a span of time. @template {{ readonly at: number }} T @param {readonly T[]} list @param {number} from @param {number} to */
export const between = (list, from, to) => list.filter(({ at }) => at >= from && at < to);

/** The library as it was built, for runs that are not given its sources. @returns {Promise<Sluice>} */
export const built = () => import(/** @type {any} */ ('../../dist/index.js'));
