import type { Limiter } from '../limiter.js';
import type { TokenBucket } from './tokenBucket.js';

const warned = new Set<string>();

/** Warns, once, of a burst so small that a late event loop loses rate. */
export function warnOfLag({ burst, safeBurst = 0 }: Limiter & Partial<TokenBucket>): void {
  if (burst >= safeBurst) return;
  const message =
    `sluice: a burst of ${burst} is less than the ${safeBurst} tokens that come in 50 ms: when the event loop is late ` +
    "by more than the burst lasts, the rate will not be reached. Raise `burst`, or use mode: 'paced'.";
  if (warned.has(message)) return;
  warned.add(message);
  console.warn(message);
}
