/** For testing operators and pipelines: manual sources and consumers, virtual time, laws, leaks. Imports no test runner. */
export { leakCheck, type LeakCheck } from './leakCheck.js';
export { operatorLaws } from './laws.js';
export type { LawParameters, OperatorLaw } from './lawTrial.js';
export type { LawSetup, LawSubject } from './lawRun.js';
export { ManualConsumer, ManualSource } from './manual.js';
export { storeLaws } from './storeLaws.js';
export type { StoreLaw } from './storeLawTrial.js';
export type { StoreSetting, StoreSubject } from './storeSubject.js';
export { VirtualTime } from './virtualTime.js';
