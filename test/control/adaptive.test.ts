/** Quick forms of the bars of bench/control/adaptive.mjs. */
import { describe } from 'vitest';
import { adaptiveBars } from '../../bench/control/adaptive.mjs';
import { hold } from './bars.js';

const quick = { long: 4 * 60_000, loads: [3] };
const byTarget = { ...quick, places: [20], latencyTarget: 75, settles: 11_000 };

describe('by what calls take idle', () => hold(adaptiveBars([1], quick).bars));
describe('by a latency target', () => hold(adaptiveBars([1], byTarget).bars));
