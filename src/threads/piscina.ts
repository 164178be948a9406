/** The package that runs the threads: loaded when it is needed, and its types written down here, for it may not be installed. */
import { createRequire } from 'node:module';
import { MissingPackageError } from '../errors.js';

export interface RunOptions {
  readonly filename: string;
  /** The export. */
  readonly name: string;
  readonly transferList: readonly object[] | undefined;
}

export interface PiscinaLike {
  run(value: unknown, options: RunOptions): Promise<unknown>;
  destroy(): Promise<void>;
  on(event: 'workerDestroy', listener: () => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
}

export type PiscinaClass = new (options: object) => PiscinaLike;

/** Of the two only one is there in a CommonJS, or an ES, module. */
const HERE = typeof __filename === 'string' ? __filename : import.meta.url;

/** `require`, which both kinds of modules can, and which says at once if it is not there. */
export function loadPiscina(): PiscinaClass {
  try {
    return (createRequire(HERE)('piscina') as { Piscina: PiscinaClass }).Piscina;
  } catch (error) {
    throw new MissingPackageError('piscina', '^5.3.2', 'threads', error);
  }
}
