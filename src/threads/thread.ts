/** One thread. */
import { OptionError, ThreadError } from '../errors.js';
import { reportUnhandled } from '../flow/unhandled.js';
import type { PiscinaLike, RunOptions } from './piscina.js';

/** *alive*, and then dead: of itself, or by `end`. What Piscina starts in the place of a dead thread is not used. */
export class Thread<T, R> {
  private deaths = 0;

  /** @param piscina one of a single thread */
  constructor(private readonly piscina: PiscinaLike) {
    piscina.on('workerDestroy', () => this.deaths++);
    piscina.on('error', (error) => {
      if (this.deaths === 1) reportUnhandled(error); // between two calls, so that none of them fails with it
    });
  }

  get alive(): boolean {
    return this.deaths === 0;
  }

  async run(value: T, options: RunOptions): Promise<R> {
    try {
      return (await this.piscina.run(value, options)) as R;
    } catch (error) {
      throw this.alive ? named(error, options) : new ThreadError(copied(error));
    }
  }

  end(): Promise<void> {
    return this.piscina.destroy();
  }
}

/** Piscina's words for a file without the export do not say which. */
function named(error: unknown, { filename, name }: RunOptions): unknown {
  if (!(error instanceof Error && error.message === `No handler function exported from ${filename}`)) return error;
  return new OptionError('name', name, `\`threads\`: ${filename} exports no function \`${name}\``);
}

/**
 * Of what is no error of JavaScript's own Node copies nothing, or, since a later version, nothing but the stack: the one for a result that can
 * not be copied is such.
 */
function copied(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || Object.keys(error).length > 0) return error;
  if (error instanceof Error && error.message !== '') return error;
  return new Error(
    'it gave a result that can not be copied (functions can not, nor what holds them), or threw what can not be',
    { cause: error },
  );
}
