import { leakCheck } from 'sluice/testing';

const leaks = leakCheck();
const timer = setInterval(() => undefined, 1_000);
await leaks.check().catch((error) => console.log(error.message));
clearInterval(timer);
