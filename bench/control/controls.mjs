// Rules that others use, as what is to miss the bars: otherwise the bars would not say much.

/** @typedef {import('../../dist/index.js').ConcurrencyRule} Rule */

/**
 * Kubernetes' Horizontal Pod Autoscaler on the depth of a queue: as many workers as values wait, within a tenth as it is, twice as many or 4
 * more at most in a look, fewer only by the highest recommendation of the last while.
 *
 * @param {{ min: number, max: number, every: number, stabilise: number }} options
 * @returns {Rule}
 */
export function hpaOnDepth({ min, max, every, stabilise }) {
  return {
    max,
    attach(pool) {
      let workers = min;
      let looking = false;
      /** @type {{ at: number, wanted: number }[]} */
      let recent = [];
      const look = () => {
        looking = true;
        const { now, waiting } = pool.figures();
        const ratio = waiting / workers;
        const wanted = Math.abs(ratio - 1) <= 0.1 ? workers : Math.max(min, Math.min(max, waiting));
        recent = [...recent.filter(({ at }) => now - at <= stabilise), { at: now, wanted }];
        const highest = Math.max(...recent.map((it) => it.wanted));
        workers = wanted > workers ? Math.min(wanted, workers + Math.max(4, workers)) : Math.min(workers, highest);
        pool.resize(workers);
        pool.lookIn(every);
      };
      pool.resize(workers);
      return { look, arrived: () => looking || look(), started() {}, ended() {}, failed() {} };
    },
  };
}

/**
 * Netflix's Gradient2 in windows of 1 s and ten calls, with its defaults: the limit follows the time of calls over its own long average.
 *
 * @param {{ min: number, max: number }} options
 * @returns {Rule}
 */
export function gradient2({ min, max }) {
  return {
    max,
    attach(pool) {
      let limit = min;
      let windowAt = 0;
      /** @type {number[]} */
      let times = [];
      let peak = 0;
      let [long, warm] = [0, 0];
      const update = (/** @type {number} */ now) => {
        const short = times.reduce((sum, time) => sum + time, 0) / times.length;
        // An average over 600 windows that begins with the mean of the first ten.
        if (++warm <= 10) long += (short - long) / warm;
        else long += (short - long) * (2 / 601);
        if (long / short > 2) long *= 0.95;
        if (peak >= limit / 2) {
          const gradient = Math.max(0.5, Math.min(1, (1.5 * long) / short));
          limit = Math.max(min, Math.min(max, 0.8 * limit + 0.2 * (limit * gradient + 4)));
        }
        [times, peak, windowAt] = [[], 0, now];
        pool.resize(Math.floor(limit));
      };
      pool.resize(min);
      return {
        look() {},
        arrived() {},
        started: (slot) => void (slot.startedAt = pool.now()),
        ended(slot) {
          if (slot.startedAt < 0) return;
          const { now, running } = pool.figures();
          times.push(now - slot.startedAt);
          peak = Math.max(peak, running);
          slot.startedAt = -1;
          if (times.length >= 10 && now - windowAt >= 1_000) update(now);
        },
        failed: (slot) => void (slot.startedAt = -1),
      };
    },
  };
}
