/** Quick forms of the bars of bench/control/rate.mjs. */
import { rateBars } from '../../bench/control/rate.mjs';
import { hold } from './bars.js';

hold((await rateBars([1], { operations: 50_000, seconds: 1, tokens: 300_000, waits: 300 })).bars);
