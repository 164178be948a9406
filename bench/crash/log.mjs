// What a process of the crash proof writes down before it goes on: a line that was written survives the process, whatever kills it.
// @ts-check
import { openSync, writeSync } from 'node:fs';

/** Nanoseconds by the clock that all processes of a machine share. */
export const now = () => process.hrtime.bigint();

/** @param {string} path */
export function log(path) {
  const file = openSync(path, 'a');
  return (/** @type {(string | number | bigint)[]} */ ...facts) => void writeSync(file, `${facts.join(' ')}\n`);
}
