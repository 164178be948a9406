// Customers who post an order each, and remember which were accepted.
// @ts-check
import { setTimeout } from 'node:timers/promises';

/**
 * Posts orders at an even rate, so long as `going` says, and returns the numbers of those that were answered 202.
 *
 * @param {{ port: number, rate: number, going: () => boolean, order: () => { id: number } }} load
 */
export async function post({ port, rate, going, order }) {
  /** @type {number[]} */
  const accepted = [];
  let refused = 0;
  let unanswered = 0;
  const send = async () => {
    const body = order();
    try {
      const response = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: JSON.stringify(body) });
      await response.arrayBuffer();
      if (response.status === 202) accepted.push(body.id);
      else refused++;
    } catch {
      unanswered++; // the service was killed: the order may be on disk or not
    }
  };
  const open = new Set();
  const started = performance.now();
  for (let sent = 0; going();) {
    for (const due = ((performance.now() - started) * rate) / 1_000; sent < due; sent++) {
      const sending = send().finally(() => open.delete(sending));
      open.add(sending);
    }
    await setTimeout(5);
  }
  await Promise.all(open);
  return { accepted, refused, unanswered };
}
