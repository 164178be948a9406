/** The store in memory: for tests, and for what may be lost with the process. */
export { memoryStore, type MemoryStoreOptions } from './memoryStore.js';
