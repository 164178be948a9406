/** Quick forms of the bars of bench/control/retries.mjs. */
import { retryBars } from '../../bench/control/retries.mjs';
import { hold } from './bars.js';

hold(retryBars([1], { end: 60_000, scale: 0.1 }).bars);
