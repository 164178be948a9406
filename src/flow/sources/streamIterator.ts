/** A web stream's reader as an async iterator: `for await` over a stream is not in every browser. */
import { SourceError } from '../../errors.js';

/** Reads `stream`; its lock is given back when it is over or let go. */
export function streamIterator<T>(stream: ReadableStream<T>): AsyncIterator<T> {
  let reader: ReadableStreamDefaultReader<T>;
  try {
    reader = stream.getReader();
  } catch (cause) {
    throw new SourceError('The ReadableStream is locked: something reads it already', cause);
  }
  return {
    next: async () => {
      let over = true;
      try {
        const result = await reader.read();
        over = result.done;
        return result as IteratorResult<T>;
      } finally {
        if (over) reader.releaseLock();
      }
    },
    return: async () => {
      // A stream that has ended or failed by itself a moment ago is over already: `cancel` would only answer so.
      const over = reader.closed.then(
        () => false,
        () => true,
      );
      try {
        await reader.cancel();
      } catch (error) {
        if (!(await over)) throw error;
      } finally {
        reader.releaseLock();
      }
      return { done: true, value: undefined };
    },
  };
}
