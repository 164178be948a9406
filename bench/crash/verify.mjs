// Whether what the logs say is what was promised.
// @ts-check
import { existsSync, readFileSync } from 'node:fs';

/** A lease of 2 s is extended when it is half over at the latest: in less than that, in nanoseconds, none runs out, also for one that stands still. */
const STALL = 1_000_000_000n;

/** A line that was being written at a kill may be cut off. @param {string} path */
const lines = (path) =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => line.split(' '))
    : [];

/**
 * @param {{ publishers: string[], consumers: string[], kills: Map<string, bigint> }} logs the paths of the logs, and when which life of a consumer was killed
 */
export function verify({ publishers, consumers, kills }) {
  /** @type {string[]} */
  const wrong = [];
  const acknowledged = new Set(publishers.flatMap(lines).map(([id = '']) => id));
  /** @type {Map<string, { life: string, at: bigint, key: string, number: number, done: boolean, ended: string | undefined }[]>} */
  const handlings = new Map();
  let begun = 0;
  let lost = 0;
  let afterKill = 0;
  let afterStall = 0;
  const events = consumers
    .flatMap(lines)
    .filter(([what]) => what !== 'error')
    .sort((a, b) => (BigInt(a[2] ?? 0) < BigInt(b[2] ?? 0) ? -1 : 1));
  for (const [, life, , text] of consumers.flatMap(lines).filter(([what]) => what === 'error'))
    wrong.push(`consumer ${life} ended with ${text}`);
  /** @type {Map<string, number>} */
  const latest = new Map();
  let outOfOrder = 0;
  for (const [what = '', life = '', time = '0', id = '', ...rest] of events) {
    const at = BigInt(time);
    const all = handlings.get(id) ?? [];
    handlings.set(id, all);
    const own = [...all].reverse().find((handling) => handling.life === life);
    if (what === 'begin') {
      begun++;
      const key = `${rest[0]} ${rest[1]}`;
      const number = Number(rest[2]);
      const before = all.at(-1);
      if (before?.ended === 'ack') wrong.push(`${id} came again after it was acknowledged`);
      // Not ended: its consumer was killed, or stood still for so long that its lease ran out.
      else if (before !== undefined && before.ended === undefined) {
        const killed = kills.get(before.life);
        if (killed !== undefined && killed <= at) afterKill++;
        else if (at - before.at >= STALL) afterStall++;
        else wrong.push(`${id} came again while consumer ${before.life} had it`);
      }
      if ((latest.get(key) ?? 0) > number) outOfOrder++;
      latest.set(key, number);
      all.push({ life, at, key, number, done: false, ended: undefined });
    } else if (own === undefined) {
      wrong.push(`${what} of ${id} without a beginning`);
    } else if (what === 'done') {
      own.done = true;
    } else {
      own.ended = rest[0] === 'settled' ? what : rest[0];
      if (rest[0] !== 'settled') lost++;
    }
  }
  const handled = (/** @type {string} */ id) => handlings.get(id)?.some(({ done }) => done) === true;
  const missing = [...acknowledged].filter((id) => !handled(id));
  const all = [...handlings.values()];
  const twice = all.filter((each) => each.filter(({ done }) => done).length > 1).length;
  if (missing.length > 0)
    wrong.push(`${missing.length} acknowledged messages were never handled: ${missing.slice(0, 5)}`);
  if (outOfOrder > 0) wrong.push(`${outOfOrder} messages came before an earlier one of their key`);
  return {
    acknowledged: acknowledged.size,
    handled: all.filter((each) => each.some(({ done }) => done)).length,
    deliveries: begun,
    retried: all.flat().filter(({ ended }) => ended === 'nack').length,
    redelivered: afterKill,
    handledTwice: twice,
    afterStall,
    leasesLost: lost,
    missing: missing.length,
    wrong,
  };
}
