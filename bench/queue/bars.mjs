// What queues and stores are to reach, and whether they do.
// @ts-check

/** @typedef {{ what: string, target: string, measured: string, met: boolean }} Bar */

const times = (/** @type {number} */ ratio) => `${ratio.toFixed(2)}×`;
/** @param {string} what @param {number} ratio @param {number} least @returns {Bar} */
const atLeast = (what, ratio, least) => ({ what, target: `≥ ${least}×`, measured: times(ratio), met: ratio >= least });
/** @param {string} what @param {number} value @param {number} most @param {string} unit @returns {Bar} */
const atMost = (what, value, most, unit) => ({
  what,
  target: `≤ ${most} ${unit}`,
  measured: `${value.toFixed(2)} ${unit}`,
  met: value <= most,
});

/** The bars of the parts that were measured. @param {any} r @returns {Bar[]} */
export function barsOf({ publish, consume, both, jobs, backlog, idle, wake, memory, crash }) {
  /** @type {Bar[]} */
  const bars = [];
  if (publish !== undefined)
    bars.push(
      atLeast(
        'SQLite: 64 concurrent awaiting publishers, against raw inserts, 64 a transaction',
        publish['64 publishers'].rate / publish['raw, 64 a transaction'].rate,
        0.5,
      ),
      atLeast(
        'SQLite: `publishMany` of 1,000, against raw inserts, 1,000 a transaction',
        publish['publishMany of 1,000'].rate / publish['raw, 1,000 a transaction'].rate,
        0.6,
      ),
    );
  if (consume !== undefined)
    bars.push(
      atLeast(
        'SQLite: take, handle, ack, against raw select and delete, 100 a transaction',
        consume['take, handle, ack'].rate / consume['raw, 100 a transaction'].rate,
        0.5,
      ),
    );
  for (const [where, { published, handled }] of Object.entries(both ?? {}))
    bars.push(
      atLeast(
        `SQLite: publishers and a consumer at once, ${where}: the slower side against the faster`,
        Math.min(published, handled) / Math.max(published, handled),
        0.25,
      ),
    );
  for (const shape of ['bulk', 'steady'])
    for (const [peer, { rate }] of Object.entries(jobs?.[shape] ?? {}))
      if (!peer.startsWith('sluice'))
        bars.push(
          atLeast(`Jobs a second against ${peer}, ${SHAPES[shape]}`, jobs[shape]['sluice, normal'].rate / rate, 5),
        );
  for (const by of ['sqlite', 'memory']) {
    const lengths = Object.entries(backlog ?? {}).filter(([name]) => name.startsWith(by));
    const [[, short] = [], [name, long] = []] = lengths;
    if (short === undefined || long === undefined) continue;
    const length = Number(name?.split(', ')[1]).toLocaleString('en');
    bars.push(atLeast(`${by}: rate with a backlog of ${length}, against 1,000`, long.rate / short.rate, 0.85));
    if (by === 'sqlite')
      bars.push(
        atMost(`${by}: heap with a backlog of ${length}, more than with 1,000`, long.heap - short.heap, 10, 'MB'),
      );
  }
  for (const by of ['sqlite', 'memory'])
    if (idle !== undefined)
      bars.push({
        ...atMost(`${by}: processor of a consumer that waits`, idle[by].percent, 0.5, '%'),
        target: '< 0.5 %',
      });
  for (const [where, { p99 }] of Object.entries(wake ?? {}))
    bars.push(atMost(`Wake-up of a consumer that waits, p99: ${where}`, p99, where.includes('another') ? 20 : 2, 'ms'));
  if (memory !== undefined) {
    const [[name, best] = ['', { rate: 0 }]] = Object.entries(memory)
      .filter(([shape]) => shape.endsWith('small object'))
      .sort(([, a], [, b]) => b.rate - a.rate);
    const measured = `${(best.rate / 1e6).toFixed(2)} M/s`;
    const what = `memory: publish, handle, ack (${name})`;
    bars.push({ what, target: '≥ 1 M/s', measured, met: best.rate >= 1e6 });
  }
  if (crash !== undefined)
    bars.push({
      what: `${crash.kills} SIGKILLs: acknowledged messages that were lost`,
      target: '0',
      measured: String(crash.missing),
      met: crash.missing === 0 && crash.wrong.length === 0,
    });
  return bars;
}

/** @type {Record<string, string>} */
const SHAPES = { bulk: 'enqueued, then worked off', steady: 'enqueued while worked off' };
