/** What the threads of the tests run. */
import { threadId } from 'node:worker_threads';
import { move, workerData } from 'piscina';

/** Calls that hold a CPU until the counter in `shared` is above 0, having counted themselves in the cell after that. */
export function hold({ shared, value }) {
  const cells = new Int32Array(shared);
  Atomics.add(cells, 1, 1);
  Atomics.notify(cells, 1);
  Atomics.wait(cells, 0, 0);
  return value;
}

export default function work({ what, value }) {
  switch (what) {
    case 'double':
      return value * 2;
    case 'thread':
      return threadId;
    case 'data':
      return workerData;
    case 'throw':
      throw new RangeError(`no ${value}`);
    case 'throw if full':
      if (value.byteLength > 0) throw new RangeError('full');
      return 'empty';
    case 'reject':
      return Promise.reject(new TypeError(`rejected ${value}`));
    case 'exit':
      return process.exit(value);
    case 'never':
      for (;;); // not even a message gets through
    case 'stuck':
      return new Promise(() => undefined);
    case 'die':
      queueMicrotask(() => {
        throw new Error('outside of the call');
      });
      return new Promise(() => undefined);
    case 'die later':
      setImmediate(() => {
        throw new Error('after the call');
      });
      return 'done';
    case 'die when told': {
      const told = new Int32Array(value);
      setInterval(() => {
        if (Atomics.load(told, 0) > 0) throw new Error('after the call');
      }, 1);
      return 'done';
    }
    case 'turn':
      return new Promise((resolve) => setImmediate(() => setImmediate(resolve, 'turned')));
    case 'bytes':
      return move(new Uint8Array(value));
    case 'length':
      return value.byteLength;
    case 'memory': {
      const kept = [];
      for (;;) kept.push(new Array(100_000).fill(kept.length));
    }
    case 'function':
      return () => 'a function can not be copied';
  }
}
