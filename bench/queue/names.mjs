// What is measured, by name: without what it needs to run.
export const PEERS = ['plainjob', 'liteque', 'bullmq'];
/** @param {boolean} redis whether there is a Redis for BullMQ */
export const jobsOf = (redis) =>
  ['sluice, full', 'sluice, normal', ...PEERS].filter((name) => redis || name !== 'bullmq');
export const SHAPES = ['publishMany', '1,000 publishes at once', '64 publishers', 'one by one'];
export const VALUES = ['a small object', '200 bytes', 'bytes'];
