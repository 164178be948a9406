/** Where an error goes that happens when no stream is left to carry it. */
import { throwError } from 'rxjs';

/** Hands `error` to RxJS as an unhandled one: to `config.onUnhandledError`, or else it is thrown asynchronously. */
export function reportUnhandled(error: unknown): void {
  throwError(() => error).subscribe();
}
