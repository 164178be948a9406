// Virtual time for simulations: events in the order of their times, a scheduler for the operators, and random numbers from a seed.
import { Subscription } from 'rxjs';

/** @typedef {{ time: number, order: number, action: () => void }} Event */

export class Simulation {
  time = 0;
  /** @type {Event[]} A heap, the next event first. */
  #events = [];
  #order = 0;
  #random;

  /** @param {number} seed */
  constructor(seed) {
    this.#random = generator(seed);
  }

  /** What operators take as `scheduler`. @type {import('rxjs').SchedulerLike} */
  scheduler = {
    now: () => this.time,
    schedule: (/** @type {any} */ work, /** @type {any} */ delay = 0, /** @type {any} */ state) => {
      const subscription = new Subscription();
      this.after(delay, () => {
        if (!subscription.closed) work.call(subscription, state);
      });
      return subscription;
    },
  };

  /** Does `action` in `delay` ms. @param {number} delay @param {() => void} action */
  after(delay, action) {
    this.#push({ time: this.time + delay, order: this.#order++, action });
  }

  /** Does `action` every `ms`. @param {number} ms @param {() => void} action */
  every(ms, action) {
    this.after(ms, () => {
      action();
      this.every(ms, action);
    });
  }

  /** Arrivals at random, `rate` of them a second; `rate` may change. @param {() => number} rate @param {() => void} arrive */
  arrivals(rate, arrive) {
    this.after(this.exponential(1_000 / rate()), () => {
      arrive();
      this.arrivals(rate, arrive);
    });
  }

  /** Moves on until `time`. @param {number} time */
  runUntil(time) {
    while (this.step(time));
  }

  /** Moves on to the next event, or to `time` if there is none before; whether there was one. @param {number} time */
  step(time) {
    const next = this.#events[0];
    if (next === undefined || next.time > time) {
      this.time = time;
      return false;
    }
    this.time = next.time;
    this.#pop().action();
    return true;
  }

  random = () => this.#random();

  /** @param {number} mean */
  exponential(mean) {
    return -mean * Math.log(1 - this.#random());
  }

  /** @param {number} mean @param {number} variation standard deviation over mean */
  lognormal(mean, variation) {
    const variance = Math.log(1 + variation ** 2);
    const normal = Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
    return mean * Math.exp(Math.sqrt(variance) * normal - variance / 2);
  }

  /** @param {Event} event */
  #push(event) {
    const heap = this.#events;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(event, /** @type {Event} */ (heap[parent]))) break;
      heap[i] = /** @type {Event} */ (heap[parent]);
      i = parent;
    }
    heap[i] = event;
  }

  #pop() {
    const heap = this.#events;
    const first = /** @type {Event} */ (heap[0]);
    const last = /** @type {Event} */ (heap.pop());
    if (heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, /** @type {Event} */ (heap[child]))) child++;
      if (!before(/** @type {Event} */ (heap[child]), last)) break;
      heap[i] = /** @type {Event} */ (heap[child]);
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

/** @param {Event} a @param {Event} b */
function before(a, b) {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}

/** mulberry32. @param {number} seed */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param {number[]} values @param {number} part */
export function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
}

/** @param {number[]} values */
export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
