/** fast-check: loaded when a law is first checked, for all else in here does without it. */
import type * as FastCheck from 'fast-check';
import { MissingPackageError } from '../index.js';

/** Of the two only one is there in a CommonJS, or an ES, module. */
const HERE = typeof __filename === 'string' ? __filename : import.meta.url;

/** `require`, for `check` answers at once. Asked of the process, not imported: manual sources run in browsers too. */
export function loadFastCheck(laws: string = 'operatorLaws'): typeof FastCheck {
  try {
    const { createRequire } = process.getBuiltinModule('node:module');
    return createRequire(HERE)('fast-check') as typeof FastCheck;
  } catch (error) {
    throw new MissingPackageError('fast-check', '^4.0.0', laws, error);
  }
}
