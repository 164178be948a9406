/** What becomes of an error of a stream that was given up. */
import type { Readable, Writable } from 'node:stream';

/** Keeps an error that is still to come from being uncaught, until the stream is closed. */
export function ignoreErrors(stream: Readable | Writable): void {
  if (stream.listenerCount('error') > 0) return; // somebody looks after it
  const ignore = (): void => undefined;
  stream.on('error', ignore).once('close', () => stream.off('error', ignore));
}
