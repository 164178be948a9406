/** Node streams as sources and sinks. */
export { fromReadable } from './fromReadable.js';
export { toReadable, type ToReadableOptions } from './toReadable.js';
export { writeTo, type WriteToOptions } from './writeTo.js';
