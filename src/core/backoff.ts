/** How long to wait before another attempt: functions of the attempt (from 1), the wait before it, and a source of random numbers. */

/** Milliseconds to wait after attempt number `attempt`, having waited `previous` before that. */
export type Delay = (attempt: number, previous: number, random: () => number) => number;

export function exponential(options: {
  readonly base: number;
  readonly max: number;
  readonly factor: number;
  readonly jitter: 'full' | 'equal' | 'none';
}): Delay {
  const { base, max, factor, jitter } = options;
  return (attempt, _previous, random) => {
    const whole = Math.min(max, base * factor ** (attempt - 1));
    if (jitter === 'none') return whole;
    return jitter === 'full' ? random() * whole : whole / 2 + random() * (whole / 2);
  };
}

/** Between `base` and three times the wait before. */
export function decorrelated({ base, max }: { readonly base: number; readonly max: number }): Delay {
  return (_attempt, previous, random) => {
    const longest = Math.max(base, 3 * previous);
    return Math.min(max, base + random() * (longest - base));
  };
}

export function fixed(ms: number): Delay {
  return () => ms;
}
