/** One thread. */
import { ThreadError } from '../errors.js';
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
      throw this.alive ? error : new ThreadError(error);
    }
  }

  end(): Promise<void> {
    return this.piscina.destroy();
  }
}
