/** Work for threads of their own. Needs Node, and the package `piscina`. */
export { threads, type ThreadsOptions } from './threads.js';
