/** How long a message waits before it comes again: `handle` and queues say it alike. */
export { redeliveryDelay } from '../delivery/redeliveryDelay.js';
