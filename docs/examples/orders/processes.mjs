// Processes of the example, and the load on them.
// @ts-check
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();
process.on('SIGINT', () => {
  for (const child of children) child.kill();
  process.exit(130);
});

/** @param {string} file @param {(string | number)[]} args */
export function start(file, ...args) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(path, args.map(String), { serialization: 'advanced' }); // Infinity stays what it is
  children.add(child);
  child.on('exit', () => children.delete(child));
  return child;
}

/** Lets processes end by themselves. @param {import('node:child_process').ChildProcess[]} ending */
export async function end(...ending) {
  for (const child of ending) child.disconnect();
  await Promise.all(ending.map((child) => child.exitCode ?? once(child, 'exit')));
}

/** @param {import('node:child_process').ChildProcess} child @param {string} key @returns {Promise<any>} the next message that has `key` */
export async function message(child, key) {
  for (;;) {
    const [received] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`a process ended with ${code}`))),
    ]);
    if (key in received) return received[key];
  }
}

/** autocannon sends what it may in a second at once: several of them, in turn, make it even. */
const LOADS = 10;

/**
 * Posts orders at an even rate.
 *
 * @param {{ port: number, rate: number, seconds: number, connections: number, order: () => object }} load
 */
export async function postOrders({ port, rate, seconds, connections, order }) {
  const part = async (/** @type {number} */ delay) => {
    await setTimeout(delay);
    await autocannon({
      url: `http://127.0.0.1:${port}`,
      connections: Math.ceil(connections / LOADS),
      overallRate: rate / LOADS,
      duration: seconds,
      requests: [
        {
          method: 'POST',
          path: '/orders',
          setupRequest: (request) => ({ ...request, body: JSON.stringify(order()) }),
        },
      ],
    });
  };
  await Promise.all(Array.from({ length: LOADS }, (_, i) => part((i * 1_000) / LOADS)));
}
