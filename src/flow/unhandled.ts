/** Where an error goes that happens when no stream is left to carry it. */
import { throwError } from 'rxjs';

/** Hands `error` to RxJS as an unhandled one: to `config.onUnhandledError`, or else it is thrown asynchronously. */
export function reportUnhandled(error: unknown): void {
  throwError(() => error).subscribe();
}

/** Lets something go: what that throws is reported, so that the rest is let go too. */
export function guarded(letGo: () => void): void {
  try {
    letGo();
  } catch (error) {
    reportUnhandled(error);
  }
}
