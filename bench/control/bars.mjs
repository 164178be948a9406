// What a bar is: what is measured, the figure, its limit and the verdict.

/** @typedef {typeof import('../../src/index.ts')} Sluice */
/** @typedef {{ bar: string, figure: string, limit: string, verdict: 'ok' | 'missed' }} Bar */

/** @param {string} bar @param {number} figure @param {number} limit @param {string} unit @returns {Bar} */
export function atLeast(bar, figure, limit, unit = '') {
  return {
    bar,
    figure: text(figure, unit),
    limit: `≥ ${text(limit, unit)}`,
    verdict: figure >= limit ? 'ok' : 'missed',
  };
}

/** @param {string} bar @param {number} figure @param {number} limit @param {string} unit @returns {Bar} */
export function atMost(bar, figure, limit, unit = '') {
  return {
    bar,
    figure: text(figure, unit),
    limit: `≤ ${text(limit, unit)}`,
    verdict: figure <= limit ? 'ok' : 'missed',
  };
}

/** @param {number} figure @param {string} unit */
function text(figure, unit) {
  return `${Math.round(figure * 1_000) / 1_000} ${unit}`.trim();
}

/** The library as it was built, for runs that are not given its sources. @returns {Promise<Sluice>} */
export const built = () => import(/** @type {any} */ ('../../dist/index.js'));
