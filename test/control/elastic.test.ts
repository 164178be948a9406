/** Quick forms of the bars of bench/control/elastic.mjs. */
import { elasticBars } from '../../bench/control/elastic.mjs';
import { hold } from './bars.js';

hold(elasticBars([1]).bars);
