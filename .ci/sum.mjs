/**
 * Adds up vitest's JSON reports: `node .ci/sum.mjs <steps that failed> <report> …` prints `N passed, N failed`, and
 * `, N skipped` where some were.
 */
import { existsSync, readFileSync } from 'node:fs';

const [failedSteps, ...paths] = process.argv.slice(2);
const reports = paths.filter((path) => existsSync(path)).map((path) => JSON.parse(readFileSync(path, 'utf8')));
const sum = (field) => reports.reduce((total, report) => total + report[field], 0);

const skipped = sum('numPendingTests') + sum('numTodoTests');
// A step can fail without a failed test: the lint, a file that can not be loaded, an error outside of any test.
const failed = Math.max(sum('numFailedTests'), Number(failedSteps));
console.log(`${sum('numPassedTests')} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
